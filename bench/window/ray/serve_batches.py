"""
Runs a model with Ray Serve between two queues of RabbitMQ:
serve_batches.py VARIANT SERVER QUEUE RESULTS MODEL ROWS SECONDS

handle   a consumer outside Ray prefetches messages, and calls the deployment's handle for each message concurrently
replica  the same consumer in the replica, so that no call passes through another process

Ray collects the calls in batches. A message is acknowledged once its result was sent and confirmed. The program ends when
its standard input ends.
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

# Batches in progress, like the hand-written loop: one that runs, one that is collected, and one in transit.
BATCHES_AHEAD = 3
# Size of the object store. Rows are small, and are part of the calls.
OBJECT_STORE_BYTES = 128 * 2**20
QUIET = {"log_level": "ERROR", "enable_access_log": False}


@dataclass(frozen=True)
class Queues:
    server: str
    taken: str
    results: str
    # Limit of unacknowledged messages.
    ahead: int


async def consume(queues: Queues, predict: Callable[[list[float]], Awaitable[int]]) -> AbstractConnection:
    """Consumes messages until the connection is closed."""
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

    # Calls `work` for each message, without waiting for the previous message.
    await (await channel.get_queue(queues.taken)).consume(work)
    return connection


def application(model: str, rows: int, seconds: float) -> serve.Application:
    # The default of `max_ongoing_requests`, 5, would limit batches to 5 rows.
    @serve.deployment(num_replicas=1, max_ongoing_requests=rows * BATCHES_AHEAD, logging_config=QUIET)
    class Model:
        def __init__(self) -> None:
            options = ort.SessionOptions()
            # With one thread, the session runs in the caller's thread, and no thread spins.
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
    # No client uses HTTP.
    serve.start(proxy_location="Disabled", logging_config=QUIET)
    handle = serve.run(application(model, int(rows), float(seconds)))
    asyncio.run(work_off(variant, Queues(server, taken, results, int(rows) * BATCHES_AHEAD), handle))
    ray.shutdown()


if __name__ == "__main__":
    main()
