"""Real coordinators and workers, as in the client's tests, and an Airflow with its own home."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "python" / "tests"))
