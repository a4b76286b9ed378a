"""Real coordinators and workers, as the client's own tests have them; and an Airflow with a home of its own."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "python" / "tests"))
