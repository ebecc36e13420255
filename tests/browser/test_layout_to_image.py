"""A person draws boxes, says what is in them, changes their mind, and gets a picture; in a real Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from studio.gallery.containers import read_recipe
from studio.requests.inpaint import Inpaint
from studio.requests.layout_to_image import LayoutToImage
from tests.browser.person import MINUTE, PEOPLE, Point, generate, open_tab, stroke
from tests.running import Studio

OpenPage = Callable[..., Page]
TAB = "#tab-layout_to_image "
HOUSE, TREE = [0.10, 0.40, 0.45, 0.90], [0.60, 0.55, 0.90, 0.95]
CLOSE = 0.01  # of the picture: a pixel or two of the canvas


def _open(page: Page) -> Locator:
    open_tab(page, "Layout to image")
    canvas = page.locator(TAB + ".editor-canvas")
    canvas.wait_for()
    return canvas


def _drag(page: Page, begin: Point, end: Point, *, touch: bool = False) -> None:
    """From one point of the picture to another, by way of the middle."""
    middle = ((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2)
    stroke(page, page.locator(TAB + ".editor-canvas"), (begin, middle, end), touch=touch)


def _phrase(page: Page, number: int) -> Locator:
    return page.locator(TAB + ".boxes-phrase").nth(number - 1)


def _act(page: Page, act: str) -> None:
    button = page.locator(TAB + f'[data-act="{act}"]')
    if not button.is_visible():
        page.locator(TAB + ".editor-more summary").click()
    button.click()


def _exported(page: Page) -> list[dict[str, Any]]:
    with page.expect_download() as download:
        _act(page, "export")
    boxes = json.loads(Path(download.value.path()).read_text())
    assert isinstance(boxes, list)
    return boxes


def _generate(page: Page, studio: Studio) -> LayoutToImage:
    """Draws; the request in the recipe of the picture on the disk."""
    _, request = generate(page, studio, TAB)
    assert isinstance(request, LayoutToImage)
    return request


@pytest.mark.parametrize("person", PEOPLE)
def test_boxes_are_drawn_named_moved_resized_renamed_and_deleted(
    person: str, studio: Studio, open_page: OpenPage
) -> None:
    page, touch = open_page(**PEOPLE[person]), "finger" in person
    _open(page)
    for at, (box, words) in enumerate(((HOUSE, "a red house"), (TREE, "a green tree"), (HOUSE, "a mistake")), start=1):
        if words == "a mistake":
            box = [0.5, 0.05, 0.8, 0.3]
        _drag(page, (box[0], box[1]), (box[2], box[3]), touch=touch)
        _phrase(page, at).fill(words)
    assert [each["phrase"] for each in _exported(page)] == ["a red house", "a green tree", "a mistake"]
    assert _exported(page)[0]["box"] == pytest.approx(HOUSE, abs=CLOSE)
    page.locator(TAB + ".boxes-out").nth(2).click()
    _drag(page, (0.75, 0.75), (0.65, 0.65), touch=touch)  # moves the tree by its middle
    moved = [TREE[0] - 0.1, TREE[1] - 0.1, TREE[2] - 0.1, TREE[3] - 0.1]
    assert _exported(page)[1]["box"] == pytest.approx(moved, abs=CLOSE)
    _drag(page, (moved[2], moved[3]), (0.95, 0.98), touch=touch)  # its lower right corner
    assert _exported(page)[1]["box"] == pytest.approx([*moved[:2], 0.95, 0.98], abs=CLOSE)
    _phrase(page, 2).fill("a blue windmill")
    request = _generate(page, studio)
    assert [each.phrase for each in request.boxes] == ["a red house", "a blue windmill"]
    assert list(request.boxes[0].box) == pytest.approx(HOUSE, abs=CLOSE)
    assert list(request.boxes[1].box) == pytest.approx([*moved[:2], 0.95, 0.98], abs=CLOSE)
    assert request.prompt == ""


def test_without_a_mouse_everything_can_be_done(open_page: OpenPage) -> None:
    page = open_page()
    _open(page).focus()
    page.keyboard.press("n")
    page.keyboard.type("a red house")
    page.keyboard.press("Enter")
    (first,) = _exported(page)
    canvas = page.locator(TAB + ".editor-canvas")
    canvas.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    x0, y0, x1, y1 = first["box"]
    assert _exported(page)[0]["box"] == pytest.approx([x0 - 0.02, y0 - 0.01, x1 - 0.01, y1])
    canvas.focus()
    page.keyboard.press("Control+d")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.type("a boat")
    page.keyboard.press("Enter")
    assert [each["phrase"] for each in _exported(page)] == ["a red house", "a boat"]
    canvas.focus()
    page.keyboard.press("PageDown")  # behind the other
    assert [each["phrase"] for each in _exported(page)] == ["a boat", "a red house"]
    canvas.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Delete")
    assert [each["phrase"] for each in _exported(page)] == ["a boat"]
    canvas.focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert [each["phrase"] for each in _exported(page)] == ["a red house", "a boat"]
    page.keyboard.press("Escape")
    canvas.focus()
    page.keyboard.press("Control+Shift+z")
    assert [each["phrase"] for each in _exported(page)] == ["a boat", "a red house"]


def test_layouts_come_and_go_as_json_and_what_is_none_is_refused_in_words(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    _open(page)
    boxes = [{"phrase": "a red house", "box": [0.1, 0.2, 0.5, 0.9]}, {"phrase": "蓝船", "box": [0.55, 0.5, 0.95, 0.8]}]
    (tmp_path / "layout.json").write_text(json.dumps(boxes))
    page.locator(TAB + ".boxes-file").set_input_files(tmp_path / "layout.json")
    expect(page.locator(TAB + ".boxes-phrase")).to_have_count(2)
    assert _exported(page) == boxes
    bad = ("no json", "[]", '[{"phrase": "a", "box": [10, 20, 300, 400]}]', '[{"phrase": 1, "box": [0, 0, 1, 1]}]')
    for text in bad:
        (tmp_path / "bad.json").write_text(text)
        page.locator(TAB + ".boxes-file").set_input_files(tmp_path / "bad.json")
        expect(page.locator(TAB + ".editor-status")).to_contain_text("This is no layout")
        page.locator(TAB + ".editor-status").evaluate("element => element.textContent = ''")
    assert _exported(page) == boxes, "what was there is still there"


def test_a_phrase_is_text_and_never_markup(open_page: OpenPage) -> None:
    page = open_page()
    _open(page)
    _drag(page, (0.1, 0.1), (0.5, 0.5))
    evil = "<img src=x onerror='window.hacked=1'>${window.hacked=1}{{window.hacked=1}}"
    _phrase(page, 1).fill(evil)
    page.locator(TAB + "#generate").click()
    page.locator(TAB + '.live[data-state="done"]').wait_for(timeout=MINUTE)
    page.reload()
    _open(page)
    expect(_phrase(page, 1)).to_have_value(evil)
    assert page.evaluate("window.hacked") is None


def test_the_canvas_takes_the_pictures_shape_and_the_boxes_stay_where_they_are(open_page: OpenPage) -> None:
    page = open_page()
    canvas = _open(page)
    _drag(page, (0.1, 0.2), (0.5, 0.9))
    _phrase(page, 1).fill("a red house")
    before = _exported(page)
    page.locator(TAB + "#shape").get_by_label("Landscape").click()
    page.wait_for_function(
        """() => { const r = document.querySelector('#tab-layout_to_image .editor-canvas').getBoundingClientRect();
        return Math.abs(r.width / r.height - 1.5) < 0.02; }"""
    )
    assert _exported(page) == before
    frame = canvas.bounding_box()
    assert frame
    assert frame["width"] / frame["height"] == pytest.approx(1.5, abs=0.02)


def test_a_page_loaded_again_finds_its_boxes_and_what_is_done_since_generate_is_kept(
    studio: Studio, open_page: OpenPage
) -> None:
    page = open_page()
    _open(page)
    _drag(page, (0.1, 0.2), (0.5, 0.9))
    _phrase(page, 1).fill("a red house")
    page.locator(TAB + "#generate").click()
    _drag(page, (0.6, 0.5), (0.9, 0.9))
    _phrase(page, 2).fill("a green tree")
    page.locator(TAB + '.live[data-state="done"]').wait_for(timeout=MINUTE)
    assert [each["phrase"] for each in _exported(page)] == ["a red house", "a green tree"]
    assert [each.phrase for each in _generate(page, studio).boxes] == ["a red house", "a green tree"]
    page.reload()
    _open(page)
    expect(page.locator(TAB + ".boxes-phrase")).to_have_count(2, timeout=MINUTE)
    assert [each["phrase"] for each in _exported(page)] == ["a red house", "a green tree"]


def test_a_layouts_picture_is_sent_to_the_brush_and_back_below_its_boxes(studio: Studio, open_page: OpenPage) -> None:
    page = open_page()
    _open(page)
    _drag(page, (0.1, 0.3), (0.6, 0.9))
    _phrase(page, 1).fill("a yellow castle")
    page.locator(TAB + "#prompt textarea").fill("by the sea at night")
    request = _generate(page, studio)
    page.locator(TAB + ".live-send").select_option("inpaint")
    inpaint = "#tab-inpaint "
    page.locator(inpaint + '.editor[data-state="ready"]').wait_for(timeout=MINUTE)
    expect(page.locator(inpaint + "#prompt textarea")).to_have_value("by the sea at night")
    page.locator(inpaint + "#more button").first.click()
    expect(page.locator(inpaint + "#seed textarea, " + inpaint + "#seed input").first).to_have_value("")
    page.locator(inpaint + '[data-act="invert"]').click()
    page.locator(inpaint + "#generate").click()
    image = page.locator(inpaint + ".live-frames img")
    expect(image).to_have_attribute("src", re.compile(r"\.png$"), timeout=MINUTE)
    mended = read_recipe(studio.data / "pictures" / str(image.get_attribute("src")).rsplit("/", 1)[1]).request
    assert isinstance(mended, Inpaint)
    assert (mended.width, mended.height) == (request.width, request.height)
    assert mended.seed != request.seed
    page.locator(inpaint + ".live-send").select_option("layout_to_image")
    page.locator(TAB + ".boxes-background").wait_for(timeout=MINUTE)
    expect(page.locator(TAB + ".boxes-phrase")).to_have_count(0, timeout=MINUTE)
    _act(page, "bare")
    expect(page.locator(TAB + ".boxes-background")).to_be_hidden()


def test_what_is_missing_is_said(open_page: OpenPage) -> None:
    page = open_page()
    _open(page)
    page.locator(TAB + "#generate").click()
    expect(page.locator(".toast-wrap")).to_contain_text("draw it on the canvas")
    _drag(page, (0.1, 0.2), (0.5, 0.9))
    page.locator(TAB + "#generate").click()
    expect(page.locator(".toast-wrap")).to_contain_text("what is in the box")
