"""Each test has its own folder, and no settings of the user."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from shardmill_world import DIGITS, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in [name for name in os.environ if name.startswith("SHARDMILL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MODEL", str(DIGITS / "model.onnx"))
    made = World(tmp_path)
    try:
        yield made
    finally:
        made.end()
        shutil.rmtree(tmp_path, ignore_errors=True)
