"""Two commits serve the same people in turns, and nothing of them is left behind."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks import compare
from benchmarks.compare import ROOT, as_markdown, checked_out, session

pytestmark = pytest.mark.slow

needs_git = pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="no git, or not a checkout"
)


@needs_git
def test_a_commit_is_checked_out_beside_the_repository_and_removed_again() -> None:
    with checked_out("HEAD") as folder:
        assert (folder / "benchmarks" / "serving.py").exists()
    assert not folder.exists()
    listed = subprocess.run(["git", "worktree", "list"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert str(folder) not in listed
    with pytest.raises(subprocess.CalledProcessError), checked_out("no such commit"):
        pass


def test_a_session_is_run_by_the_code_of_its_folder(toy_pack: Path) -> None:
    figures = session(ROOT, seed=0, model=str(toy_pack), users=1, each=1, inputs=8)
    assert figures["pictures/s"] > 0


def test_the_ratio_is_of_the_second_to_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = dict.fromkeys(compare.COLUMNS, 2.0)
    table = as_markdown({"old": [figures] * 2, "new": [{**figures, "pictures/s": 3.0}, {**figures, "pictures/s": 5.0}]})
    assert "| pictures/s | 2.00 | 4.00 | 2.00 (1.50-2.50) |" in table
