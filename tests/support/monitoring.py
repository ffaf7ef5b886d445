"""A Pushgateway and a Prometheus that scrapes it, on loopback, gone when closed.

They come from Debian's packages `prometheus-pushgateway` and `prometheus`.
"""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from demo.embedded_postgres import unused_port

_READY_SECONDS = 30
_SCRAPED_SECONDS = 30


def needs(*commands: str) -> pytest.MarkDecorator:
    """Skips a test where one of these commands is not installed."""
    missing = [command for command in commands if shutil.which(command) is None]
    packages = "Debian's packages prometheus and prometheus-pushgateway"
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}, of {packages}")


PROMTOOL = shutil.which("promtool") or "promtool"

needs_monitoring = needs("prometheus", "prometheus-pushgateway")
needs_promtool = needs("promtool")


class _Server:
    """A process that listens on a free loopback port and says by HTTP when it is ready."""

    command: str

    def __init__(self, *options: str, scheme: str = "http") -> None:
        self.port = unused_port()
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"{scheme}://{self.address}"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix=f"{self.command}-")
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()
        self._folder.cleanup()

    def start(self) -> None:
        """Starts it, with nothing of what it knew before."""
        log = Path(self._folder.name, "log")
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [self.command, f"--web.listen-address={self.address}", *self.arguments()],
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ChildProcessError(f"{self.command} did not start: {log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stops it."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def arguments(self) -> Sequence[str]:
        return self._options

    def get(self, path: str) -> str:
        """What it answers to a GET."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:  # noqa: S310
            body: bytes = answer.read()
        return body.decode()

    def _is_ready(self) -> bool:
        try:
            self.get("/-/ready")
        except urllib.error.HTTPError as error:
            return error.code == 401  # It listens, and asks for a login.
        except urllib.error.URLError as error:
            return "CERTIFICATE_VERIFY_FAILED" in str(error)  # It listens, with TLS.
        except OSError:
            return False
        return True


class Pushgateway(_Server):
    """A Pushgateway that keeps nothing on disk. `options` are its command-line options."""

    command = "prometheus-pushgateway"

    def arguments(self) -> Sequence[str]:
        return ["--persistence.file=", *self._options]

    def delete(self, path: str) -> int:
        """Its status in answer to a DELETE."""
        request = urllib.request.Request(f"{self.url}{path}", method="DELETE")  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            status: int = answer.status
        return status

    def groups(self) -> list[dict[str, str]]:
        """The labels of each group that it holds."""
        return [group["labels"] for group in json.loads(self.get("/api/v1/metrics"))["data"]]


class Prometheus(_Server):
    """A Prometheus that scrapes a Pushgateway and evaluates rules four times a second."""

    command = "prometheus"

    def __init__(self, gateway: Pushgateway, rules: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._gateway = gateway
        self._rules = rules

    def arguments(self) -> Sequence[str]:
        config, rules = (Path(self._folder.name, name) for name in ("config.yml", "rules.yml"))
        rules.write_text(yaml.safe_dump(self._rules or {"groups": []}))
        config.write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": "250ms", "evaluation_interval": "250ms"},
                    "rule_files": [str(rules)],
                    "scrape_configs": [
                        {
                            "job_name": "pushgateway",
                            "honor_labels": True,
                            "static_configs": [{"targets": [self._gateway.address]}],
                        }
                    ],
                }
            )
        )
        return [f"--config.file={config}", f"--storage.tsdb.path={self._folder.name}/data"]

    def wait_for_scrape(self) -> None:
        """Returns when all that is on the gateway now has been scraped."""
        deadline = time.monotonic() + _SCRAPED_SECONDS
        now = time.time()
        while time.monotonic() < deadline:
            # timestamp() tells a sample's time of a plain selector only, else that of the query.
            scraped = self.value('timestamp(up{job="pushgateway"}) and up{job="pushgateway"} == 1')
            if scraped and scraped > now:
                return
            time.sleep(0.1)
        raise TimeoutError("Prometheus does not scrape the Pushgateway.")

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Each sample's labels and value now."""
        query = urllib.parse.urlencode({"query": expression})
        answer = json.loads(self.get(f"/api/v1/query?{query}"))["data"]
        if answer["resultType"] == "scalar":
            return [({}, float(answer["result"][1]))]
        return [(each["metric"], float(each["value"][1])) for each in answer["result"]]

    def query_range(
        self, expression: str, start: float, end: float, step: float
    ) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        """Each series' labels and its points (time, value)."""
        query = urllib.parse.urlencode(
            {"query": expression, "start": start, "end": end, "step": step}
        )
        answer = json.loads(self.get(f"/api/v1/query_range?{query}"))["data"]
        return [
            (each["metric"], [(time, float(value)) for time, value in each["values"]])
            for each in answer["result"]
        ]

    def value(self, expression: str) -> float | None:
        """The value of the one sample; None where there is none."""
        found = self.query(expression)
        if not found:
            return None
        [(_, value)] = found
        return value

    def number(self, expression: str) -> float:
        """The value of the one sample, which must be there."""
        value = self.value(expression)
        assert value is not None, expression
        return value

    def values(self, expression: str, label: str) -> dict[str, float]:
        """The samples' values by this label."""
        return {labels[label]: value for labels, value in self.query(expression)}

    def alerts(self, name: str | None = None) -> list[dict[str, Any]]:
        """What fires now, of this alert where one is named: labels and annotations."""
        alerts = json.loads(self.get("/api/v1/alerts"))["data"]["alerts"]
        return [
            alert
            for alert in alerts
            if alert["state"] == "firing" and name in (None, alert["labels"]["alertname"])
        ]

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        return {alert["labels"]["alertname"] for alert in self.alerts()}
