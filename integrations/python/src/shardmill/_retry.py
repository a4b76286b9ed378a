"""Rules of both clients for restarting an interrupted watch."""

from __future__ import annotations

from collections.abc import Callable

from .errors import Unreachable

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0


class Retry:
    """Retries of one watch, limited by its timeout and by the patience with an unreachable coordinator."""

    def __init__(
        self, job_id: str, patience: float, timeout: float | None, clock: Callable[[], float]
    ) -> None:
        self._job_id = job_id
        self._patience = patience
        self._clock = clock
        self._ends = None if timeout is None else clock() + timeout
        self._away_since: float | None = None
        self._pause = _FIRST_PAUSE_SECONDS

    def left(self) -> float | None:
        """Returns the seconds for the next try. None: unlimited. Raises `TimeoutError` when none are left."""
        if self._ends is None:
            return None
        left = self._ends - self._clock()
        if left <= 0:
            raise self._late()
        return left

    def reached(self) -> None:
        """Notes that the coordinator answers."""
        self._away_since, self._pause = None, _FIRST_PAUSE_SECONDS

    def pause_after(self, error: Unreachable) -> float:
        """Returns the wait before the next try. Raises the watch's final error when there is no next try."""
        now = self._clock()
        if self._ends is not None and now >= self._ends:
            raise self._late() from error
        self._away_since = now if self._away_since is None else self._away_since
        if now - self._away_since > self._patience:
            raise error
        pause = self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        return pause if self._ends is None else min(pause, self._ends - now)

    def _late(self) -> TimeoutError:
        return TimeoutError(f"job {self._job_id} has not ended within the timeout, and continues")
