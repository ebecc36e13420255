"""A person logs in, draws, finds their picture on another computer, and logs out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from studio.hosting.accounts import add_account
from tests.browser.person import generate, write
from tests.running import Studio, running_studio

PASSWORD = "a long walk by the sea"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("accounts")
    for name in ("anna", "ben"):
        add_account(folder / "accounts.json", name, PASSWORD)
    settings = {"STUDIO_ACCOUNTS": str(folder / "accounts.json"), "STUDIO_ENGINE": "scripted"}
    with running_studio(folder / "data", **settings) as running:
        yield running


def _log_in(page: Page, studio: Studio, name: str, password: str = PASSWORD) -> None:
    page.goto(studio.url)
    page.get_by_label("username").fill(name)
    page.get_by_label("password").fill(password)
    page.get_by_role("button", name="Login").click()


def test_one_logs_in_and_finds_ones_own_everywhere(locked: Studio, chromium: Browser) -> None:
    first, second = (chromium.new_context(locale="en-US", viewport={"width": 1280, "height": 900}) for _ in range(2))
    raised: list[str] = []
    page = first.new_page()
    page.on("pageerror", lambda error: raised.append(str(error)))
    _log_in(page, locked, "anna", "a short walk")
    expect(page.get_by_text("Incorrect Credentials", exact=False)).to_be_visible()
    assert not page.locator("#generate").count(), "the page is there without logging in"
    _log_in(page, locked, "anna")
    page.locator(".live-empty-title").wait_for(timeout=30_000)
    write(page, "a red house")
    generate(page, locked)

    other = second.new_page()
    _log_in(other, locked, "anna")
    expect(other.locator("#generate")).to_be_visible(timeout=30_000)
    expect(other.locator("#prompt textarea").first).to_have_value("a red house")

    page.locator("#log-out").click()
    page.get_by_label("username").wait_for()
    _log_in(page, locked, "ben")
    page.locator(".live-empty-title").wait_for(timeout=30_000)
    expect(page.locator("#prompt textarea").first).to_have_value("")
    assert raised == []
    for context in (first, second):
        context.close()
