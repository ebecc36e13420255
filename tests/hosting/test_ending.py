"""How the studio ends when it is told to: what is drawn is finished, what waits is left for the next start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from studio.gallery.ledger import Ledger
from studio.gallery.wanted import PictureFilter
from tests.hosting.visitor import Visitor
from tests.running import ROOT, Studio, running_studio

pytestmark = pytest.mark.slow


def test_sigterm_finishes_what_is_drawn_and_refuses_what_comes(tmp_path: Path) -> None:
    with running_studio(tmp_path, STUDIO_GRACE="60") as studio:
        somebody = Visitor(studio.url)
        somebody.generate(until='"running"', prompt="a red house", steps=60, browserstate="a" * 32)
        os.kill(studio.pid, signal.SIGTERM)
        time.sleep(0.3)
        late = Visitor(studio.url).generate(prompt="too late", browserstate="b" * 32)
        assert "being closed" in str(late)
    ledger = Ledger(tmp_path, everybody=True)
    ledger.repair(tmp_path / "pictures")
    assert [each.text for each in ledger.pictures.find("", PictureFilter())] == ["a red house"]
    assert ledger.jobs.interrupted("") == []
    ledger.close()


def test_what_takes_longer_than_the_grace_is_interrupted(tmp_path: Path) -> None:
    with running_studio(tmp_path, STUDIO_GRACE="0") as studio:
        Visitor(studio.url).generate(until='"running"', prompt="a long one", steps=150, count=8, browserstate="a" * 32)
    ledger = Ledger(tmp_path, everybody=True)
    ledger.repair(tmp_path / "pictures")
    assert [each.request.prompt for each in ledger.jobs.interrupted("")] == ["a long one"]  # type: ignore[attr-defined]
    ledger.close()


def test_a_second_studio_on_the_same_folder_says_so_and_ends(studio: Studio) -> None:
    second = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, "STUDIO_DATA": str(studio.data), "STUDIO_PORT": "1"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == 2
    assert "Another studio is using the folder" in second.stderr
    assert "Traceback" not in second.stderr
