"""Errors of the coordinator and of the client."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .status import JobStatus


@dataclass(frozen=True)
class Problem:
    """One of several problems that an error reports at once."""

    where: str
    what: str
    expected: str | None = None
    found: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        details = [
            f"{name} {value}"
            for name, value in (("expected", self.expected), ("found", self.found))
            if value is not None
        ]
        lines = [f"{self.where}: {self.what}" + (f" ({', '.join(details)})" if details else "")]
        return "\n    hint: ".join([*lines, *([] if self.hint is None else [self.hint])])


class ShardmillError(Exception):
    """An error with one of Shardmill's codes: `SPEC_INVALID`, `ROLE_REFUSED`."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        fields: Mapping[str, Any] | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.fields: Mapping[str, Any] = fields or {}
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [f"{self.message} ({self.code})", *(f"  {problem}" for problem in self.problems)]
        return "\n".join([*lines, *([] if self.hint is None else [f"hint: {self.hint}"])])

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors are sent between processes, as in Airflow or multiprocessing.
        rest = {"hint": self.hint, "fields": dict(self.fields), "problems": self.problems}
        return (_rebuilt, (type(self), self.code, self.message, rest))


def _rebuilt(kind: type[ShardmillError], code: str, message: str, rest: dict[str, Any]) -> ShardmillError:
    error = kind.__new__(kind)
    ShardmillError.__init__(error, code, message, **rest)
    return error


class Unreachable(ShardmillError):
    """The address has no coordinator, or the coordinator ended the call."""


class JobFailed(ShardmillError):
    """The job ended without an output. Code, message, hint and problems state the reason."""

    status: JobStatus | None = None


class JobCancelled(JobFailed):
    """The job was cancelled. Submitted again, it resumes."""


def from_detail(detail: Any, kind: type[ShardmillError] = ShardmillError) -> ShardmillError:
    """Returns the error of an `ErrorDetail`."""
    fields = {}
    for name, value in detail.fields.items():
        try:
            fields[name] = json.loads(value)
        except ValueError:
            fields[name] = value
    return kind(
        detail.code,
        detail.message,
        hint=_optional(detail, "hint"),
        fields=fields,
        problems=[
            Problem(
                where=problem.where,
                what=problem.what,
                expected=_optional(problem, "expected"),
                found=_optional(problem, "found"),
                hint=_optional(problem, "hint"),
            )
            for problem in detail.problems
        ],
    )


def _optional(message: Any, field: str) -> str | None:
    return getattr(message, field) if message.HasField(field) else None
