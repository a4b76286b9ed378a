"""Sensor that waits for a job that another program has submitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import BaseSensorOperator

import shardmill

from .hook import ShardmillHook
from .summary import summary
from .trigger import ShardmillJobTrigger, is_deferred


class ShardmillSensor(BaseSensorOperator):
    """Waits until a job is published, and returns its summary. When killed, it does not cancel the job.

    :param job_id: id of the job (templated): `{{ ti.xcom_pull(task_ids="begin")["job_id"] }}`
    """

    template_fields: Sequence[str] = ("job_id",)
    ui_color = "#dfe7f5"

    def __init__(
        self,
        *,
        job_id: str,
        shardmill_conn_id: str = ShardmillHook.default_conn_name,
        deferrable: bool | None = None,
        patience: float = 3_600.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.shardmill_conn_id = shardmill_conn_id
        self.deferrable = is_deferred(deferrable)
        self.patience = patience
        self._summary: dict[str, Any] | None = None

    def execute(self, context: Any) -> dict[str, Any] | None:
        if not self.deferrable:
            super().execute(context)
            return self._summary
        trigger = ShardmillJobTrigger(self.shardmill_conn_id, self.job_id, self.patience, cancel_on_kill=False)
        self.defer(trigger=trigger, method_name="execute_complete")

    def poke(self, context: Any) -> bool:
        with ShardmillHook(self.shardmill_conn_id).get_conn() as client:
            try:
                status = client.job(self.job_id).status()
            except shardmill.Unreachable as error:
                self.log.info("%s", error)
                return False
        self._summary = summary(status)
        return status.ended and self.execute_complete(context, self._summary) is not None

    def execute_complete(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        if event["phase"] == "published":
            return event
        failure = event["failure"] or {}
        raise AirflowFailException(f"job {event['job_id']} is {event['phase']}: {failure.get('text', '')}")
