"""What was acknowledged is there after the process was killed at any moment. The long run is `benchmarks.crashes`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.crashes import kill_again_and_again

pytestmark = pytest.mark.slow


def test_nothing_that_was_acknowledged_is_lost_by_a_kill(tmp_path: Path) -> None:
    found = kill_again_and_again(6, tmp_path, seed=7)
    assert found.acknowledged > 0
    assert (found.lost, found.bad, found.unoffered, found.offered_again, found.parts) == ([], [], [], [], 0)
