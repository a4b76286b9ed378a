"""Tests that need no coordinator."""

from __future__ import annotations

from dataclasses import fields

import pytest

from shardmill import Problem, ShardmillError, Unreachable
from shardmill._jobs import submission
from shardmill._messages import message_class, word
from shardmill._retry import Retry
from shardmill.status import JobStatus, job_status


def test_enum_values_become_words_and_unknown_values_become_numbers() -> None:
    assert word("JobPhase", 2) == "running"
    assert word("Bottleneck", 0) is None
    assert word("JobPhase", 99) == "99"


def test_a_status_of_a_later_coordinator_is_read() -> None:
    # The data has a field and a phase that are unknown to this version.
    message = message_class("JobStatus")(job_id="j", rows_done=3, rows_total=4)
    data = message.SerializeToString() + bytes([0x18, 99]) + bytes([0xF2, 0x3F, 1, 0x78])
    status = job_status(message_class("JobStatus").FromString(data))
    assert (status.job_id, status.phase, status.progress, status.ended) == ("j", "99", 0.75, False)


def test_a_status_has_every_count_of_rows() -> None:
    message = message_class("JobStatus").DESCRIPTOR
    counts = {field.name for field in message.fields if field.name.startswith("rows_") and field.type == field.TYPE_UINT64}
    assert counts <= {field.name for field in fields(JobStatus)}


def test_only_variables_that_the_job_names_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET", "b")
    monkeypatch.setenv("OTHER", "o")
    monkeypatch.setenv("LIMIT", "7")
    job = {"input": {"path": "s3://${BUCKET}/${MISSING:-x}"}}
    request = submission(job, set=["input.limit=${LIMIT}"], fresh=True, priority=None)
    assert dict(request.job_file.variables) == {"BUCKET": "b", "LIMIT": "7"}
    assert request.job_file.at == ""
    assert request.fresh and not request.HasField("priority") and request.spec_json == b""


def test_settings_are_values_or_texts() -> None:
    request = submission({}, set={"a.b": [1, "x"], "c": None}, fresh=False, priority=0, at="20261128T013000Z")
    assert request.job_file.at == "20261128T013000Z"
    assert list(request.job_file.set) == ['a.b=[1, "x"]', "c=null"]
    assert request.HasField("priority")
    with pytest.raises(TypeError):
        submission({}, set="a=b", fresh=False, priority=None)


def test_an_error_has_the_same_text_as_on_the_command_line() -> None:
    problem = Problem("job.yaml:3:1", "unknown key", expected="path", found="pth", hint="did you mean path?")
    error = ShardmillError("SPEC_INVALID", "the job file has 1 problem", problems=[problem], hint="see docs")
    assert str(error).splitlines() == [
        "the job file has 1 problem (SPEC_INVALID)",
        "  job.yaml:3:1: unknown key (expected path, found pth)",
        "    hint: did you mean path?",
        "hint: see docs",
    ]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_watch_waits_longer_after_each_failure_until_its_patience_ends() -> None:
    clock, error = Clock(), Unreachable("COORDINATOR_UNREACHABLE", "away")
    retry = Retry("j", 10, None, clock)
    pauses = []
    with pytest.raises(Unreachable):
        while True:
            pauses.append(retry.pause_after(error))
            clock.now += pauses[-1]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    # After an answer, the pauses restart.
    retry.reached()
    assert retry.pause_after(error) == 0.2


def test_a_watch_ends_at_its_timeout() -> None:
    clock, error = Clock(), Unreachable("COORDINATOR_UNREACHABLE", "away")
    retry = Retry("j", 300, 1, clock)
    assert retry.left() == 1
    clock.now = 0.9
    assert retry.pause_after(error) == pytest.approx(0.1)
    clock.now = 1
    with pytest.raises(TimeoutError):
        retry.pause_after(error)
    with pytest.raises(TimeoutError):
        retry.left()
