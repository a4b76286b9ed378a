"""The client against real coordinators and workers."""

from __future__ import annotations

import asyncio
import pickle
import re
import socket

import pyarrow
import pytest
from pyarrow.dataset import dataset
from shardmill_world import DIGITS, World

import shardmill
import shardmill.aio

ROWS = 10_000


def client_of(world: World, address: str, **more: object) -> shardmill.Client:
    return shardmill.Client(address, secret_file=world.secret_file, **more)  # type: ignore[arg-type]


def test_a_job_is_submitted_followed_and_read(world: World) -> None:
    _, address = world.coordinator("--flight", "127.0.0.1:0")
    with client_of(world, address) as client:
        job = client.submit(world.job_file(), set={"input.shardRows": 1_000, "map.keep": ["id", "label", "split"]})
        assert job.status().phase in ("planning", "running")
        assert [status.job_id for status in client.jobs()] == [job.id]
        world.worker(address)
        phases = [status.phase for status in job.watch()]
        assert phases[-1] == "published"
        result = job.result()
        status = result.status
        assert (result.rows, result.dead_letters, status.shards_committed) == (ROWS, 0, 10)
        assert status.progress == 1 and status.ended and status.failure is None
        assert status.manifest == f"{world.folder}/out/_manifest.json"
        assert result.manifest["rows"]["output"] == ROWS
        assert result.manifest["inputs"] == [f"{DIGITS}/data/*.parquet"]
        table = result.to_arrow()
        assert table.num_rows == ROWS and table.column_names == ["id", "label", "split", "digit", "score"]
        assert table["id"].to_pylist() == dataset(sorted(DIGITS.glob("data/*.parquet"))).to_table()["id"].to_pylist()
        accuracy = {row["split"]: row["accuracy"] for row in result.to_arrow("reduced/accuracy").to_pylist()}
        assert accuracy["test"] > 0.9
        with pytest.raises(shardmill.ShardmillError, match="it has reduced/accuracy, reduced/confusion, rows"):
            result.to_arrow("reduced/nothing")
        assert [worker.device for worker in client.workers()] == ["cpu"]
        # The handle of a published job returns its result without another run.
        again = client.job(job.id).result()
        assert again.manifest == result.manifest


def test_a_job_that_is_submitted_again_returns_its_published_output_without_another_run(world: World) -> None:
    _, address = world.coordinator()
    world.worker(address)
    with client_of(world, address) as client:
        first = client.submit(world.job_file()).result()
        manifest = (world.folder / "out" / "_manifest.json").read_bytes()
        again = client.submit(world.job_file()).result()
        assert again.manifest == first.manifest
        assert (world.folder / "out" / "_manifest.json").read_bytes() == manifest
        fresh = client.submit(world.job_file(), fresh=True).result()
        assert (fresh.rows, fresh.manifest == first.manifest) == (ROWS, False)


def test_arrow_flight_returns_the_rows_of_the_files(world: World) -> None:
    coordinator, address = world.coordinator("--flight", "127.0.0.1:0")
    flight = coordinator.saw(r"[Ff]light on ([\d.]+:\d+)").group(1)
    world.worker(address)
    with client_of(world, address) as client, client_of(world, address, flight=flight) as by_flight:
        job = client.submit(world.job_file())
        for name in ("rows", "reduced/confusion"):
            files = job.result().to_arrow(name)
            streamed = by_flight.job(job.id).result().to_arrow(name)
            assert isinstance(streamed, pyarrow.Table)
            assert streamed.to_pylist() == files.to_pylist()


def test_a_dict_is_submitted_as_a_job(world: World) -> None:
    _, address = world.coordinator()
    world.worker(address)
    definition = {
        "name": "from-python",
        "input": {"path": f"{DIGITS}/data/*.parquet", "limit": 500},
        "model": {"path": str(DIGITS / "model.onnx")},
        "map": {
            "inputs": {"image": {"column": "pixels", "scale": 1 / 255}},
            "outputs": {"digit": {"tensor": "logits", "op": "argmax"}},
        },
        "output": {"path": str(world.folder / "of-a-dict")},
    }
    with client_of(world, address) as client:
        result = client.submit(definition, priority=7).result()
        assert (result.status.name, result.rows, result.status.priority) == ("from-python", 500, 7)
        with pytest.raises(shardmill.ShardmillError, match="SPEC_INVALID"):
            client.submit({"input": float("nan")})


def test_an_invalid_job_raises_all_problems_at_once_with_their_lines(world: World) -> None:
    _, address = world.coordinator()
    path = world.job_file()
    path.write_text(path.read_text().replace("op: argmax", "op: argmaxx").replace("rows: auto", "rows: -1"))
    with client_of(world, address) as client:
        with pytest.raises(shardmill.ShardmillError) as caught:
            client.submit(path, set=["map.more=1"])
        assert caught.value.code == "SPEC_INVALID"
        places = [problem.where for problem in caught.value.problems]
        assert len(places) >= 3 and any(place.startswith(f"{path}:") for place in places)
        assert "argmax" in str(caught.value)
        # Errors are sent between processes.
        again = pickle.loads(pickle.dumps(caught.value))
        assert str(again) == str(caught.value) and again.problems == caught.value.problems
        # Errors that only planning detects have their line, too.
        with pytest.raises(shardmill.ShardmillError) as planned:
            client.submit(world.job_file(), set={"map.inputs.image.column": "pixls"})
        assert any("pixls" in str(problem) for problem in planned.value.problems)
        assert client.jobs() == []
        with pytest.raises(shardmill.ShardmillError, match="cannot be read"):
            client.submit(world.folder / "none.yaml")
        with pytest.raises(shardmill.ShardmillError, match="JOB_NOT_FOUND"):
            client.job("none").status()


def test_a_job_is_paused_resumed_prioritized_cancelled_and_submitted_again(world: World) -> None:
    _, address = world.coordinator()
    with client_of(world, address) as client:
        job = client.submit(world.job_file(), set={"input.shardRows": 500})
        assert job.pause().paused and job.status().paused
        assert not job.resume().paused
        assert job.set_priority(-3).priority == -3
        with pytest.raises(TimeoutError, match="continues"):
            job.result(timeout=0.5)
        assert job.cancel("enough").phase == "cancelled"
        with pytest.raises(shardmill.JobCancelled) as caught:
            job.result()
        assert "enough" in str(caught.value)
        assert caught.value.status is not None and caught.value.status.phase == "cancelled"
        world.worker(address)
        assert client.submit(world.job_file(), set={"input.shardRows": 500}).result().rows == ROWS


def test_a_job_that_fails_raises_its_own_error(world: World) -> None:
    _, address = world.coordinator()
    world.worker(address)
    bad = "SELECT CAST('no number' AS INTEGER) AS n FROM partials"
    with client_of(world, address) as client:
        job = client.submit(world.job_file(), set={"reduce.accuracy.final": bad})
        with pytest.raises(shardmill.JobFailed) as caught:
            job.result()
        assert caught.value.code == "SQL_FAILED"
        # The reason names the reduction and the value.
        assert re.search(r"reduce\.accuracy\.final.*no number", str(caught.value))
        assert not isinstance(caught.value, shardmill.JobCancelled)


def test_a_watch_continues_after_a_coordinator_is_killed_and_restarted(world: World) -> None:
    coordinator, address = world.coordinator("--state", str(world.folder / "state"))
    with client_of(world, address) as client:
        job = client.submit(world.job_file())
        watched = job.watch()
        assert next(watched).phase in ("planning", "running")
        coordinator.kill()
        world.coordinator("--state", str(world.folder / "state"), listen=address)
        world.worker(address)
        assert [status.phase for status in watched][-1] == "published"


def test_an_address_without_a_coordinator_is_unreachable_and_patience_ends(world: World) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with client_of(world, address, patience=1) as client:
            with pytest.raises(shardmill.Unreachable, match="shardmill coordinator --listen"):
                client.jobs()
            with pytest.raises(shardmill.Unreachable):
                list(client.job("j").watch())


def test_the_asyncio_client_has_the_same_calls(world: World) -> None:
    _, address = world.coordinator()
    world.worker(address)

    async def use() -> None:
        async with shardmill.aio.Client(address, secret_file=world.secret_file) as client:
            jobs = [
                await client.submit(world.job_file(f"{name}.yaml"), set={"output.path": f"./{name}"}) for name in "ab"
            ]
            results = await asyncio.gather(*(job.result() for job in jobs))
            assert [result.rows for result in results] == [ROWS, ROWS]
            assert {status.job_id for status in await client.jobs()} == {job.id for job in jobs}
            assert (await jobs[0].status()).phase == "published"
            assert [status.phase async for status in jobs[0].watch()] == ["published"]
            waiting = await client.submit(world.job_file("c.yaml"), set={"output.path": "./c", "input.shardRows": 100})
            assert (await waiting.pause()).paused
            with pytest.raises(TimeoutError):
                await waiting.result(timeout=0.3)
            await waiting.cancel("done")
            with pytest.raises(shardmill.JobCancelled):
                await waiting.result()
            with pytest.raises(shardmill.ShardmillError, match="JOB_NOT_FOUND"):
                await client.job("none").status()

    asyncio.run(use())
