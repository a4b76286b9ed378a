"""Messages of the protocol, made from its descriptors on first use.

There is no generated code, because it works only with its own version of the runtime and the next one. A client
runs in environments with any version of protobuf.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "shardmill.v1"


@lru_cache(maxsize=1)
def _pool() -> descriptor_pool.DescriptorPool:
    kept = descriptor_pb2.FileDescriptorSet.FromString(files("shardmill").joinpath("descriptors.binpb").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in kept.file:
        pool.Add(file)
    return pool


@lru_cache(maxsize=None)
def message_class(name: str) -> Any:
    """Returns the class of a message, e.g. `JobStatus`."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


@lru_cache(maxsize=None)
def _words(enum: str) -> dict[int, str]:
    values = _pool().FindEnumTypeByName(f"{PACKAGE}.{enum}").values
    prefix = values[0].name.removesuffix("UNSPECIFIED")
    return {value.number: value.name.removeprefix(prefix).lower() for value in values}


def word(enum: str, number: int) -> str | None:
    """Returns an enum value as a word: `JOB_PHASE_RUNNING` is `running`. None: not set.

    A later coordinator may send unknown values, which become their number.
    """
    return None if number == 0 else _words(enum).get(number, str(number))
