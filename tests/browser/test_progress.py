"""What a person is told while a picture is drawn: from the click to the end something is said, and it is true."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.person import MINUTE, bring, open_more, open_tab, stroke, wait_for_state, write
from tests.browser.test_text_to_image import OpenPage
from tests.running import Studio

# Notes every text of the status, and every width of the bar while it means something, in percent.
WATCH = """(tab) => {
  const live = document.querySelector(tab + '.live');
  const bar = live.querySelector('.live-bar span');
  window.told = { texts: [], widths: [] };
  const note = () => {
    const text = live.querySelector('.live-status').textContent;
    if (told.texts.at(-1) !== text) told.texts.push(text);
    if (live.dataset.state === 'running') told.widths.push(parseFloat(bar.style.width));
  };
  new MutationObserver(note).observe(live, { subtree: true, childList: true, characterData: true, attributes: true });
}"""


def _awake(open_page: OpenPage) -> Page:
    """A page in front of an engine that has drawn something already."""
    page = open_page()
    write(page, "a green tree")
    page.locator("#generate").first.click()
    wait_for_state(page, "done", tab="#tab-text_to_image ")
    return open_page()


def _told(page: Page, tab: str) -> tuple[list[str], list[float]]:
    """All that was said of a job, in order, and how far the bar was. The page may have left out what was quick."""
    wait_for_state(page, "done", tab=tab)
    told = page.evaluate("window.told")
    return told["texts"], told["widths"]


def _check(texts: list[str], widths: list[float]) -> None:
    assert not any("waking" in text for text in texts), "the engine has been there all the time"
    assert not any("Step 0" in text for text in texts)
    assert any(text.startswith("Preparing") for text in texts)
    assert widths == sorted(widths)
    assert max(widths) < 100
    assert len(set(widths)) > 3


def test_a_picture_in_two_stages_says_what_is_being_done_to_its_end(open_page: OpenPage, studio: Studio) -> None:
    page = _awake(open_page)
    page.locator("#cascade input").first.check()
    open_more(page)
    expect(page.locator("#width input").first).to_have_value("512")  # the form has heard of it
    write(page, "a red house by the sea")
    page.evaluate(WATCH, "#tab-text_to_image ")
    page.locator("#generate").first.click()
    texts, widths = _told(page, "#tab-text_to_image ")
    _check(texts, widths)
    assert any(text.startswith("Finishing") for text in texts)
    steps = [int(found[1]) for text in texts if (found := re.match(r"Step (\d+) of", text))]
    assert steps == sorted(steps)


def test_a_large_photograph_is_answered_at_once_and_finished_at_the_end(
    open_page: OpenPage, studio: Studio, tmp_path: Path
) -> None:
    """Of 16 megapixels nothing was said for seconds after the click, and the bar was at its end long before it."""
    page, tab = _awake(open_page), "#tab-inpaint "
    Image.fromarray(np.full((4000, 4000, 3), (90, 140, 200), np.uint8)).save(tmp_path / "large.png")
    open_tab(page, "Inpainting")
    bring(page, tab, tmp_path / "large.png")
    stroke(page, page.locator(tab + ".editor-canvas"), [(0.4, 0.4), (0.6, 0.6)])
    page.evaluate(WATCH, tab)
    page.locator(tab + "#generate").click()
    expect(page.locator(tab + ".live-status")).to_have_text("Preparing …", timeout=1000)
    texts, widths = _told(page, tab)
    _check(texts, widths)
    assert any(text.startswith("Finishing") for text in texts)
    assert widths[-1] < 90, "what is left when the steps are done is the larger part"


def test_what_is_refused_leaves_no_trace(open_page: OpenPage) -> None:
    """The picture before is still there, and the next one can be asked for."""
    page = open_page()
    open_tab(page, "Super-resolution")
    tab = "#tab-super_resolve "
    page.locator(tab + "#generate").click()
    expect(page.get_by_text("choose one, or drop one on the frame")).to_be_visible()
    expect(page.locator(tab + ".live-status")).to_have_text("", timeout=MINUTE)
    expect(page.locator(tab + '.live[data-preparing="false"]')).to_be_attached()
    expect(page.locator(tab + "#generate")).to_be_enabled()
