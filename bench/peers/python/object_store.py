"""Input in a bucket: its store is at AWS_ENDPOINT_URL, and is asked by the keys of the environment."""

from __future__ import annotations

import os

from pyarrow.fs import FileSystem, S3FileSystem

SCHEME = "s3://"


def file_system(paths: list[str]) -> FileSystem | None:
    """Arrow's file system for these files; None where they are on a disk."""
    if not paths[0].startswith(SCHEME):
        return None
    return S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_REGION"])


def named(path: str) -> str:
    """As that file system names a file."""
    return path.removeprefix(SCHEME)
