"""A person brings a picture, paints on it, and gets it back with only that part changed; in a real Chromium."""

from __future__ import annotations

import base64
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from studio.gallery.store import Store
from studio.images.opening import open_mask
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
from tests.images.icc import painted_masks, saved
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


# Puts things on the clipboard as programs do: text, and a picture.
COPY = """async ({text, picture}) => {
  const kinds = {};
  if (text) kinds['text/plain'] = new Blob([text], {type: 'text/plain'});
  const bytes = Uint8Array.from(atob(picture), (each) => each.charCodeAt(0));
  kinds['image/png'] = new Blob([bytes], {type: 'image/png'});
  await navigator.clipboard.write([new ClipboardItem(kinds)]);
}"""
# Drops a file, or something that is none, on the editor of the open tab.
DROP = """(editor, {name, type, content}) => {
  const carried = new DataTransfer();
  if (name) carried.items.add(new File([Uint8Array.from(atob(content), (each) => each.charCodeAt(0))], name, {type}));
  else carried.setData('text/plain', 'words');
  editor.dispatchEvent(new DragEvent('drop', {dataTransfer: carried, bubbles: true, cancelable: true}));
}"""
PAINTED = """() => { const c = document.querySelector('.editor-canvas');
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 127; return n; }"""


def _shown(page: Page) -> str:
    return str(page.locator(TAB + ".editor-picture").get_attribute("src"))


def _png(colour: tuple[int, int, int]) -> str:
    return base64.b64encode(saved(Image.new("RGB", (WIDTH, HEIGHT), colour))).decode()


@pytest.fixture
def writing(open_page: OpenPage, photo: Path) -> Page:
    """Somebody who has painted on a picture and may use the clipboard."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    _open_with(page, photo)
    _stroke(page, LINE)
    return page


def test_text_with_a_bitmap_beside_it_is_pasted_as_text(writing: Page) -> None:
    """Office programs copy a picture of the text along with it; that used to take the place of picture and mask."""
    prompt, before, painted = writing.locator(TAB + "#prompt textarea"), _shown(writing), writing.evaluate(PAINTED)
    writing.evaluate(COPY, {"text": "a table of houses", "picture": _png((9, 9, 9))})
    prompt.click()
    writing.keyboard.press("Control+v")
    expect(prompt).to_have_value("a table of houses")
    writing.wait_for_timeout(BLINK)
    assert (_shown(writing), writing.evaluate(PAINTED)) == (before, painted)


@pytest.mark.parametrize("text", ["", "words beside it"])
def test_a_picture_that_is_pasted_can_be_taken_back_with_the_mask_on_the_one_before(writing: Page, text: str) -> None:
    """Into the prompt where there is nothing but a picture; on the canvas in any case."""
    before, painted = _shown(writing), writing.evaluate(PAINTED)
    writing.evaluate(COPY, {"text": text, "picture": _png((200, 30, 30))})
    writing.locator(TAB + (".editor-canvas" if text else "#prompt textarea")).focus()
    writing.keyboard.press("Control+v")
    expect(writing.locator(TAB + ".editor-picture")).not_to_have_attribute("src", before)
    assert writing.evaluate(PAINTED) == 0
    writing.locator(TAB + '[data-act="undo"]').click()
    expect(writing.locator(TAB + ".editor-picture")).to_have_attribute("src", before)
    assert writing.evaluate(PAINTED) == painted
    writing.locator(TAB + '[data-act="redo"]').click()
    expect(writing.locator(TAB + ".editor-picture")).not_to_have_attribute("src", before)
    assert writing.evaluate(PAINTED) == 0


def test_a_file_is_taken_for_what_it_holds_and_something_else_is_called_by_its_name(open_page: OpenPage) -> None:
    """Systems give no type to what they do not know, and then nothing happened at all."""
    page = open_page()
    open_tab(page, "Inpainting")
    editor, status = page.locator(TAB + ".editor"), page.locator(TAB + ".editor-status")
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400)
    for name, kind, content, said in (
        ("IMG_0001.HEIC", "", heic, "The file is HEIC; a PNG, JPEG or WebP file was expected"),
        ("words.txt", "text/plain", b"words", "The file is text; "),
        ("nothing.png", "image/png", b"", "The file is empty; "),
    ):
        page.locator(TAB + ".editor-file").set_input_files({"name": name, "mimeType": kind, "buffer": content})
        expect(status).to_contain_text(said)
        page.evaluate("(status) => (status.textContent = '')", status.element_handle())
        editor.evaluate(DROP, {"name": name, "type": kind, "content": base64.b64encode(content).decode()})
        expect(status).to_contain_text(said)
    editor.evaluate(DROP, {})
    expect(status).to_contain_text("That was no file")
    shown = ""
    for number, kind in enumerate(("", "application/octet-stream", "text/plain")):
        editor.evaluate(DROP, {"name": "photo", "type": kind, "content": _png((number, 99, 99))})
        expect(page.locator(TAB + ".editor-picture")).not_to_have_attribute("src", shown)
        expect(status).to_have_text("")
        shown = _shown(page)


def test_a_folder_is_no_picture(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    open_tab(page, "Inpainting")
    frame = page.locator(TAB + ".editor").bounding_box()
    assert frame
    session, place = page.context.new_cdp_session(page), {"x": frame["x"] + 40, "y": frame["y"] + 40}
    session.send("Input.setInterceptDrags", {"enabled": False})
    carried = {"items": [], "files": [str(tmp_path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": carried})
    expect(page.locator(TAB + ".editor-status")).to_contain_text("This is a folder")


def test_a_mask_from_a_file_is_read_as_everywhere_else(writing: Page) -> None:
    """What is light and opaque; the page used to count the green alone, and to stretch any shape."""
    for image in painted_masks():
        fitted = image.resize((WIDTH, HEIGHT), 0)
        file = {"name": "mask.png", "mimeType": "image/png", "buffer": saved(fitted)}
        expected = int((open_mask(saved(fitted)).array > 0).sum())
        writing.locator(TAB + '[data-act="clear"]').click()
        writing.locator(TAB + ".editor-mask-file").set_input_files(file)
        writing.wait_for_function(f"() => ({PAINTED})() === {expected}")
    file = {"name": "tall.png", "mimeType": "image/png", "buffer": saved(Image.new("L", (100, 300), 255))}
    writing.locator(TAB + ".editor-mask-file").set_input_files(file)
    expect(writing.locator(TAB + ".editor-status")).to_contain_text(f"a mask of the picture's shape, {WIDTH}x{HEIGHT}")
    assert writing.evaluate(PAINTED) == expected
