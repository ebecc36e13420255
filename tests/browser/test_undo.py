"""A person takes an example, uses a picture again or sends one on, and has back what they had written and painted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from studio.requests.inpaint import Inpaint
from tests.browser.person import MINUTE, bring, generate, open_more, open_tab, set_steps, stroke, write
from tests.running import Studio

OpenPage = Callable[..., Page]
TEXT, INPAINT, VARY = "#tab-text_to_image ", "#tab-inpaint ", "#tab-vary "


def _prompt(page: Page, tab: str, prompt: str) -> None:
    expect(page.locator(tab + "#prompt textarea")).to_have_value(prompt, timeout=MINUTE)


def test_an_example_is_taken_back_and_can_be_had_again(open_page: OpenPage, studio: Studio) -> None:
    page = open_page()
    undo = page.locator(TEXT + ".undo")
    write(page, "what I have worked on all day")
    open_more(page, TEXT)
    page.locator(TEXT + "#width input").fill("192")
    page.locator(TEXT + "#seed input, " + TEXT + "#seed textarea").first.fill("42")
    expect(undo).to_be_hidden()
    page.locator(TEXT + ".examples-one").first.click()
    expect(page.locator(TEXT + "#width input")).not_to_have_value("192")
    undo.click()
    _prompt(page, TEXT, "what I have worked on all day")
    set_steps(page, 2, tab=TEXT)
    _, request = generate(page, studio, TEXT)
    assert (request.width, request.seed) == (192, 42)
    undo.click()
    expect(page.locator(TEXT + "#width input")).not_to_have_value("192")
    expect(page.locator(TEXT + "#prompt textarea")).not_to_have_value("what I have worked on all day")


def test_a_painted_picture_is_had_back(open_page: OpenPage, studio: Studio, tmp_path: Path) -> None:
    """An example, and a picture that is sent here, take the place of the picture and of what was painted over it."""
    y, x = np.mgrid[0:128, 0:128]
    Image.fromarray(np.stack([x, y, x], -1).astype(np.uint8)).save(tmp_path / "mine.png")
    page = open_page()
    open_tab(page, "Inpainting")
    bring(page, INPAINT, tmp_path / "mine.png")
    stroke(page, page.locator(INPAINT + ".editor-canvas"), [(0.2, 0.5), (0.8, 0.5)])
    page.locator(INPAINT + "#prompt textarea").fill("a tree")
    set_steps(page, 2, tab=INPAINT)
    _, request = generate(page, studio, INPAINT)
    assert isinstance(request, Inpaint)
    page.locator(INPAINT + ".examples-one").first.click()
    expect(page.locator(INPAINT + "#prompt textarea")).not_to_have_value("a tree", timeout=MINUTE)
    page.locator(INPAINT + ".undo").click()
    _prompt(page, INPAINT, "a tree")
    _, again = generate(page, studio, INPAINT)
    assert isinstance(again, Inpaint)
    assert (again.image, again.mask, again.steps) == (request.image, request.mask, 2)
    open_tab(page, "Text to image")
    page.locator(TEXT + "#prompt textarea").fill("a red house")
    set_steps(page, 2, tab=TEXT)
    generate(page, studio, TEXT)
    page.locator(TEXT + ".live-send").select_option("inpaint")
    _prompt(page, INPAINT, "a red house")
    page.locator(INPAINT + ".undo").click()
    _prompt(page, INPAINT, "a tree")
    _, once_more = generate(page, studio, INPAINT)
    assert isinstance(once_more, Inpaint)
    assert (once_more.image, once_more.mask) == (request.image, request.mask)


def test_a_picture_that_is_used_again_is_taken_back_to_an_empty_form(
    open_page: OpenPage, studio: Studio, tmp_path: Path
) -> None:
    Image.new("RGB", (160, 96), "red").save(tmp_path / "red.png")
    page = open_page()
    open_tab(page, "Variations")
    page.locator(VARY + ".examples-one").first.click()
    page.locator(VARY + "#picture .editor[data-state=ready]").wait_for(timeout=MINUTE)
    page.locator(VARY + ".undo").click()
    page.locator(VARY + "#picture .editor[data-state=empty]").wait_for(timeout=MINUTE)
    bring(page, VARY + "#picture ", tmp_path / "red.png")
    open_more(page, VARY)
    page.locator(VARY + "#width input").fill("64")
    page.locator(VARY + "#height input").fill("96")
    set_steps(page, 2, tab=VARY)
    generate(page, studio, VARY)
    open_tab(page, "Gallery")
    page.locator(".gallery-one > button").first.click()
    page.get_by_role("button", name="Use again").click()
    expect(page.locator(VARY + "#seed-mode input").nth(1)).to_be_checked(timeout=MINUTE)
    page.locator(VARY + "#picture .editor[data-state=ready]").wait_for(timeout=MINUTE)
    _, request = generate(page, studio, VARY)
    assert (request.width, request.height) == (64, 96), "and not those that the picture would have by itself"
    page.locator(VARY + ".undo").click()
    expect(page.locator(VARY + "#seed-mode input").nth(0)).to_be_checked(timeout=MINUTE)
