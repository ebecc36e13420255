"""Processes that end with the one that started them, however that one ends.

``python -m tests.parent 1234 app.py`` runs ``app.py`` in its own place, and asks it to end once process 1234, which
started it, is gone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of prctl(2)


def end_with_parent(parent: int, by: signal.Signals) -> None:
    """From now on this process, and whatever program takes its place, gets the signal ``by`` when ``parent`` ends, or
    at once where it has ended already. Only Linux knows how; elsewhere nothing happens."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        os.kill(os.getpid(), by)


def tied(program: tuple[str, ...]) -> list[str]:
    """The command that runs a Python ``program`` for as long as this process lives."""
    return [sys.executable, "-m", "tests.parent", str(os.getpid()), *program]


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]), signal.SIGTERM)
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
