"""A real Chromium in front of the real program."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.running import Studio

CHROMIUMS = ("chromium-headless-shell", "chromium", "google-chrome")  # the first draws no window for itself
# Nothing but the page under test: no sandbox (tests may run as root), no GPU, no calls home.
CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    installed = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(studio: Studio, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens the studio as another person each time; options are those of a Playwright browser context.

    Fails the test afterwards if the page's own script raised anything.
    """
    contexts: list[BrowserContext] = []
    raised: list[str] = []

    def note(message: ConsoleMessage) -> None:
        """What the content policy keeps from the page is an error of ours."""
        if "Content Security Policy" in message.text:
            raised.append(message.text)

    def open_as_somebody(**options: object) -> Page:
        context = chromium.new_context(**{"locale": "en-US", **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: raised.append(str(error)))
        page.on("console", note)
        page.goto(studio.url)
        page.locator("#generate").wait_for(timeout=30_000)
        page.locator(".live-empty-title").wait_for()
        return page

    yield open_as_somebody
    for context in contexts:
        context.close()
    assert raised == []
