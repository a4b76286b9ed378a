"""Result of a task, as a small JSON value."""

from __future__ import annotations

from typing import Any

import shardmill


def summary(status: shardmill.JobStatus) -> dict[str, Any]:
    """Returns the keys of `shardmill status --json`, in Python's style."""
    failure = status.failure
    return {
        "job_id": status.job_id,
        "name": status.name,
        "phase": status.phase,
        "rows": status.rows_committed,
        "rows_out": status.rows_out,
        "dead_letters": status.dead_letters,
        "shards": status.shards_total,
        "attempts": status.attempts,
        "seconds": round(status.seconds, 3),
        "output": status.output,
        "manifest": status.manifest,
        "failure": None if failure is None else failure_of(failure),
    }


def failure_of(error: shardmill.ShardmillError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "text": str(error)}
