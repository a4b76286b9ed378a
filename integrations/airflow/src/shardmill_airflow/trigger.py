"""Trigger that waits for jobs without a worker slot."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

from airflow.configuration import conf
from airflow.triggers.base import BaseTrigger, TriggerEvent

import shardmill

from .hook import aio_client
from .summary import failure_of, summary

_log = logging.getLogger(__name__)


class ShardmillJobTrigger(BaseTrigger):
    """Watches a job until it has ended, also over restarts of the coordinator. Its only event is the summary.

    It contains the name of the connection and no token, because Airflow stores triggers in its database.

    :param patience: seconds to wait for an unreachable coordinator
    :param cancel_on_kill: cancel the job when the task is cleared or marked while it is deferred
    """

    def __init__(
        self, shardmill_conn_id: str, job_id: str, patience: float = 3_600.0, cancel_on_kill: bool = True
    ) -> None:
        super().__init__()
        self.shardmill_conn_id = shardmill_conn_id
        self.job_id = job_id
        self.patience = patience
        self.cancel_on_kill = cancel_on_kill

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kept = {
            "shardmill_conn_id": self.shardmill_conn_id,
            "job_id": self.job_id,
            "patience": self.patience,
            "cancel_on_kill": self.cancel_on_kill,
        }
        return "shardmill_airflow.trigger.ShardmillJobTrigger", kept

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            async with await aio_client(self.shardmill_conn_id, self.patience) as client:
                async for status in client.job(self.job_id).watch():
                    if status.ended:
                        yield TriggerEvent(summary(status))
                        return
        except shardmill.ShardmillError as error:
            yield TriggerEvent({"job_id": self.job_id, "phase": "lost", "failure": failure_of(error)})

    async def on_kill(self) -> None:
        """Cancels the job of a deferred task that a person cleared, failed or marked (Airflow >= 3.3)."""
        if not self.cancel_on_kill:
            return
        try:
            async with await aio_client(self.shardmill_conn_id, self.patience) as client:
                await client.job(self.job_id).cancel("the Airflow task was killed")
        except shardmill.ShardmillError as error:
            _log.warning("job %s was not cancelled: %s", self.job_id, error)


def is_deferred(asked: bool | None) -> bool:
    """Returns true when a task waits in the triggerer. Default: as Airflow is configured."""
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False)) if asked is None else asked
