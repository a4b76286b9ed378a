"""Real coordinators and workers of this checkout, which must be built (`npm run setup`)."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
MAIN = REPOSITORY / "dist" / "cli" / "main.js"
DIGITS = REPOSITORY / "examples" / "digits"
LIMIT_SECONDS = 240.0


class Command:
    """A `shardmill` command in its own process group, which is killed at its end."""

    def __init__(self, *args: str, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            ["node", str(MAIN), *args],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def saw(self, pattern: str) -> re.Match[str]:
        ends = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < ends:
            found = re.search(pattern, self.output)
            if found is not None:
                return found
            if self.process.poll() is not None and not self._reader.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"no {pattern} in:\n{self.output}")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
        self.process.wait(LIMIT_SECONDS)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line


class World:
    """A folder with a job, and the processes that were started for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "SHARDMILL_SECRET_FILE": str(folder / "secret"),
            "SHARDMILL_TOKENS_FILE": str(folder / "tokens"),
            "SHARDMILL_STATE": str(folder / "states"),
            "SHARDMILL_CACHE": str(folder / "cache"),
            "SHARDMILL_TOKEN": "",
        }
        self.secret_file = folder / "secret"
        self._commands: list[Command] = []

    def start(self, *args: str) -> Command:
        command = Command(*args, env=self.env)
        self._commands.append(command)
        return command

    def coordinator(self, *args: str, listen: str = "127.0.0.1:0") -> tuple[Command, str]:
        command = self.start("coordinator", "--listen", listen, *args)
        return command, command.saw(r"coordinator on ([\d.]+:\d+)").group(1)

    def worker(self, address: str, *args: str) -> Command:
        return self.start("worker", "--coordinator", address, "--workers", "1", "--device", "cpu", *args)

    def run(self, *args: str) -> str:
        done = subprocess.run(
            ["node", str(MAIN), *args], env=self.env, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True
        )
        return done.stdout

    def job_file(self, name: str = "job.yaml") -> Path:
        """Writes a job over 10,000 digits, with the data and the model of the example."""
        path = self.folder / name
        text = (DIGITS / "job.yaml").read_text()
        text = text.replace("./data/*.parquet", f"{DIGITS}/data/*.parquet").replace("./model.onnx", "${MODEL}")
        path.write_text(text)
        return path

    def end(self) -> None:
        for command in reversed(self._commands):
            command.kill()
