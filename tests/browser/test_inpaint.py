"""A person brings a picture, paints on it, and gets it back with only that part changed; in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from studio.gallery.store import Store
from studio.requests.inpaint import Inpaint
from tests.browser.person import (
    BLINK,
    MINUTE,
    PEOPLE,
    Point,
    generate,
    open_tab,
    set_steps,
    stroke,
    wait_for_state,
    write,
)
from tests.running import Studio

OpenPage = Callable[..., Page]
TAB = "#tab-inpaint "
WIDTH, HEIGHT = 400, 300


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    array = np.stack([x * 255 // WIDTH, y * 255 // HEIGHT, np.full_like(x, 128)], -1).astype(np.uint8)
    Image.fromarray(array).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def _open_with(page: Page, photo: Path) -> None:
    open_tab(page, "Inpainting")
    page.locator(".editor-file").set_input_files(photo)
    page.locator('.editor[data-state="ready"]').wait_for(timeout=MINUTE)
    page.wait_for_function("document.querySelector('.editor-picture').naturalWidth > 0")


def _stroke(page: Page, points: list[Point], *, touch: bool = False) -> None:
    stroke(page, page.locator(".editor-canvas"), points, touch=touch)


def _expected(strokes: list[tuple[list[tuple[float, float]], bool]]) -> np.ndarray:
    """The mask that strokes of brush size 60 make, uint8 [HEIGHT, WIDTH]; True erases. A pixel is painted
    where most of it is nearer to the stroke's line than half the brush."""
    scale, width = 4, (0.6**2 * min(WIDTH, HEIGHT)) / 3 + 2
    y, x = (np.mgrid[0 : HEIGHT * scale, 0 : WIDTH * scale] + 0.5) / scale
    sheet = np.zeros(x.shape, np.float32)
    for points, erases in strokes:
        corners = [(u * WIDTH, v * HEIGHT) for u, v in points]
        for (x0, y0), (x1, y1) in pairwise(corners):
            along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
            near = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)) <= width / 2
            sheet[near] = 0 if erases else 1
    return (sheet.reshape(HEIGHT, scale, WIDTH, scale).mean((1, 3)) > 0.5).astype(np.uint8) * 255


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float(((one > 0) & (other > 0)).sum() / ((one > 0) | (other > 0)).sum())


def _generate(page: Page, studio: Studio, words: str = "a red house") -> tuple[np.ndarray, Inpaint]:
    """Draws; the picture on the disk and its request."""
    page.locator(TAB + "#prompt textarea").fill(words)
    picture, request = generate(page, studio, TAB)
    assert isinstance(request, Inpaint)
    return picture, request


LINE = [(0.3, 0.4), (0.5, 0.5), (0.7, 0.4)]
SECOND = [(0.2, 0.7), (0.45, 0.8), (0.8, 0.75)]


@pytest.mark.parametrize("person", PEOPLE)
def test_the_mask_on_the_server_is_the_mask_that_was_painted(
    person: str, studio: Studio, open_page: OpenPage, photo: Path
) -> None:
    page, touch = open_page(**PEOPLE[person]), "finger" in person
    _open_with(page, photo)
    page.locator(".editor-size").fill("60")
    _stroke(page, LINE, touch=touch)
    _stroke(page, SECOND, touch=touch)
    page.locator('[data-tool="eraser"]').click()
    _stroke(page, [(0.45, 0.3), (0.55, 0.95)], touch=touch)
    picture, request = _generate(page, studio)
    mask = Store(studio.data).source(request.mask).array
    wanted = _expected([(LINE, False), (SECOND, False), ([(0.45, 0.3), (0.55, 0.95)], True)])
    assert _overlap(mask, wanted) > 0.98
    before = np.asarray(Image.open(photo))
    assert picture.shape == before.shape
    assert np.array_equal(picture[mask == 0], before[mask == 0])
    assert (picture[mask > 0] != before[mask > 0]).mean() > 0.5


def test_painting_is_taken_back_turned_around_and_cleared(open_page: OpenPage, photo: Path) -> None:
    page = open_page()
    _open_with(page, photo)

    def painted() -> float:
        return float(
            page.evaluate(
                """() => { const c = document.querySelector('.editor-canvas');
                const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
                let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 127; return n / (c.width * c.height); }"""
            )
        )

    assert painted() == 0
    _stroke(page, LINE)
    one = painted()
    assert one > 0
    _stroke(page, SECOND)
    both = painted()
    page.locator('[data-act="undo"]').click()
    assert painted() == pytest.approx(one)
    page.locator('[data-act="redo"]').click()
    assert painted() == pytest.approx(both)
    page.locator(".editor-canvas").focus()
    page.keyboard.press("Control+z")
    assert painted() == pytest.approx(one)
    page.locator('[data-act="grow"]').click()
    assert painted() > one * 1.2
    page.locator('[data-act="shrink"]').click()
    assert painted() == pytest.approx(one, rel=0.2)
    page.locator('[data-act="invert"]').click()
    assert painted() > 0.9
    page.locator('[data-act="clear"]').click()
    assert painted() == 0


def test_the_canvas_grows_and_what_is_new_is_painted_for_you(studio: Studio, open_page: OpenPage, photo: Path) -> None:
    page = open_page()
    _open_with(page, photo)
    page.locator(".editor-more summary").click()
    page.locator(".editor-aspect").select_option("16:9")
    assert page.locator('[data-side="left"]').input_value() == "66"
    page.locator('[data-act="extend"]').click()
    page.wait_for_function("document.querySelector('.editor-canvas').width === 533")
    picture, request = _generate(page, studio, "a meadow by day")
    before = np.asarray(Image.open(photo))
    assert picture.shape == (300, 533, 3)
    assert np.array_equal(picture[:, 66:466], before)
    assert Store(studio.data).source(request.mask).array[:, 66:466].sum() == 0


def test_a_result_is_sent_to_the_brush_with_its_words(studio: Studio, open_page: OpenPage) -> None:
    page = open_page()
    set_steps(page, 6)
    write(page, "a white lighthouse by the sea")
    page.locator("#generate").click()
    wait_for_state(page, "done")
    made = np.asarray(Image.open(studio.data / "pictures" / _name_of_first(page)))
    page.locator(".live-send").first.select_option("inpaint")
    page.locator('.editor[data-state="ready"]').wait_for(timeout=MINUTE)
    expect(page.locator(TAB + "#prompt textarea")).to_have_value("a white lighthouse by the sea")
    _stroke(page, LINE)
    picture, request = _generate(page, studio, "a red kite")
    assert np.array_equal(Store(studio.data).source(request.image).array, made)
    assert picture.shape == made.shape


def _name_of_first(page: Page) -> str:
    return str(page.locator("#tab-text_to_image .live-frames img").get_attribute("src")).rsplit("/", 1)[1]


def test_a_page_loaded_again_finds_the_picture_the_mask_and_the_result(
    open_page: OpenPage, photo: Path, studio: Studio
) -> None:
    page = open_page()
    _open_with(page, photo)
    _stroke(page, LINE)
    _generate(page, studio)
    page.reload()
    open_tab(page, "Inpainting")
    page.locator('.editor[data-state="ready"]').wait_for(timeout=MINUTE)
    page.locator(TAB + '.live[data-state="done"]').wait_for(timeout=MINUTE, state="attached")
    expect(page.locator(TAB + "#prompt textarea")).to_have_value("a red house")
    _generate(page, studio, "a blue house")


@pytest.mark.parametrize("what", ["nothing", "unpainted"])
def test_what_is_missing_is_said(what: str, open_page: OpenPage, photo: Path) -> None:
    page = open_page()
    if what == "nothing":
        open_tab(page, "Inpainting")
        page.locator(".editor-empty").wait_for()
    else:
        _open_with(page, photo)
    page.locator(TAB + "#generate").click()
    expect(page.locator(".toast-wrap")).to_contain_text("choose one" if what == "nothing" else "painted over")


def test_an_answer_that_comes_late_takes_nothing_from_who_has_begun(open_page: OpenPage, photo: Path) -> None:
    """An editor asks for what it showed before the page was loaded; the answer used to empty one in use."""
    page, held = open_page(), list[Route]()
    page.route("**/gradio_api/run/predict*", lambda route: held.append(route))
    _open_with(page, photo)
    _stroke(page, LINE)
    page.wait_for_timeout(2000)  # it asks again and again until somebody works in it
    assert held
    with page.expect_response("**/gradio_api/run/predict*"):
        for each in held:
            each.continue_()
    page.unroute("**/gradio_api/run/predict*")
    page.wait_for_timeout(BLINK)
    page.locator(TAB + "#prompt textarea").fill("a red house")
    page.locator(TAB + "#generate").click()
    wait_for_state(page, "done", tab=TAB)


def test_a_file_that_is_no_picture_is_refused_in_words_and_the_editor_goes_on(
    open_page: OpenPage, photo: Path, tmp_path: Path
) -> None:
    page = open_page()
    (tmp_path / "fake.png").write_bytes(b"no picture")
    open_tab(page, "Inpainting")
    page.locator(".editor-file").set_input_files(tmp_path / "fake.png")
    expect(page.locator(".editor-status")).to_contain_text("PNG, JPEG or WebP")
    _open_with(page, photo)
