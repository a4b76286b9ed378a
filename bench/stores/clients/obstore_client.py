"""Runs one task with obstore, Rust's object_store in Python: obstore_client.py TASK (JSON, see store-task.ts)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import obstore
from obstore.store import S3Store


async def main() -> None:
    """Runs the task, and prints its seconds, its CPU seconds and its amount of work."""
    task: dict[str, Any] = json.loads(sys.argv[1])
    store = S3Store(
        task["bucket"],
        endpoint=os.environ["AWS_ENDPOINT_URL"],
        region=os.environ["AWS_REGION"],
        virtual_hosted_style_request=False,
        checksum_algorithm="SHA256",
        client_options={"allow_http": True},
    )
    content = b"content " * (task["pieceBytes"] // 8)

    async def get(index: int) -> int:
        start = (index * task["pieceBytes"]) % task["objectBytes"]
        return len(await obstore.get_range_async(store, task["key"], start=start, length=task["pieceBytes"]))

    async def put(index: int) -> int:
        await obstore.put_async(store, f"{task['key']}-{index}", content, use_multipart=False)
        return len(content)

    async def names(_: int) -> int:
        found = 0
        async for page in obstore.list(store, prefix=task["key"], chunk_size=1000):
            found += len(page)
        return found

    work: Callable[[int], Awaitable[int]] = {"get": get, "put": put, "list": names}[task["kind"]]
    pieces = iter(range(task["pieces"]))
    done = 0

    async def lane() -> None:
        nonlocal done
        for index in pieces:
            found = await work(index)
            done += found

    cpu, started = time.process_time(), time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(task["atOnce"])))
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpuSeconds": cpu_seconds, "done": done}))


asyncio.run(main())
# A thread of obstore may still return from its last callback. Before Python 3.14, a thread that needs the
# interpreter during its shutdown is ended, and Rust then aborts the process (python/cpython issue 87135).
sys.stdout.flush()
os._exit(0)
