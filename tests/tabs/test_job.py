"""Each browser finds its own jobs, and no other's."""

from __future__ import annotations

from pathlib import Path

from studio.gallery.store import Store
from tabs.components.generation import KEPT_BROWSERS, KEPT_JOBS, SessionJobs, new_browser
from tests.miniature import ask

REQUEST = ask()


def test_a_browser_finds_its_own_latest_job_and_no_other(tmp_path: Path) -> None:
    sessions, mine, yours = SessionJobs(Store(tmp_path)), new_browser(), new_browser()
    assert mine != yours
    sessions.put(mine, "tab", "first", REQUEST)
    sessions.put(mine, "tab", "second", REQUEST)
    assert sessions.latest(mine, "tab") == ("second", REQUEST)
    assert sessions.owns(mine, "tab", "first")
    assert not sessions.owns(yours, "tab", "first")
    assert not sessions.owns(mine, "other tab", "first")
    assert sessions.latest(mine, "other tab") is None
    assert sessions.latest(yours, "tab") is None
    for _ in range(KEPT_BROWSERS):
        sessions.put(new_browser(), "tab", "job", REQUEST)
    assert sessions.latest(mine, "tab") is None


def test_only_the_latest_jobs_of_a_browser_are_remembered(tmp_path: Path) -> None:
    sessions, mine = SessionJobs(Store(tmp_path)), new_browser()
    for number in range(KEPT_JOBS + 1):
        sessions.put(mine, "tab", f"job {number}", REQUEST)
    assert not sessions.owns(mine, "tab", "job 0")
    assert sessions.owns(mine, "tab", "job 1")


def test_a_page_that_asks_twice_before_it_has_a_name_gets_the_same_one(tmp_path: Path) -> None:
    """Else the job of a quick hand would belong to nobody: not to be stopped, and lost when the page is loaded again."""
    sessions = SessionJobs(Store(tmp_path))
    first = sessions.name("", "page")
    assert sessions.name(None, "page") == first != sessions.name("", "another page")
    assert sessions.name("known", "page") == "known"
    assert sessions.name("", None) != sessions.name("", None)
