"""The client for asyncio: like `shardmill.Client` and `shardmill.Job`, with `await`.

    async with shardmill.aio.Client() as client:
        job = await client.submit("job.yaml")
        async for status in job.watch():
            print(status.phase, status.progress)
        result = await job.result()
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, TypeVar

import grpc
import grpc.aio

from . import _wire
from ._credentials import Tls
from ._jobs import JobDefinition, Settings, submission
from ._retry import Retry
from ._wire import CALL_SECONDS, Method, Submitted
from .client import PATIENCE_SECONDS
from .errors import Unreachable
from .results import FlightTarget, Result
from .status import JobStatus, Worker

T = TypeVar("T")


class Client:
    """A coordinator, see `shardmill.Client`. Created and used in one event loop."""

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        secret_file: str | os.PathLike[str] | None = None,
        tls: Tls | None = None,
        flight: str | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._target = _wire.target_of(address, token, token_file, secret_file, tls)
        self._flight = FlightTarget(flight or os.environ.get("SHARDMILL_FLIGHT") or None, self._target)
        self._patience = patience
        secure, options = self._target.credentials, _wire.CHANNEL_OPTIONS
        self._channel = (
            grpc.aio.insecure_channel(self._target.address, options)
            if secure is None
            else grpc.aio.secure_channel(self._target.address, secure, options)
        )

    @property
    def address(self) -> str:
        return self._target.address

    async def submit(
        self,
        job: JobDefinition,
        *,
        set: Settings = None,
        fresh: bool = False,
        priority: int | None = None,
        at: str | None = None,
        timeout: float = _wire.SUBMIT_SECONDS,
    ) -> Job:
        """See `shardmill.Client.submit`."""
        request = submission(job, set=set, fresh=fresh, priority=priority, at=at)
        submitted: Submitted = await self._call(_wire.SUBMIT, request, timeout)
        return Job(self, submitted.status.job_id, submitted)

    def job(self, job_id: str) -> Job:
        """Returns the handle of a job that was submitted before, without a call."""
        return Job(self, job_id)

    async def jobs(self) -> list[JobStatus]:
        return await self._call(_wire.LIST, _wire.LIST.request())

    async def workers(self) -> list[Worker]:
        return await self._call(_wire.LIST_WORKERS, _wire.LIST_WORKERS.request())

    async def close(self) -> None:
        await self._channel.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, method: Method[T], request: Any, timeout: float = CALL_SECONDS) -> T:
        call = self._channel.unary_unary(method.path, method.serialize, method.deserialize)
        try:
            answer: T = await call(request, timeout=timeout, metadata=self._target.identity.metadata())
            return answer
        except grpc.RpcError as error:
            raise self._target.failure(error) from error

    async def _stream(self, method: Method[T], request: Any, timeout: float | None) -> AsyncIterator[T]:
        call = self._channel.unary_stream(method.path, method.serialize, method.deserialize)
        stream = call(request, timeout=timeout, metadata=self._target.identity.metadata())
        try:
            async for answer in stream:
                yield answer
        except grpc.RpcError as error:
            raise self._target.failure(error) from error
        finally:
            stream.cancel()


class Job:
    """Handle of a job, see `shardmill.Job`."""

    def __init__(self, client: Client, job_id: str, submitted: Submitted | None = None) -> None:
        self._client = client
        self.id = job_id
        self.nothing_new = submitted is not None and submitted.nothing_new
        self.notes = () if submitted is None else submitted.notes

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    async def status(self) -> JobStatus:
        return await self._ask(_wire.GET)

    async def watch(self, timeout: float | None = None) -> AsyncIterator[JobStatus]:
        """See `shardmill.Job.watch`."""
        retry = Retry(self.id, self._client._patience, timeout, time.monotonic)
        while True:
            left = retry.left()
            try:
                request = _wire.WATCH.request(job_id=self.id)
                async for status in self._client._stream(_wire.WATCH, request, left):
                    retry.reached()
                    yield status
                    if status.ended:
                        return
                raise _wire.watch_ended(self._client.address)
            except Unreachable as error:
                await asyncio.sleep(retry.pause_after(error))

    async def result(self, timeout: float | None = None) -> Result:
        """See `shardmill.Job.result`. Reading the result blocks: use `asyncio.to_thread` for large ones."""
        async for status in self.watch(timeout):
            if status.ended:
                if status.phase != "published":
                    _wire.raise_ended(status)
                return Result(status, self._client._flight)
        raise AssertionError("a watch ends with a job that has ended")

    async def cancel(self, reason: str = "") -> JobStatus:
        return await self._ask(_wire.CANCEL, reason=reason)

    async def pause(self) -> JobStatus:
        return await self._ask(_wire.PAUSE)

    async def resume(self) -> JobStatus:
        return await self._ask(_wire.RESUME)

    async def set_priority(self, priority: int) -> JobStatus:
        return await self._ask(_wire.SET_PRIORITY, priority=priority)

    async def _ask(self, method: Method[JobStatus], **fields: Any) -> JobStatus:
        return await self._client._call(method, method.request(job_id=self.id, **fields))
