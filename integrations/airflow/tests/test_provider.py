"""The provider in a real Airflow, against real coordinators and workers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shardmill_world import DIGITS, World

import shardmill

AIRFLOW = Path(sys.executable).parent / "airflow"
EXAMPLES = Path(__file__).parents[1] / "examples"
LIMIT_SECONDS = 900

HEAD = """
import os
from datetime import datetime, timedelta
from airflow.sdk import DAG, task
from shardmill_airflow.operator import ShardmillRunOperator
from shardmill_airflow.sensor import ShardmillSensor

def dag(name):
    return DAG(name, schedule=None, start_date=datetime(2026, 1, 1), catchup=False)
"""


class Airflow:
    """An Airflow with its own home: configuration, database, DAGs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "dags").mkdir(parents=True)
        self.env = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        }
        self.run("db", "migrate")

    def run(self, *args: str, code: int = 0) -> str:
        done = subprocess.run(
            [str(AIRFLOW), *args],
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_SECONDS,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def test(self, name: str, body: str, code: int = 0) -> str:
        """Runs a DAG to its end, including the work of a triggerer. `code` 1: it must fail."""
        (self.home / "dags" / f"{name}.py").write_text(body)
        said = self.run("dags", "test", name, code=code)
        (self.home / "dags" / f"{name}.py").unlink()
        return said


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    home = tmp_path_factory.mktemp("airflow")
    yield Airflow(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def world(tmp_path: Path, airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path)
    try:
        _, address = made.coordinator()
        made.worker(address)
        made.job_file()
        host, port = address.split(":")
        extra = {"secret_file": str(made.secret_file), "page": "http://node1:7435/"}
        connection = {"conn_type": "shardmill", "host": host, "port": int(port), "extra": extra}
        more = {
            "AIRFLOW_CONN_SHARDMILL_DEFAULT": json.dumps(connection),
            "MODEL": str(DIGITS / "model.onnx"),
            "JOB": str(made.folder / "job.yaml"),
            "SHARDMILL_EXAMPLES": str(DIGITS.parent),
            "SHARDMILL_EXAMPLE_OUTPUT": str(made.folder / "example"),
        }
        for name, value in more.items():
            airflow.env[name] = value
            monkeypatch.setenv(name, value)
        yield made
    finally:
        made.end()
        shutil.rmtree(tmp_path, ignore_errors=True)


def client_of(world: World) -> shardmill.Client:
    connection = json.loads(os.environ["AIRFLOW_CONN_SHARDMILL_DEFAULT"])
    return shardmill.Client(f"{connection['host']}:{connection['port']}", secret_file=world.secret_file)


def test_airflow_knows_the_provider(airflow: Airflow) -> None:
    assert "airflow-provider-shardmill" in airflow.run("providers", "list")
    assert "shardmill_airflow.hook.ShardmillHook" in airflow.run("providers", "hooks")


def test_the_example_runs_deferred_and_passes_its_summary_to_the_next_task(world: World, airflow: Airflow) -> None:
    said = airflow.test("shardmill_digits", (EXAMPLES / "digits.py").read_text())
    assert "state=success" in said, said
    (day,) = (world.folder / "example").iterdir()
    manifest = (day / "_manifest.json").read_bytes()
    assert json.loads(manifest)["rows"]["output"] == 10_000
    # Cleared and run again, it finds the published output.
    again = airflow.test("shardmill_digits", (EXAMPLES / "digits.py").read_text())
    assert "state=success" in again
    assert (day / "_manifest.json").read_bytes() == manifest


def test_a_job_is_submitted_by_one_task_and_awaited_by_another(world: World, airflow: Airflow) -> None:
    body = f"""{HEAD}
with dag("apart"):
    begin = ShardmillRunOperator(task_id="begin", job=os.environ["JOB"], wait=False)
    for deferrable in (True, False):
        done = ShardmillSensor(
            task_id=f"done_{{deferrable}}",
            job_id="{{{{ ti.xcom_pull(task_ids='begin')['job_id'] }}}}",
            deferrable=deferrable,
            poke_interval=1,
        )
        begin >> done
"""
    said = airflow.test("apart", body)
    assert "state=success" in said, said
    with client_of(world) as client:
        assert [status.phase for status in client.jobs()] == ["published"]


def test_an_invalid_job_fails_its_task_without_a_retry(world: World, airflow: Airflow) -> None:
    body = f"""{HEAD}
with dag("wrong"):
    ShardmillRunOperator(task_id="run", job=os.environ["JOB"], set={{"map.more": 1}}, retries=3, retry_delay=timedelta(0))
"""
    said = airflow.test("wrong", body, code=1)
    assert "state=failed" in said and "SPEC_INVALID" in said and "map.more" in said, said
    assert "UP_FOR_RETRY" not in said


def test_a_job_that_fails_fails_its_task_with_the_reason(world: World, airflow: Airflow) -> None:
    bad = "SELECT CAST('no number' AS INTEGER) AS n FROM partials"
    body = f"""{HEAD}
with dag("failing"):
    ShardmillRunOperator(task_id="run", job=os.environ["JOB"], set={{"reduce.accuracy.final": {bad!r}}}, deferrable=False)
"""
    said = airflow.test("failing", body, code=1)
    assert "state=failed" in said, said
    # The reason names the reduction and the value.
    assert re.search(r"reduce\.accuracy\.final.*no number.*\(SQL_FAILED\)", said), said


def event_of(trigger: Any) -> dict[str, Any]:
    async def first() -> dict[str, Any]:
        async for event in trigger.run():
            return dict(event.payload)
        raise AssertionError("no event")

    return asyncio.run(first())


def test_a_deserialized_trigger_cancels_its_job_when_it_is_killed(world: World) -> None:
    from shardmill_airflow.trigger import ShardmillJobTrigger

    with client_of(world) as client:
        job = client.submit(world.folder / "job.yaml", set={"input.shardRows": 100})
        job.pause()
        path, kept = ShardmillJobTrigger("shardmill_default", job.id).serialize()
        assert path == f"{ShardmillJobTrigger.__module__}.{ShardmillJobTrigger.__qualname__}"
        trigger = ShardmillJobTrigger(**json.loads(json.dumps(kept)))
        asyncio.run(ShardmillJobTrigger(**{**kept, "cancel_on_kill": False}).on_kill())
        assert not job.status().ended
        asyncio.run(trigger.on_kill())
        assert job.status().phase == "cancelled"
        event = event_of(trigger)
        assert event["phase"] == "cancelled" and "Airflow" in event["failure"]["text"]
        assert event_of(ShardmillJobTrigger("shardmill_default", "none"))["failure"]["code"] == "JOB_NOT_FOUND"


def test_links_and_dataset_names_have_their_form(world: World) -> None:
    from shardmill_airflow.lineage import place_of
    from shardmill_airflow.link import ShardmillJobLink, link_to

    assert link_to("http://node1:7435", "a/b") == "http://node1:7435/#/job/a%2Fb/"
    assert ShardmillJobLink().get_link(object(), ti_key=None) == ""
    assert place_of("s3://bucket/a/b") == ("s3://bucket", "a/b")
    assert place_of("/data/x.parquet") == ("file", "/data/x.parquet")


def test_lineage_has_the_inputs_and_the_published_output(world: World) -> None:
    from shardmill_airflow.lineage import lineage_of

    with client_of(world) as client:
        lineage = lineage_of(client.submit(world.folder / "job.yaml").result())
    assert [(found.namespace, found.name) for found in lineage.inputs] == [("file", f"{DIGITS}/data/*.parquet")]
    (output,) = lineage.outputs
    assert (output.namespace, output.name) == ("file", f"{world.folder}/out")
    assert output.outputFacets["outputStatistics"].rowCount == 10_000


def test_the_connection_test_reports_the_coordinator_or_the_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from shardmill_airflow.hook import ShardmillHook

    fine, said = ShardmillHook().test_connection()
    assert fine and "0 jobs" in said
    monkeypatch.setenv("AIRFLOW_CONN_SHARDMILL_DEFAULT", json.dumps({"conn_type": "shardmill", "host": "127.0.0.1", "port": 1}))
    fine, said = ShardmillHook().test_connection()
    assert not fine and "COORDINATOR_UNREACHABLE" in said


def test_a_blocking_client_waits_for_its_patience(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from shardmill_airflow.hook import ShardmillHook

    monkeypatch.setenv("AIRFLOW_CONN_SHARDMILL_DEFAULT", json.dumps({"conn_type": "shardmill", "host": "127.0.0.1", "port": 1}))
    began = time.monotonic()
    with ShardmillHook().get_conn(patience=0.5) as client, pytest.raises(shardmill.Unreachable):
        client.job("none").result()
    assert 0.5 <= time.monotonic() - began < 60
