"""The client with blocking calls."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, TypeVar

import grpc

from . import _wire
from ._credentials import Tls
from ._jobs import JobDefinition, Settings, submission
from ._retry import Retry
from ._wire import CALL_SECONDS, Method, Submitted
from .errors import Unreachable
from .results import FlightTarget, Result
from .status import JobStatus, Worker

T = TypeVar("T")

PATIENCE_SECONDS = 300.0


class Client:
    """A coordinator.

    :param address: `host:port`. Default: `SHARDMILL_COORDINATOR`, or `localhost:7433`
    :param token: credential of this client. Default: `token_file`, `SHARDMILL_TOKEN`, `secret_file`,
        `SHARDMILL_SECRET_FILE`, or `~/.config/shardmill/secret`
    :param tls: default: `SHARDMILL_TLS_CA`, `SHARDMILL_TLS_CERT` and `SHARDMILL_TLS_KEY`, or no encryption
    :param flight: `host:port` of results by Arrow Flight. Default: `SHARDMILL_FLIGHT`
    :param patience: seconds for which `watch` and `result` wait for an unreachable coordinator
    :raises ShardmillError: `TLS_INVALID` for unusable files

    Threads may share a client. Connections are made on demand. Close the client, or use it in a `with`.
    """

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
            grpc.insecure_channel(self._target.address, options)
            if secure is None
            else grpc.secure_channel(self._target.address, secure, options)
        )

    @property
    def address(self) -> str:
        return self._target.address

    def submit(
        self,
        job: JobDefinition,
        *,
        set: Settings = None,
        fresh: bool = False,
        priority: int | None = None,
        at: str | None = None,
        timeout: float = _wire.SUBMIT_SECONDS,
    ) -> Job:
        """Submits a job. It is checked and planned when this returns. The same job submitted again resumes.

        :param job: path of a job file, or its content as a dict. `${NAME}` is from this process's environment
        :param set: values that replace the job file's
        :param fresh: discard an earlier run
        :param priority: -1000 to 1000, higher first
        :param at: run of a job with a schedule: `2026-11-28T02:30+01:00`, or a run's id. Default: the last
            that was due
        :raises ShardmillError: `SPEC_INVALID` with all `problems` at once, `OUTPUT_LOCKED`, `ROLE_REFUSED` and others
        """
        request = submission(job, set=set, fresh=fresh, priority=priority, at=at)
        submitted: Submitted = self._call(_wire.SUBMIT, request, timeout)
        return Job(self, submitted.status.job_id, submitted)

    def job(self, job_id: str) -> Job:
        """Returns the handle of a job that was submitted before, without a call."""
        return Job(self, job_id)

    def jobs(self) -> list[JobStatus]:
        """Returns the jobs that the coordinator knows, in the order of their submission."""
        return self._call(_wire.LIST, _wire.LIST.request())

    def workers(self) -> list[Worker]:
        """Returns the connected workers."""
        return self._call(_wire.LIST_WORKERS, _wire.LIST_WORKERS.request())

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Method[T], request: Any, timeout: float = CALL_SECONDS) -> T:
        call = self._channel.unary_unary(method.path, method.serialize, method.deserialize)
        try:
            answer: T = call(request, timeout=timeout, metadata=self._target.identity.metadata())
            return answer
        except grpc.RpcError as error:
            raise self._target.failure(error) from error

    def _stream(self, method: Method[T], request: Any, timeout: float | None) -> Iterator[T]:
        call = self._channel.unary_stream(method.path, method.serialize, method.deserialize)
        stream = call(request, timeout=timeout, metadata=self._target.identity.metadata())
        try:
            yield from stream
        except grpc.RpcError as error:
            raise self._target.failure(error) from error
        finally:
            stream.cancel()


class Job:
    """Handle of a job. It contains only the id, and can be made again at any time (`client.job(id)`)."""

    def __init__(self, client: Client, job_id: str, submitted: Submitted | None = None) -> None:
        self._client = client
        self.id = job_id
        self.nothing_new = submitted is not None and submitted.nothing_new
        """True when a job over new input had nothing to do. The handle is then that of the last run that read all of the input."""
        self.notes = () if submitted is None else submitted.notes
        """Notes for the user who started the job."""

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    def status(self) -> JobStatus:
        return self._ask(_wire.GET)

    def watch(self, timeout: float | None = None) -> Iterator[JobStatus]:
        """Yields the status now and after each change until the job has ended, also over restarts of the
        coordinator.

        :raises TimeoutError: after `timeout` seconds
        :raises Unreachable: when the coordinator is unreachable for longer than the client's patience
        """
        retry = Retry(self.id, self._client._patience, timeout, time.monotonic)
        while True:
            left = retry.left()
            try:
                for status in self._client._stream(_wire.WATCH, _wire.WATCH.request(job_id=self.id), left):
                    retry.reached()
                    yield status
                    if status.ended:
                        return
                raise _wire.watch_ended(self._client.address)
            except Unreachable as error:
                time.sleep(retry.pause_after(error))

    def result(self, timeout: float | None = None) -> Result:
        """Waits until the output is published.

        :raises JobFailed: with the job's own code, message, hint and problems
        :raises JobCancelled: when the job was cancelled
        :raises TimeoutError: after `timeout` seconds. The job continues
        """
        for status in self.watch(timeout):
            if status.ended:
                if status.phase != "published":
                    _wire.raise_ended(status)
                return Result(status, self._client._flight)
        raise AssertionError("a watch ends with a job that has ended")

    def cancel(self, reason: str = "") -> JobStatus:
        """Cancels the job. Its commits stay, and the same job submitted again resumes from them."""
        return self._ask(_wire.CANCEL, reason=reason)

    def pause(self) -> JobStatus:
        """Pauses the job: it assigns no shards until it is resumed. Running shards end and are committed."""
        return self._ask(_wire.PAUSE)

    def resume(self) -> JobStatus:
        return self._ask(_wire.RESUME)

    def set_priority(self, priority: int) -> JobStatus:
        """Sets the priority: -1000 to 1000, higher first."""
        return self._ask(_wire.SET_PRIORITY, priority=priority)

    def _ask(self, method: Method[JobStatus], **fields: Any) -> JobStatus:
        return self._client._call(method, method.request(job_id=self.id, **fields))

