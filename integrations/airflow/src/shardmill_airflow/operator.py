"""Operator that runs a job as a task."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import BaseOperator

import shardmill

from .hook import ShardmillHook
from .lineage import lineage_of
from .link import ShardmillJobLink, link_to
from .summary import summary
from .trigger import ShardmillJobTrigger, is_deferred

# Errors that a retry cannot fix: the job file or its data are wrong.
_FINAL = frozenset({"SPEC_INVALID", "ARGUMENT_INVALID", "SQL_INVALID", "ROLE_REFUSED", "TOKEN_REFUSED", "SECRET_REFUSED"})


class ShardmillRunOperator(BaseOperator):
    """Submits a job, waits until it is published, and returns its summary.

    The same job submitted again resumes. So a retry resumes, and a cleared task whose job is published ends
    at once. Give each DAG run its own output: `output.path` with `{{ ds }}` in it.

    :param job: path of a job file that this worker can read, or its content as a dict (templated)
    :param set: values that replace the job file's: `{"input.path": "s3://b/dt={{ ds }}/*"}` (templated)
    :param shardmill_conn_id: a connection of type `shardmill`
    :param fresh: discard earlier runs of the job, only on the task's first try
    :param priority: -1000 to 1000, higher first
    :param deferrable: wait in the triggerer without a worker slot. Default: as Airflow is configured
    :param patience: seconds to wait for an unreachable coordinator
    :param accept_dead_letters: true when a job that is published with dead letters is a success
    :param cancel_on_kill: cancel the job when the task is killed, cleared or marked
    :param wait: true to wait. Otherwise the summary is that of the started job, for a `ShardmillSensor`
    """

    template_fields: Sequence[str] = ("job", "set", "priority")
    template_ext: Sequence[str] = ()
    template_fields_renderers = {"job": "json", "set": "json"}
    operator_extra_links = (ShardmillJobLink(),)
    ui_color = "#dfe7f5"

    def __init__(
        self,
        *,
        job: str | os.PathLike[str] | Mapping[str, Any],
        set: Mapping[str, Any] | Sequence[str] | None = None,
        shardmill_conn_id: str = ShardmillHook.default_conn_name,
        fresh: bool = False,
        priority: int | None = None,
        deferrable: bool | None = None,
        patience: float = 3_600.0,
        accept_dead_letters: bool = True,
        cancel_on_kill: bool = True,
        wait: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.set = set
        self.shardmill_conn_id = shardmill_conn_id
        self.fresh = fresh
        self.priority = priority
        self.deferrable = is_deferred(deferrable)
        self.patience = patience
        self.accept_dead_letters = accept_dead_letters
        self.cancel_on_kill = cancel_on_kill
        self.wait = wait
        self.job_id: str | None = None
        self.page_link: str | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        hook = ShardmillHook(self.shardmill_conn_id)
        with hook.get_conn(self.patience) as client:
            try:
                # A retry never discards commits of an earlier try.
                fresh = self.fresh and context["ti"].try_number == 1
                job = client.submit(self.job, set=self.set, fresh=fresh, priority=self.priority)
            except shardmill.ShardmillError as error:
                raise _airflow_error(error.code, str(error)) from error
            self.job_id = job.id
            for note in job.notes:
                self.log.info("%s", note)
            self.log.info("job %s on %s", job.id, client.address)
            self._link(hook)
            status = job.status()
            if job.nothing_new or not self.wait:
                return summary(status)
            if not status.ended and self.deferrable:
                trigger = ShardmillJobTrigger(self.shardmill_conn_id, job.id, self.patience, self.cancel_on_kill)
                timeout: timedelta | None = self.execution_timeout
                self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)
            for status in job.watch():
                self.log.info("%s: %d of %d rows", status.phase, status.rows_done, status.rows_total)
            return self._ended(summary(status))

    def execute_complete(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Receives the trigger's event."""
        self.job_id = event["job_id"]
        self._link(ShardmillHook(self.shardmill_conn_id))
        return self._ended(event)

    def _link(self, hook: ShardmillHook) -> None:
        if hook.page is not None and self.job_id is not None:
            self.page_link = link_to(hook.page, self.job_id)

    def _ended(self, event: dict[str, Any]) -> dict[str, Any]:
        failure = event["failure"] or {}
        if event["phase"] != "published":
            text = f"job {event['job_id']} is {event['phase']}: {failure.get('text', '')}"
            raise _airflow_error(failure.get("code", ""), text)
        self.log.info("published %d rows to %s", event["rows_out"], event["output"])
        if event["dead_letters"] > 0 and not self.accept_dead_letters:
            dead, where = event["dead_letters"], f"{event['output']}/_errors"
            raise AirflowFailException(f"published, but {dead} rows are dead letters: see {where}")
        return event

    def on_kill(self) -> None:
        """Cancels the job. Airflow calls the trigger's `on_kill` instead while the task is deferred."""
        if self.job_id is None or not self.cancel_on_kill:
            return
        with ShardmillHook(self.shardmill_conn_id).get_conn() as client:
            client.job(self.job_id).cancel("the Airflow task was killed")

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Returns inputs and outputs as the manifest of the published output names them."""
        if self.job_id is None:
            return None
        with ShardmillHook(self.shardmill_conn_id).get_conn() as client:
            return lineage_of(client.job(self.job_id).result(timeout=60))


def _airflow_error(code: str, text: str) -> AirflowException:
    return AirflowFailException(text) if code in _FINAL else AirflowException(text)
