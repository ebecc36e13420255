"""Each browser finds its own jobs, and no other's."""

from __future__ import annotations

from pathlib import Path

from studio.gallery.store import Store
from tabs.components.generation import KEPT_BROWSERS, KEPT_JOBS, SessionJobs, new_browser
from tests.miniature import ask

REQUEST = ask()


def test_a_browser_finds_its_own_latest_job_and_no_other(tmp_path: Path) -> None:
    desk, mine, yours = SessionJobs(Store(tmp_path)), new_browser(), new_browser()
    assert mine != yours
    desk.put(mine, "tab", "first", REQUEST)
    desk.put(mine, "tab", "second", REQUEST)
    assert desk.latest(mine, "tab") == ("second", REQUEST)
    assert desk.owns(mine, "tab", "first")
    assert not desk.owns(yours, "tab", "first")
    assert not desk.owns(mine, "other tab", "first")
    assert desk.latest(mine, "other tab") is None
    assert desk.latest(yours, "tab") is None
    for _ in range(KEPT_BROWSERS):
        desk.put(new_browser(), "tab", "job", REQUEST)
    assert desk.latest(mine, "tab") is None


def test_only_the_latest_jobs_of_a_browser_are_remembered(tmp_path: Path) -> None:
    desk, mine = SessionJobs(Store(tmp_path)), new_browser()
    for number in range(KEPT_JOBS + 1):
        desk.put(mine, "tab", f"job {number}", REQUEST)
    assert not desk.owns(mine, "tab", "job 0")
    assert desk.owns(mine, "tab", "job 1")


def test_a_page_that_asks_twice_before_it_has_a_name_gets_the_same_one(tmp_path: Path) -> None:
    """Else the job of a quick hand would belong to nobody: not to be stopped, and lost when the page is loaded again."""
    desk = SessionJobs(Store(tmp_path))
    first = desk.name("", "page")
    assert desk.name(None, "page") == first != desk.name("", "another page")
    assert desk.name("known", "page") == "known"
    assert desk.name("", None) != desk.name("", None)
