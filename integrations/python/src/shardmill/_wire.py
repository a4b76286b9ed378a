"""Calls as data: the request and the response of each method. Both clients use them."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

import grpc

from ._credentials import Identity, Tls, channel_credentials, identity_of, tls_of
from ._messages import PACKAGE, message_class
from .errors import JobCancelled, JobFailed, ShardmillError, Unreachable, from_detail
from .status import JobStatus, Worker, job_status, worker_status

T = TypeVar("T")

DEFAULT_ADDRESS = "localhost:7433"
_ERROR_TRAILER = "shardmill-error-bin"
# Planning a large job takes minutes, and may wait for other plans.
SUBMIT_SECONDS = 3_600.0
CALL_SECONDS = 30.0

CHANNEL_OPTIONS = (
    # A list of jobs may exceed the default of 4 MiB.
    ("grpc.max_receive_message_length", 64 << 20),
    # An error contains all its problems. A coordinator sends less than 8 KiB, and a proxy may add its own.
    ("grpc.max_metadata_size", 64 << 10),
    ("grpc.absolute_max_metadata_size", 128 << 10),
    # A watch receives nothing while nothing changes. The keepalive detects a lost coordinator.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


@dataclass(frozen=True)
class Method(Generic[T]):
    """One method of a service."""

    service: str
    name: str
    read: Callable[[Any], T]

    @property
    def path(self) -> str:
        return f"/{PACKAGE}.{self.service}/{self.name}"

    def request(self, **fields: Any) -> Any:
        return message_class(f"{self.name}Request")(**fields)

    def serialize(self, message: Any) -> bytes:
        return bytes(message.SerializeToString())

    def deserialize(self, data: bytes) -> T:
        return self.read(message_class(f"{self.name}Response").FromString(data))


@dataclass(frozen=True)
class Submitted:
    """Response to a submission."""

    status: JobStatus
    nothing_new: bool
    notes: tuple[str, ...]


def _job(message: Any) -> JobStatus:
    return job_status(message.job)


def _jobs(message: Any) -> list[JobStatus]:
    return [job_status(job) for job in message.jobs]


def _workers(message: Any) -> list[Worker]:
    return [worker_status(worker) for worker in message.workers]


def _submitted(message: Any) -> Submitted:
    return Submitted(job_status(message.job), message.nothing_new, tuple(message.notes))


SUBMIT = Method("JobsService", "SubmitJob", _submitted)
GET = Method("JobsService", "GetJob", _job)
LIST = Method("JobsService", "ListJobs", _jobs)
WATCH = Method("JobsService", "WatchJob", _job)
CANCEL = Method("JobsService", "CancelJob", _job)
PAUSE = Method("JobsService", "PauseJob", _job)
RESUME = Method("JobsService", "ResumeJob", _job)
SET_PRIORITY = Method("JobsService", "SetJobPriority", _job)
LIST_WORKERS = Method("WorkersService", "ListWorkers", _workers)


@dataclass(frozen=True)
class Target:
    """Address of a coordinator, and the client's credentials."""

    address: str
    identity: Identity
    credentials: grpc.ChannelCredentials | None
    tls: Tls | None

    def failure(self, error: grpc.RpcError) -> ShardmillError:
        """Returns the error that a failed call raises: the coordinator's own error if it sent one."""
        for key, value in error.trailing_metadata() or ():
            if key == _ERROR_TRAILER:
                return from_detail(message_class("ErrorDetail").FromString(value))
        status, details = error.code(), error.details() or ""
        fields = {"address": self.address, "status": status.name}
        if status is grpc.StatusCode.UNAVAILABLE and self.credentials is None and _speaks_tls(self.address):
            return Unreachable(
                "CERTIFICATE_REFUSED",
                f"the coordinator at {self.address} speaks TLS only",
                fields=fields,
                hint="pass the CA of its certificate: Client(tls=Tls(ca=...)) or SHARDMILL_TLS_CA",
            )
        if status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            return Unreachable(
                "COORDINATOR_UNREACHABLE",
                f"no coordinator at {self.address}: {details}",
                fields=fields,
                hint=f"start one with: shardmill coordinator --listen {self.address}",
            )
        if status is grpc.StatusCode.DEADLINE_EXCEEDED:
            return Unreachable("COORDINATOR_UNREACHABLE", f"{self.address} did not respond in time", fields=fields)
        return ShardmillError("RPC_FAILED", details, fields=fields)


def _speaks_tls(address: str) -> bool:
    """Returns true if a TLS handshake succeeds. A server that needs TLS closes other connections silently."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=0.5) as plain:
            with context.wrap_socket(plain, server_hostname=host.strip("[]")):
                return True
    except (OSError, ValueError):
        return False


def target_of(
    address: str | None,
    token: str | None,
    token_file: str | os.PathLike[str] | None,
    secret_file: str | os.PathLike[str] | None,
    tls: Tls | None,
) -> Target:
    used = tls_of(tls)
    return Target(
        address=address or os.environ.get("SHARDMILL_COORDINATOR") or DEFAULT_ADDRESS,
        identity=identity_of(token, token_file, secret_file),
        credentials=None if used is None else channel_credentials(used),
        tls=used,
    )


def watch_ended(address: str) -> Unreachable:
    """Returns the error of a watch that ends before its job, because the coordinator ends."""
    return Unreachable("COORDINATOR_UNREACHABLE", f"{address} ended the watch")


def raise_ended(status: JobStatus) -> NoReturn:
    """Raises the error of a job that has ended without an output."""
    if status.phase == "cancelled":
        why = "" if status.failure is None else f": {status.failure.message}"
        error: JobFailed = JobCancelled("CANCELLED", f"job {status.job_id} was cancelled{why}")
    else:
        failure = status.failure or ShardmillError("JOB_FAILED", f"job {status.job_id} failed")
        error = JobFailed(
            failure.code,
            failure.message,
            hint=failure.hint,
            fields=failure.fields,
            problems=failure.problems,
        )
    error.status = status
    raise error
