"""A person brings a small picture, gets it large several times, compares, and sends it on; in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from storybook.evaluate_super_resolution import decibels
from storybook.world import render, scene
from studio.gallery.containers import read_recipe
from studio.images.consistency import averaged
from studio.requests.super_resolve import SuperResolve
from tests.browser.person import MINUTE, PEOPLE, bring, open_tab, set_steps, wait_for_state
from tests.running import Studio

OpenPage = Callable[..., Page]
TAB = "#tab-super_resolve "
WIDTH, HEIGHT = 64, 48


@pytest.fixture
def small(tmp_path: Path) -> Path:
    picture = Image.fromarray(averaged(render(scene(5), 256), 4)).crop((0, 0, WIDTH, HEIGHT))
    picture.save(tmp_path / "small.png")
    return tmp_path / "small.png"


@pytest.mark.parametrize("person", ["mouse", "finger on a phone"])
def test_a_picture_gets_more_pixels_and_what_is_invented_is_shown(
    person: str, studio: Studio, open_page: OpenPage, small: Path
) -> None:
    page = open_page(**PEOPLE[person])
    open_tab(page, "Super-resolution")
    bring(page, TAB, small)
    expect(page.locator(TAB + ".picture-note")).to_contain_text("64 × 48 → 256 × 192")
    page.locator(TAB + "#count input[type=number]").fill("3")
    set_steps(page, 6, tab=TAB)
    page.locator(TAB + "#generate").click()
    wait_for_state(page, "done", tab=TAB)
    frames = page.locator(TAB + ".live-frames figure.is-done")
    expect(frames).to_have_count(3)
    spread = page.locator(TAB + ".live-deviation img")
    expect(spread).to_be_visible()
    page.wait_for_function("(image) => image.naturalWidth === 256", arg=spread.element_handle())
    paths = [
        studio.data / "pictures" / str(image.get_attribute("src")).rsplit("/", 1)[1]
        for image in page.locator(TAB + ".live-frames .live-open > img:not(.live-before)").all()
    ]
    drawn = [np.asarray(Image.open(path)) for path in paths]
    before = np.asarray(Image.open(small))
    for picture in drawn:
        assert picture.shape == (HEIGHT * 4, WIDTH * 4, 3)
        assert decibels(averaged(picture, 4), before) > 30
    assert not np.array_equal(drawn[0], drawn[1])
    request = read_recipe(paths[0]).request
    assert isinstance(request, SuperResolve)
    assert (request.steps, request.count) == (6, 1)


@pytest.mark.parametrize("person", ["mouse", "finger on a phone"])
def test_the_slider_uncovers_what_was_there_before(
    person: str, studio: Studio, open_page: OpenPage, small: Path
) -> None:
    page = open_page(**PEOPLE[person])
    open_tab(page, "Super-resolution")
    bring(page, TAB, small)
    set_steps(page, 4, tab=TAB)
    page.locator(TAB + "#generate").click()
    wait_for_state(page, "done", tab=TAB)
    before, slider = page.locator(TAB + ".live-before"), page.locator(TAB + ".live-split")
    page.wait_for_function("(image) => image.naturalWidth === 256", arg=before.element_handle())
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    for share in (0.2, 0.8):
        place = box["x"] + share * box["width"], box["y"] + box["height"] / 2
        if "finger" in person:
            page.touchscreen.tap(*place)
        else:
            page.mouse.click(*place)
        uncovered = page.evaluate("(image) => getComputedStyle(image).clipPath", before.element_handle())
        right = float(uncovered.split()[1].removesuffix("%"))  # inset(0px RIGHT 0px 0px)
        assert right == pytest.approx(100 * (1 - share), abs=6)


def test_a_result_is_sent_here_and_on(studio: Studio, open_page: OpenPage) -> None:
    """From words to a picture, to one with more pixels, and from there to the brush."""
    page = open_page()
    page.locator("#prompt textarea").first.fill("a red house by the sea")
    page.locator("#generate").first.click()
    wait_for_state(page, "done")
    page.locator("#tab-text_to_image .live-send").select_option(label="Super-resolution")
    expect(page.locator(TAB + ".picture-note")).to_contain_text("128 × 128 → 512 × 512", timeout=MINUTE)
    set_steps(page, 2, tab=TAB)
    page.locator(TAB + "#generate").click()
    wait_for_state(page, "done", tab=TAB)
    page.locator(TAB + ".live-send").select_option(label="Inpainting")
    page.locator('#tab-inpaint .editor[data-state="ready"]').wait_for(timeout=MINUTE)
    page.wait_for_function("document.querySelector('#tab-inpaint .editor-picture').naturalWidth === 512")


def test_what_is_missing_is_said(open_page: OpenPage) -> None:
    page = open_page()
    open_tab(page, "Super-resolution")
    page.locator(TAB + "#generate").click()
    expect(page.get_by_text("choose one, or drop one on the frame")).to_be_visible()
