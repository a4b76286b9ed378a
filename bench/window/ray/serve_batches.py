"""
Ray Serve gathers and runs, between two queues of RabbitMQ:
serve_batches.py VARIANT SERVER QUEUE RESULTS MODEL ROWS SECONDS

handle   a consumer beside Ray takes messages ahead, and calls the deployment by its handle for each, all at once
replica  the same consumer within the replica: a call goes through no other process

Ray gathers the calls in batches. Each result is sent, confirmed, and its message acknowledged. It ends when its input
ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aio_pika
import numpy as np
import onnxruntime as ort
import ray
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from ray import serve

# As the hand-written loop: one batch that runs, one that is gathered, one on its way.
BATCHES_AHEAD = 3
# Rows are small, and go within the calls.
OBJECT_STORE_BYTES = 128 * 2**20
QUIET = {"log_level": "ERROR", "enable_access_log": False}


@dataclass(frozen=True)
class Queues:
    server: str
    taken: str
    results: str
    # Messages that may be out at once.
    ahead: int


async def consume(queues: Queues, predict: Callable[[list[float]], Awaitable[int]]) -> AbstractConnection:
    """Goes on until the connection is closed."""
    connection = await aio_pika.connect(queues.server)
    channel = await connection.channel(publisher_confirms=True)
    await channel.set_qos(prefetch_count=queues.ahead)

    async def work(message: AbstractIncomingMessage) -> None:
        row = json.loads(message.body)
        best = await predict(row["x"])
        body = json.dumps({"id": row["id"], "best": best}).encode()
        result = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(result, routing_key=queues.results)
        await message.ack()

    # It is called for each message without waiting for the one before.
    await (await channel.get_queue(queues.taken)).consume(work)
    return connection


def application(model: str, rows: int, seconds: float) -> serve.Application:
    # Left out, 5 calls may be under way, and no batch would ever be larger.
    @serve.deployment(num_replicas=1, max_ongoing_requests=rows * BATCHES_AHEAD, logging_config=QUIET)
    class Model:
        def __init__(self) -> None:
            options = ort.SessionOptions()
            # With one thread the caller's own is used, and nothing spins.
            options.intra_op_num_threads = 1
            self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

        @serve.batch(max_batch_size=rows, batch_wait_timeout_s=seconds)
        async def predict(self, inputs: list[list[float]]) -> list[int]:
            (logits,) = self.session.run(["logits"], {"input": np.array(inputs, np.float32)})
            return logits.argmax(axis=1).tolist()

        async def consume(self, queues: Queues) -> None:
            self.connection = await consume(queues, self.predict)

    return Model.bind()


async def work_off(variant: str, queues: Queues, handle: serve.handle.DeploymentHandle) -> None:
    if variant == "replica":
        await handle.consume.remote(queues)
    else:
        await consume(queues, handle.predict.remote)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await serve.shutdown_async()


def main() -> None:
    variant, server, taken, results, model, rows, seconds = sys.argv[1:]
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    ray.init(
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=OBJECT_STORE_BYTES,
        _node_ip_address="127.0.0.1",
    )
    # Nobody asks by HTTP.
    serve.start(proxy_location="Disabled", logging_config=QUIET)
    handle = serve.run(application(model, int(rows), float(seconds)))
    asyncio.run(work_off(variant, Queues(server, taken, results, int(rows) * BATCHES_AHEAD), handle))
    ray.shutdown()


if __name__ == "__main__":
    main()
