"""Turns by address: whoever asks more often than a person does waits, so that one cannot fill the page's process."""

from __future__ import annotations

EVENTS_A_SECOND = 50.0  # of one address, in the long run; each costs the page's process some milliseconds
EVENTS_AT_ONCE = 250  # before anybody waits: a dozen pages that are opened together
LONGEST_WAIT = 10.0  # seconds
KEPT = 10_000  # addresses


class RateLimiter:
    """When each address may have its next turn. Not thread-safe. Times are monotonic, in seconds."""

    def __init__(self, a_second: float = EVENTS_A_SECOND, at_once: int = EVENTS_AT_ONCE) -> None:
        self._step, self._ahead = 1 / a_second, at_once / a_second
        self._due: dict[str, float] = {}

    def wait(self, address: str, now: float) -> float | None:
        """Seconds until the turn of one who asks now; None, and no turn, where that is longer than anybody waits."""
        due = max(self._due.get(address, now), now)
        wait = due + self._step - self._ahead - now
        if wait > LONGEST_WAIT:
            return None
        self._due[address] = due + self._step
        if len(self._due) > KEPT:
            self._due = {each: due for each, due in self._due.items() if due > now}
        return max(0.0, wait)
