"""A person switches drafts on, and sees what the words would become while writing them; nothing of it is kept."""

from __future__ import annotations

import time

from playwright.sync_api import Page, expect

from tests.browser.person import MINUTE, wait_for_state, write
from tests.browser.test_text_to_image import OpenPage
from tests.running import Studio

PICTURE = "#drafts img"


def _draft(page: Page, before: str = "") -> str:
    """The address of the latest draft, once there is another one than ``before``."""
    page.wait_for_function(
        "([selector, before]) => { const image = document.querySelector(selector);"
        " return image && !image.hidden && image.complete && image.naturalWidth && image.src !== before; }",
        arg=[PICTURE, before],
        timeout=MINUTE,
    )
    return str(page.locator(PICTURE).get_attribute("src"))


def _kept(studio: Studio) -> set[str]:
    return {file.name for file in (studio.data / "pictures").glob("*.png")}


def test_what_is_written_is_drafted_only_where_it_is_wished_for(open_page: OpenPage, studio: Studio) -> None:
    page, before = open_page(), _kept(studio)
    write(page, "a red house")
    page.wait_for_timeout(1000)
    expect(page.locator(PICTURE)).to_be_hidden()
    page.locator("#drafts input").check()
    house = _draft(page)
    page.locator("#prompt textarea").press_sequentially(" by the sea at night", delay=30)
    begun = time.monotonic()
    night = _draft(page, house)
    assert time.monotonic() - begun < 5, "soon, though a busy machine may be slower than a second"
    page.locator("#prompt textarea").fill("")
    page.wait_for_timeout(500)
    assert page.locator(PICTURE).get_attribute("src").startswith("data:image/jpeg")  # type: ignore[union-attr]
    write(page, "a red house by the sea at night")
    page.locator("#generate").first.click()
    wait_for_state(page, "done")
    assert len(_kept(studio) - before) == 1, "the picture, and no draft"
    page.locator("#drafts input").uncheck()
    expect(page.locator(PICTURE)).to_be_hidden()
    assert night
