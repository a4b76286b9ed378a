"""A whole Airflow. A person marks a task in the triggerer as failed, and its job is cancelled."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from shardmill_world import DIGITS, World

import shardmill

AIRFLOW = Path(sys.executable).parent / "airflow"
LIMIT_SECONDS = 600.0

DAG = """
import os
from datetime import datetime
from airflow.sdk import DAG
from shardmill_airflow.operator import ShardmillRunOperator

with DAG("killed", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    ShardmillRunOperator(task_id="run", job=os.environ["JOB"], deferrable=True)
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def until(what: Callable[[], Any], why: Callable[[], str]) -> Any:
    ends = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < ends:
        found = what()
        if found:
            return found
        time.sleep(1)
    raise AssertionError(why())


class Standalone:
    """Scheduler, triggerer, DAG processor and API server of an Airflow, on their own ports."""

    def __init__(self, home: Path, env: dict[str, str]) -> None:
        self.log = home / "standalone.log"
        (home / "dags").mkdir(parents=True)
        (home / "dags" / "killed.py").write_text(DAG)
        self.port = free_port()
        settings = {
            "CORE__DAGS_FOLDER": str(home / "dags"),
            "CORE__LOAD_EXAMPLES": "false",
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "true",
            "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self.port}/execution/",
            "API__PORT": str(self.port),
            "API__HOST": "127.0.0.1",
            "API__WORKERS": "1",
            "API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        }
        own = {f"AIRFLOW__{name}": value for name, value in settings.items()}
        self._out = self.log.open("w")
        self._process = subprocess.Popen(
            [str(AIRFLOW), "standalone"],
            # The PATH, because Airflow starts its components by name.
            env={**env, **own, "AIRFLOW_HOME": str(home), "PATH": f"{AIRFLOW.parent}{os.pathsep}{env['PATH']}"},
            stdout=self._out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Calls the API. Returns None while it does not answer, or does not know the object."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token()}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    def _token(self) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/auth/token", timeout=60) as answer:
                return str(json.load(answer)["access_token"])
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return ""

    def said(self) -> str:
        return self.log.read_text()[-20_000:]

    def end(self) -> None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, how)
                self._process.wait(30)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._out.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    try:
        yield made
    finally:
        made.end()
        shutil.rmtree(tmp_path, ignore_errors=True)


def test_a_task_that_waits_in_the_triggerer_cancels_its_job_when_it_is_marked_as_failed(world: World) -> None:
    # Without a worker, the job waits until it is cancelled.
    _, address = world.coordinator()
    host, port = address.split(":")
    extra = {"secret_file": str(world.secret_file)}
    connection = {"conn_type": "shardmill", "host": host, "port": int(port), "extra": extra}
    env = {
        **os.environ,
        "AIRFLOW_CONN_SHARDMILL_DEFAULT": json.dumps(connection),
        "MODEL": str(DIGITS / "model.onnx"),
        "JOB": str(world.job_file()),
    }
    airflow = Standalone(world.folder / "airflow", env)
    try:
        dag = "api/v2/dags/killed"
        until(lambda: airflow.call("GET", dag), airflow.said)
        airflow.call("PATCH", dag, {"is_paused": False})
        run = until(lambda: airflow.call("POST", f"{dag}/dagRuns", {"logical_date": None}), airflow.said)
        task = f"{dag}/dagRuns/{run['dag_run_id']}/taskInstances/run"

        def state() -> str:
            return str((airflow.call("GET", task) or {}).get("state"))

        until(lambda: state() == "deferred", lambda: f"{state()}\n{airflow.said()}")
        with shardmill.Client(address, secret_file=world.secret_file) as client:
            (waiting,) = client.jobs()
            assert not waiting.ended
            # Waits until the triggerer really runs the trigger, after its entry in the table.
            until(lambda: "1 triggers currently running" in airflow.said(), airflow.said)
            assert airflow.call("PATCH", task, {"new_state": "failed"}) is not None, airflow.said()
            ended = until(lambda: (status := client.job(waiting.job_id).status()).ended and status, airflow.said)
            assert ended.phase == "cancelled"
            assert state() == "failed"
    finally:
        airflow.end()
