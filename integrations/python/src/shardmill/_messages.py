"""The messages of the protocol, made of its descriptors when they are first asked for.

There is no generated code: that works only with a runtime of its own version and the next, and a client lives in
environments whose protobuf somebody else chose.
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
    """The class of a message: `JobStatus`."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


@lru_cache(maxsize=None)
def _words(enum: str) -> dict[int, str]:
    values = _pool().FindEnumTypeByName(f"{PACKAGE}.{enum}").values
    prefix = values[0].name.removesuffix("UNSPECIFIED")
    return {value.number: value.name.removeprefix(prefix).lower() for value in values}


def word(enum: str, number: int) -> str | None:
    """A value of an enum as a word: `JOB_PHASE_RUNNING` is `running`. None for none.

    A coordinator of a later version may have values that this one does not know: those are their number.
    """
    return None if number == 0 else _words(enum).get(number, str(number))
