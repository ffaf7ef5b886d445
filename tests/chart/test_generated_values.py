"""Whatever the schema accepts renders to objects that Kubernetes accepts."""

import os
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.chart import RELEASE, needs_helm, render
from support.chart_values import VALUES
from support.kubernetes_objects import VERSIONS, problems

pytestmark = needs_helm

EXAMPLES = int(os.environ.get("CHART_EXAMPLES", "25"))
RELEASES = st.sampled_from([RELEASE, "prod", "1", "a.b", "r" * 53, f"{'r' * 50}.s"])
# From the first in which the chart has native sidecars.
NEW_ENOUGH = st.sampled_from(VERSIONS[VERSIONS.index("1.29.0") :])


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    # Explaining a failure takes long where each example starts Helm.
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(values=VALUES, release=RELEASES, version=NEW_ENOUGH)
def test_every_object_is_accepted(values: dict[str, Any], release: str, version: str) -> None:
    manifests = render(values, "--kube-version", version, release=release)

    assert len(manifests.objects) >= 3
    for found in manifests.objects:
        assert problems(found, version) == []
        own = {"app.kubernetes.io/instance": release, "app.kubernetes.io/managed-by": "Helm"}
        assert found["metadata"]["labels"].items() >= own.items()
