"""Status of a coordinator's jobs and workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from google.protobuf.json_format import MessageToDict

from ._messages import word
from .errors import ShardmillError, from_detail

Phase = str
"""`planning`, `running`, `reducing`, `publishing`, and at the end `published`, `failed` or `cancelled`."""

ENDED = frozenset({"published", "failed", "cancelled"})


@dataclass(frozen=True)
class JobStatus:
    """Current status of a job. Counts of rows are of the input, except for `rows_out`."""

    job_id: str
    name: str
    phase: Phase
    output: str
    """Address of the output, as the coordinator names it: a folder, or `s3://bucket/path`."""
    manifest: str | None
    """Path of the manifest. None: the job is not published."""
    rows_total: int
    """Rows of the plan, without pruned and skipped rows. 0 while planning."""
    rows_done: int
    rows_committed: int
    rows_out: int
    rows_filtered: int
    rows_pruned: int
    rows_skipped: int
    rows_truncated: int
    rows_filled: int
    dead_letters: int
    shards_total: int
    shards_committed: int
    shards_leased: int
    attempts: int
    attempts_failed: int
    workers: int
    seconds: float
    rows_per_second: float
    seconds_left: float | None
    bottleneck: str | None
    """Bottleneck: a stage (`infer`), or `start`, `shards`, `coordinator`, `reduce`. None: unknown."""
    advice: str | None
    """One sentence on how to make the job faster. None: unknown."""
    stages: Mapping[str, float]
    """Mean busy share of each stage, 0 to 1."""
    padding: float | None
    priority: int
    paused: bool
    failure: ShardmillError | None
    details: Mapping[str, Any]
    """Other fields, as in the proto files: `conversion`, `devices`, `batch`, `stores`, `fetching`, `waiting`."""

    @property
    def ended(self) -> bool:
        return self.phase in ENDED

    @property
    def progress(self) -> float:
        """Share of rows that are done, 0 to 1."""
        return self.rows_done / self.rows_total if self.rows_total > 0 else float(self.phase == "published")


@dataclass(frozen=True)
class Worker:
    """A connected worker."""

    name: str
    hostname: str
    pid: int
    device: str | None
    slots: int
    lanes: int
    leases: int
    rows_committed: int
    shards_committed: int
    attempts_failed: int
    seconds_connected: float
    seconds_since_heartbeat: float
    busy: Mapping[str, float]
    excluded_for_seconds: float | None
    """Seconds without shards, because the worker failed too often. 0: one shard at a time. None: not excluded."""
    refused: str | None
    """Reason why a job refuses this worker. None: no job does."""
    build: str


_DETAILS = ("conversion", "devices", "batch", "stores", "fetching", "waiting")
_CONVERTED = {"phase", "manifest", "seconds_left", "bottleneck", "advice", "stages", "padding", "failure", "details"}
_JOB = tuple(field.name for field in fields(JobStatus) if field.name not in _CONVERTED)
_WORKER = (
    *("name", "hostname", "pid", "slots", "lanes", "leases", "rows_committed", "shards_committed"),
    *("attempts_failed", "seconds_connected", "seconds_since_heartbeat", "build"),
)


def job_status(message: Any) -> JobStatus:
    """Returns the status of a `JobStatus` message."""
    rest = MessageToDict(message, preserving_proto_field_name=True)
    return JobStatus(
        **{name: getattr(message, name) for name in _JOB},
        phase=word("JobPhase", message.phase) or "planning",
        manifest=message.manifest or None,
        seconds_left=message.seconds_left if message.HasField("seconds_left") else None,
        bottleneck=word("Bottleneck", message.bottleneck),
        advice=message.advice or None,
        stages=dict(message.stages),
        padding=message.padding if message.HasField("padding") else None,
        failure=from_detail(message.failure) if message.HasField("failure") else None,
        details={name: rest[name] for name in _DETAILS if name in rest},
    )


def worker_status(message: Any) -> Worker:
    """Returns the status of a `WorkerStatus` message."""
    return Worker(
        **{name: getattr(message, name) for name in _WORKER},
        device=word("Device", message.device),
        busy=dict(message.busy),
        excluded_for_seconds=message.excluded_for_seconds if message.HasField("excluded_for_seconds") else None,
        refused=message.refused or None,
    )
