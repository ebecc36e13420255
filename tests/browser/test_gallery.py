"""A person finds what was drawn, uses it again, throws it away and brings it back; in a real Chromium."""

from __future__ import annotations

import io
import json
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from studio.gallery.containers import read_recipe
from studio.gallery.ledger import Ledger
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store
from studio.images.pixels import Pixels
from studio.requests.text_to_image import TextToImage
from tests.browser.person import MINUTE, PEOPLE, generate, open_tab, set_steps, wait_for_state, write
from tests.running import Studio, running_studio

OpenPage = Callable[..., Page]
TEXT, GRID = "#tab-text_to_image ", ".gallery-one"


def _open_gallery(page: Page) -> None:
    open_tab(page, "Gallery")
    page.locator(".gallery-count").filter(has_text="picture").wait_for(timeout=MINUTE)


@pytest.mark.parametrize("person", ["mouse", "finger on a phone"])
def test_a_picture_is_found_used_again_deleted_and_brought_back(
    person: str, studio: Studio, open_page: OpenPage
) -> None:
    page = open_page(**PEOPLE[person])
    word = f"x{time.monotonic_ns()}"  # that no other picture has
    set_steps(page, 3, "Heun", tab=TEXT)
    write(page, f"a red house {word}")
    _, request = generate(page, studio, TEXT)
    write(page, "something else")
    _open_gallery(page)
    page.locator(".gallery-words").fill(word[:-2])
    expect(page.locator(GRID)).to_have_count(1, timeout=MINUTE)
    page.wait_for_function("document.querySelector('.gallery-one img').naturalWidth > 0")
    page.locator(f"{GRID} > button").click()
    expect(page.locator(".gallery-facts")).to_contain_text(str(request.seed))
    expect(page.locator(".gallery-text")).to_have_text(f"a red house {word}")
    page.locator(".gallery-acts button", has_text="Use again").click()
    expect(page.locator(TEXT + "#prompt textarea")).to_have_value(f"a red house {word}", timeout=MINUTE)
    expect(page.locator(TEXT + "#seed input, " + TEXT + "#seed textarea").first).to_have_value(str(request.seed))
    open_tab(page, "Gallery")  # still searched
    page.locator(f"{GRID} > button").click()
    page.locator(".gallery-acts button", has_text="Delete").click()
    expect(page.locator(GRID)).to_have_count(0, timeout=MINUTE)
    page.locator(".gallery-undo button").click()
    expect(page.locator(GRID)).to_have_count(1, timeout=MINUTE)


def test_several_are_chosen_and_downloaded_with_their_recipes(studio: Studio, open_page: OpenPage) -> None:
    page = open_page()
    set_steps(page, 2, tab=TEXT)
    word = f"z{time.monotonic_ns()}"
    for prompt in (f"a blue boat {word}", f'<script>alert(1)</script> "quoted" {word}'):
        write(page, prompt)
        generate(page, studio, TEXT)
    _open_gallery(page)
    page.locator(".gallery-words").fill(word)
    expect(page.locator(GRID)).to_have_count(2, timeout=MINUTE)
    for box in page.locator(f"{GRID} input").all():
        box.check(force=True)
    expect(page.locator(".gallery-chosen-count")).to_have_text("2 chosen")
    with page.expect_download() as download:
        page.locator(".gallery-chosen .gallery-zip").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    lines = [json.loads(line) for line in archive.read("recipes.jsonl").decode().splitlines()]
    assert {line["request"]["prompt"] for line in lines} == {
        f"a blue boat {word}",
        f'<script>alert(1)</script> "quoted" {word}',
    }
    for line in lines:
        with Image.open(io.BytesIO(archive.read(line["file"]))) as picture:
            assert picture.size == (128, 128)
    page.locator('.gallery-chosen [data-do="favour"]').click()
    page.locator(".gallery-favourites").click()
    expect(page.locator(".gallery-star")).to_have_count(2, timeout=MINUTE)


def test_a_job_that_was_cut_off_is_offered_again_and_no_picture_is_lost(tmp_path: Path, chromium: Browser) -> None:
    """The whole studio is killed while it draws."""
    with running_studio(tmp_path, ends=signal.SIGKILL) as studio:
        page = chromium.new_page(locale="en-US")
        page.goto(studio.url)
        page.locator(".live-empty-title").first.wait_for(timeout=MINUTE)
        write(page, "a finished house")
        set_steps(page, 2, tab=TEXT)
        generate(page, studio, TEXT)
        set_steps(page, 150, tab=TEXT)
        write(page, "an unfinished house")
        page.locator(TEXT + "#generate").click()
        wait_for_state(page, "running", tab=TEXT)
    page.context.close()
    with running_studio(tmp_path) as studio:
        page = chromium.new_page(locale="en-US")
        page.goto(studio.url)
        page.locator(".live-empty-title").first.wait_for(timeout=MINUTE)
        _open_gallery(page)
        offer = page.locator(".gallery-interrupted")
        expect(offer).to_contain_text("an unfinished house", timeout=MINUTE)
        expect(page.locator(GRID)).to_have_count(1)
        offer.get_by_role("button", name="Run again").click()
        expect(page.locator(TEXT + "#prompt textarea")).to_have_value("an unfinished house", timeout=MINUTE)
        set_steps(page, 2, tab=TEXT)
        _, request = generate(page, studio, TEXT)
        assert isinstance(request, TextToImage)
        assert request.prompt == "an unfinished house"
        page.context.close()


def test_thousands_are_scrolled_through_a_page_at_a_time(tmp_path: Path, chromium: Browser) -> None:
    store, ledger = Store(tmp_path), Ledger(tmp_path)
    first = None
    for number in range(150):
        recipe = Recipe(TextToImage(prompt=f"house {number}", pack="storybook", width=64, height=64, seed=number))
        path = store.add(Pixels(1, 1, b"rgb"), recipe)
        ledger.add(path, recipe)
        first = first or path
    ledger.close()
    assert first is not None
    assert read_recipe(first).request.seed == 0
    with running_studio(tmp_path) as studio:
        page = chromium.new_page(locale="en-US", viewport={"width": 1280, "height": 900})
        page.goto(studio.url)
        page.locator(".live-empty-title").first.wait_for(timeout=MINUTE)
        _open_gallery(page)
        expect(page.locator(".gallery-count")).to_have_text("150 pictures")
        for _ in range(40):
            page.mouse.wheel(0, 3000)
            page.wait_for_timeout(150)
            if page.locator(GRID).count() == 150:
                break
        expect(page.locator(GRID)).to_have_count(150)
        page.locator(".gallery-words").fill("house 7")
        expect(page.locator(GRID)).to_have_count(11, timeout=MINUTE)  # 7, and 70 to 79
        page.context.close()
