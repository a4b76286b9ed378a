"""A button of a task that opens its job on the coordinator's page."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink


class ShardmillJobLink(BaseOperatorLink):
    """Link to the page of the connection. Airflow requests it in the task's own process, after the run."""

    name = "Shardmill"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return getattr(operator, "page_link", None) or ""


def link_to(page: str, job_id: str) -> str:
    return f"{page}/#/job/{quote(job_id, safe='')}/"
