"""Access to input in a bucket. AWS_ENDPOINT_URL is the store's address, and the environment has the keys."""

from __future__ import annotations

import os

from pyarrow.fs import FileSystem, S3FileSystem

SCHEME = "s3://"


def file_system(paths: list[str]) -> FileSystem | None:
    """Returns Arrow's file system for these files. None: they are on a disk."""
    if not paths[0].startswith(SCHEME):
        return None
    return S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_REGION"])


def named(path: str) -> str:
    """Returns the name of a file in that file system."""
    return path.removeprefix(SCHEME)
