"""How a task ends, or is stopped, and what becomes of its pod."""

import contextlib
import threading
from types import SimpleNamespace
from typing import Any

import etl_sales_target_stopping as stopping
import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowTaskTimeout,
)

from etl_sales_target.core import errors
from support.airflow_task import (
    ended,
)


def permanent_exit_codes() -> set[int]:
    """2 is wrong usage, which no error class stands for."""
    kinds: list[type[errors.Failure]] = errors.Failure.__subclasses__()
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    worth_a_retry = {
        kind.exit_code for kind in (errors.JobError, errors.TemporaryError, errors.StoppedError)
    }
    return {2} | {kind.exit_code for kind in kinds} - worth_a_retry


class TestEnd:
    @pytest.mark.parametrize("exit_code", sorted(permanent_exit_codes()))
    def test_a_permanent_failure_is_not_tried_again(self, launched: Any, exit_code: int) -> None:
        with pytest.raises(AirflowException, match="it said why") as failure:
            launched.cleanup(ended(exit_code), ended(exit_code))
        assert type(failure.value).__name__ == "AirflowFailException"

    @pytest.mark.parametrize("exit_code", [1, 70, 75, 137, 143])
    def test_another_may_be(self, launched: Any, exit_code: int) -> None:
        with pytest.raises(AirflowException, match="it said why") as failure:
            launched.cleanup(ended(exit_code), ended(exit_code))
        assert type(failure.value).__name__ != "AirflowFailException"

    def test_success_raises_nothing(self, launched: Any) -> None:
        launched.cleanup(ended(0), ended(0))


class TestStop:
    """`on_kill`, by the state that Airflow has on record for the task."""

    @pytest.fixture
    def deleted(self, launched: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The names of the pods that the running task has deleted."""
        names: list[str] = []
        launched.pod = launched.remote_pod = ended(0)
        delete = lambda name, *_, **__: names.append(name)  # noqa: E731
        monkeypatch.setattr(launched.client, "delete_namespaced_pod", delete)
        return names

    def stop(self, operator: Any, state: str | None, *, try_number: int = 1) -> None:
        """As Airflow does where it has this state of the task on record."""
        operator._ti = SimpleNamespace(
            dag_id="d", task_id="load", run_id="r", map_index=0, max_tries=1,
            try_number=try_number, get_task_states=lambda **_: {"r": {"load_0": state}},
        )  # fmt: skip
        operator.on_kill()

    @pytest.mark.parametrize("state", ["running", "up_for_retry", "queued", "scheduled"])
    def test_of_a_worker_leaves_the_pod(
        self, launched: Any, deleted: list[str], state: str
    ) -> None:
        self.stop(launched, state)
        assert deleted == []

    @pytest.mark.parametrize("state", ["failed", "success", "skipped", "restarting", None])
    def test_of_the_task_deletes_it(
        self, launched: Any, deleted: list[str], state: str | None
    ) -> None:
        self.stop(launched, state)
        assert deleted == ["it"]

    def test_of_the_last_try_deletes_it(self, launched: Any, deleted: list[str]) -> None:
        self.stop(launched, "running", try_number=2)
        assert deleted == ["it"]

    def test_by_a_timeout_deletes_it(self, launched: Any, deleted: list[str]) -> None:
        try:
            raise AirflowTaskTimeout  # noqa: TRY301 - as Airflow calls it
        except AirflowTaskTimeout:
            self.stop(launched, "running")
        assert deleted == ["it"]

    def test_deletes_it_if_airflow_does_not_answer(
        self, launched: Any, deleted: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stopping, "_ANSWER_SECONDS", 0.1)
        silence = threading.Event()
        launched._ti = SimpleNamespace(
            try_number=1, max_tries=1, current_state=lambda: silence.wait(10)
        )
        launched.on_kill()
        silence.set()
        assert deleted == ["it"]

    def test_is_no_success(self, launched: Any, deleted: list[str]) -> None:
        self.stop(launched, "failed")
        assert deleted == ["it"]
        with pytest.raises(AirflowException, match="was stopped"):
            launched.cleanup(ended(0), ended(0))

    @pytest.mark.parametrize("is_left", [True, False])
    def test_leaves_a_pod_through_airflow_2s_end_of_the_task(
        self, launched: Any, deleted: list[str], is_left: bool
    ) -> None:
        self.stop(launched, "running" if is_left else "failed")
        deleted.clear()
        launched._killed = False
        with contextlib.suppress(stopping.AirflowTaskTerminated):
            try:
                raise stopping.AirflowTaskTerminated
            finally:
                launched.cleanup(ended(0), ended(0))
        assert deleted == ([] if is_left else ["it"])

    def test_a_pod_that_the_worker_left_and_followed_to_its_end_is_deleted(
        self, launched: Any, deleted: list[str]
    ) -> None:
        """Airflow 3 lets the task go on until its worker is killed."""
        self.stop(launched, "running")
        launched.cleanup(ended(0), ended(0))
        assert deleted == ["it"]
