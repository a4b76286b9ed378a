"""Submissions: the text of a job file, which the coordinator parses, and the environment variables in it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Union

from ._messages import message_class
from .errors import ShardmillError

JobDefinition = Union[str, "os.PathLike[str]", Mapping[str, Any]]
"""Path of a job file, or the content of a job file as a dict."""

Settings = Union[Mapping[str, Any], Iterable[str], None]
"""Values that replace the job file's: `{"map.batch.rows": 256}`, or as for `--set`: `["map.batch.rows=256"]`."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")


def submission(
    job: JobDefinition, *, set: Settings, fresh: bool, priority: int | None, at: str | None = None
) -> Any:
    """Returns a `SubmitJobRequest`. Relative paths are relative to the job file, or the working directory for
    a dict.
    """
    path, text = _written(job)
    settings = [*_settings(set)]
    names = _VARIABLE.findall("\n".join([text.decode("utf-8", "replace"), *settings]))
    written = message_class("JobFile")(
        text=text,
        path=path,
        set=settings,
        variables={name: os.environ[name] for name in names if name in os.environ},
        at=at or "",
    )
    return message_class("SubmitJobRequest")(job_file=written, fresh=fresh, priority=priority)


def _written(job: JobDefinition) -> tuple[str, bytes]:
    if isinstance(job, Mapping):
        try:
            return os.path.abspath("job.json"), json.dumps(job, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise ShardmillError("SPEC_INVALID", f"the job cannot be written as JSON: {error}") from error
    path = Path(job)
    try:
        return os.path.abspath(path), path.read_bytes()
    except OSError as error:
        raise ShardmillError("SPEC_INVALID", f"the job file {path} cannot be read: {error}") from error


def _settings(given: Settings) -> Iterable[str]:
    if isinstance(given, Mapping):
        return (f"{key}={json.dumps(value)}" for key, value in given.items())
    if isinstance(given, str):
        raise TypeError("set must be a dict or a list of texts, not one text")
    return given or ()
