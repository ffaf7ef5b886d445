"""The chart as it is published: nothing in it points to a placeholder."""

import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from support.chart import CHART, HELM, needs_helm, render
from support.project import PROJECT

pytestmark = needs_helm

GIVEN = {
    "REGISTRY": "registry.company.net/team",
    "PROJECT_URL": "https://git.company.net/etl-sales-target",
}


def package(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    rest = {name: value for name, value in os.environ.items() if name not in GIVEN}
    return subprocess.run(
        [str(PROJECT / "helm/package-chart"), str(folder)],
        env={**rest, "HELM": str(HELM), **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def packaged(tmp_path: Path) -> Path:
    done = package(tmp_path, **GIVEN)
    assert done.returncode == 0, done.stdout + done.stderr
    [file] = tmp_path.glob("*.tgz")
    return file


def test_it_is_the_chart(packaged: Path) -> None:
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    assert packaged.name == f"etl-sales-target-{version}.tgz"
    manifests = render({"prometheusRule": {"enabled": True}}, chart=packaged)
    assert len(manifests.objects) == len(render({"prometheusRule": {"enabled": True}}).objects)


def test_registry_and_links_are_yours(packaged: Path) -> None:
    manifests = render({"prometheusRule": {"enabled": True}}, chart=packaged)
    assert manifests.container["image"].startswith("registry.company.net/team/etl-sales-target:")
    links = {
        rule["annotations"]["runbook_url"].partition("#")[0]
        for rule in manifests.one("PrometheusRule")["spec"]["groups"][0]["rules"]
        if "alert" in rule
    }
    assert links == {"https://git.company.net/etl-sales-target/blob/main/docs/runbook.md"}


def test_no_placeholder_is_left_and_every_link_leaves_the_chart(packaged: Path) -> None:
    with tarfile.open(packaged) as archive:
        texts = {
            member.name: archive.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in archive
        }
    for name, text in texts.items():
        assert not re.search(r"(git|registry)\.example\.com", text), name
    targets = re.findall(r"\]\(([^)#]+)", texts["etl-sales-target/README.md"])
    assert targets
    for target in targets:
        if target.startswith("https://git.company.net/etl-sales-target/blob/main/"):
            assert (PROJECT / target.partition("/blob/main/")[2]).exists(), target
        else:
            assert f"etl-sales-target/{target}" in texts, target


@pytest.mark.parametrize("missing", GIVEN)
def test_what_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    done = package(tmp_path, **{name: value for name, value in GIVEN.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr
    assert list(tmp_path.iterdir()) == []
