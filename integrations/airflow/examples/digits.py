"""A DAG that runs the digits job. Each day has its own output folder. A task reads the summary.

It needs a connection `shardmill_default` (type `shardmill`: host, port, token). SHARDMILL_EXAMPLES is the
folder `examples` of a checkout that the coordinator can read.
"""

import os
from datetime import datetime
from pathlib import Path

from airflow.sdk import DAG, task
from shardmill_airflow.operator import ShardmillRunOperator

with DAG("shardmill_digits", schedule=None, start_date=datetime(2026, 1, 1), catchup=False, tags=["shardmill"]):
    examples = Path(os.environ.get("SHARDMILL_EXAMPLES", "/opt/shardmill/examples"))
    output = os.environ.get("SHARDMILL_EXAMPLE_OUTPUT", "/tmp/shardmill-digits")

    run = ShardmillRunOperator(
        task_id="run",
        job=str(examples / "digits" / "job.yaml"),
        set={"output.path": output + "/{{ ds | default('manual', true) }}"},
        deferrable=True,
        retries=2,
    )

    @task
    def check(summary: dict) -> int:
        """Fails the run when too many rows could not be mapped."""
        if summary["dead_letters"] > 0.01 * summary["rows"]:
            raise ValueError(f"{summary['dead_letters']} of {summary['rows']} rows are dead letters")
        return summary["rows_out"]

    check(run.output)
