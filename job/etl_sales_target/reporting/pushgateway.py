"""The Prometheus Pushgateway: pushes a run's metrics, and asks whether it is there."""

import base64
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tenacity
from prometheus_client import CollectorRegistry, pushadd_to_gateway

from etl_sales_target.core.errors import (
    ConfigurationError,
    JobError,
    NotAllowedError,
    TemporaryError,
)
from etl_sales_target.core.result import Report
from etl_sales_target.reporting.metrics import ReportCollector
from etl_sales_target.runtime import deadline, logs
from etl_sales_target.runtime.deadline import DeadlineError

# One name for all groups: what tells them apart is the namespace and the target. No label of the
# pod: each run replaces what the last one left.
JOB = "etl_sales_target"

_PAUSE_SECONDS = 1
_SHOWN_CHARACTERS = 200
_REMEDY = "See ETL_PUSHGATEWAY_URL and the network's rules."


@dataclass(frozen=True)
class Pushgateway:
    """Where it is and how to log in. Its calls raise JobErrors, which name the gateway.

    A call takes at most `timeout_seconds`, with all that is retried. `namespace` is the one of
    Kubernetes in which the job runs; None outside of it.
    """

    url: str
    timeout_seconds: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    namespace: str | None = None

    def push(self, report: Report) -> None:
        """Replaces the report's families in its table's group; retries what is temporary."""
        self._in_time(lambda: self._push(report))

    def _push(self, report: Report) -> None:
        registry = CollectorRegistry()
        registry.register(ReportCollector(report))
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TemporaryError),
            wait=tenacity.wait_fixed(_PAUSE_SECONDS),
            stop=tenacity.stop_before_delay(self.timeout_seconds),
            reraise=True,
        ):
            with attempt:
                pushadd_to_gateway(
                    self.url, job=JOB, grouping_key=self._grouping_key(report),
                    registry=registry, timeout=self.timeout_seconds, handler=self._handler,
                )  # fmt: skip

    def _grouping_key(self, report: Report) -> dict[str, str]:
        """What tells the group of this report's table from others of the job."""
        namespace = {"namespace": self.namespace} if self.namespace else {}
        return {**namespace, "target_table": report.target}

    def check(self) -> str:
        """A line of `check`: it is ready, and lets this user in."""
        self._in_time(lambda: self._request("GET", f"{self.url}/-/ready"))
        return f"{self.url} is ready"

    def _in_time(self, call: Callable[[], None]) -> None:
        # A socket's timeout would begin anew with each byte, and not cover the name's lookup.
        try:
            deadline.call(call, seconds=self.timeout_seconds)
        except DeadlineError as error:
            raise TemporaryError(
                f"The Pushgateway at {self.url} cannot be reached: {error} "
                "(ETL_PUSHGATEWAY_TIMEOUT_SECONDS).",
                remedy=_REMEDY,
            ) from error

    def _handler(
        self, url: str, method: str, timeout: float | None, headers: Any, data: bytes
    ) -> Callable[[], None]:
        """The shape in which prometheus_client takes one; its own have no login with `ca_file`."""
        del timeout  # Our own.
        return lambda: self._request(method, url, data, dict(headers))

    def _request(
        self,
        method: str,
        url: str,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        request = urllib.request.Request(  # noqa: S310 - the settings admit http and https only
            url, data, {**(headers or {}), **self._login()}, method=method
        )
        try:
            opener = urllib.request.build_opener(_NoRedirect, *self._tls())
            opener.open(request).close()
        except urllib.error.HTTPError as error:
            with error:
                raise self._answered(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error

    def _login(self) -> dict[str, str]:
        if not self.user:
            return {}
        login = base64.b64encode(f"{self.user}:{self.password or ''}".encode()).decode()
        logs.register_secrets([login])
        return {"Authorization": f"Basic {login}"}

    def _tls(self) -> Iterator[urllib.request.HTTPSHandler]:
        if not self.url.startswith("https:"):
            return
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"The CA certificates of the Pushgateway cannot be read from {self.ca_file}: "
                f"{error.strerror or error}.",
                remedy="ETL_PUSHGATEWAY_CA_FILE names a PEM file that this user may read.",
            ) from error
        yield urllib.request.HTTPSHandler(context=context)

    def _answered(self, error: urllib.error.HTTPError) -> JobError:
        said = " ".join(error.read(_SHOWN_CHARACTERS).decode(errors="replace").split())
        message = f"The Pushgateway at {self.url} answered {error.code} {error.reason}"
        message += f": {said.removesuffix('.')}." if said else "."
        code = str(error.code)
        if error.code in {401, 403}:
            remedy = "See ETL_PUSHGATEWAY_USER and ETL_PUSHGATEWAY_PASSWORD."
            return NotAllowedError(message, code=code, remedy=remedy)
        if error.code >= http.client.INTERNAL_SERVER_ERROR:
            return TemporaryError(message, code=code)
        return ConfigurationError(message, code=code, remedy="See ETL_PUSHGATEWAY_URL.")

    def _unreachable(self, error: Exception) -> JobError:
        reason = getattr(error, "reason", error)
        message = (
            f"The Pushgateway at {self.url} cannot be reached: {reason or type(reason).__name__}."
        )
        if isinstance(reason, ssl.SSLError):
            return ConfigurationError(message, remedy="See ETL_PUSHGATEWAY_CA_FILE.")
        return TemporaryError(message, remedy=_REMEDY)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, without its metrics."""

    def redirect_request(self, *_args: Any) -> None:
        return None
