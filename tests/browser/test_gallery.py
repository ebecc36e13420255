"""A person finds what was drawn, uses it again, throws it away and brings it back; in a real Chromium."""

from __future__ import annotations

import io
import json
import re
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, Page, expect

from storybook.world.paint import render
from storybook.world.scene import scene
from studio.gallery import open_gallery
from studio.gallery.containers import read_recipe
from studio.gallery.ledger import Ledger
from studio.gallery.pictures import Entry
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
    set_steps(page, 5, "Heun", tab=TEXT)
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
        page.locator('.gallery-chosen [data-do="zip"]').click()
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
        engine = psutil.Process(studio.pid).children(recursive=True)
    page.context.close()
    _, alive = psutil.wait_procs(engine, timeout=60)
    assert engine
    assert alive == [], "an engine ends with its page"
    with running_studio(tmp_path, STUDIO_ENGINE="scripted") as studio:
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
        ledger.pictures.add(Entry(path, recipe, ""))
        first = first or path
    ledger.close()
    assert first is not None
    assert read_recipe(first).request.seed == 0
    with running_studio(tmp_path, STUDIO_ENGINE="scripted") as studio:
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
        phone = chromium.new_page(locale="en-US", **PEOPLE["finger on a phone"])
        phone.goto(studio.url)
        phone.locator(".live-empty-title").first.wait_for(timeout=MINUTE)
        _open_gallery(phone)
        expect(phone.locator(GRID)).to_have_count(60, timeout=MINUTE)
        sides = phone.locator(GRID).evaluate_all("(all) => all.map((one) => one.getBoundingClientRect())")
        assert max(side["right"] for side in sides) <= 390, (
            "what is not on the screen yet was given more room than that"
        )
        assert len({round(side["left"]) for side in sides}) == 3
        phone.context.close()


def test_what_is_said_of_pictures_is_kept_and_two_are_compared(studio: Studio, open_page: OpenPage) -> None:
    page = open_page()
    set_steps(page, 2, tab=TEXT)
    word = f"m{time.monotonic_ns()}"
    for prompt in (f"one {word}", f"two {word}"):
        write(page, prompt)
        generate(page, studio, TEXT)
    _open_gallery(page)
    page.locator(".gallery-words").fill(word)
    expect(page.locator(GRID)).to_have_count(2, timeout=MINUTE)
    page.locator(f"{GRID} > button").first.click()
    page.locator(".gallery-marks [name=tags]").fill(f"sunny, {word}t")
    page.locator(".gallery-marks [name=note]").fill("for <b>Anna</b>")
    page.locator(".gallery-marks [name=collection]").fill(f"Book {word}")
    page.locator(".gallery-marks [name=collection]").press("Tab")
    page.locator(".gallery-large .gallery-close").click()
    expect(page.locator(".gallery-collection option")).to_have_count(2, timeout=MINUTE)
    page.locator(".gallery-collection").select_option(f"Book {word}")
    expect(page.locator(GRID)).to_have_count(1, timeout=MINUTE)
    page.locator(f"{GRID} > button").first.click()
    expect(page.locator(".gallery-marks [name=note]")).to_have_value("for <b>Anna</b>")
    expect(page.locator(".gallery-marks [name=tags]")).to_have_value(re.compile("sunny"))
    page.locator(".gallery-large .gallery-close").click()
    page.locator(".gallery-collection").select_option("")
    expect(page.locator(GRID)).to_have_count(2, timeout=MINUTE)
    for box in page.locator(f"{GRID} input").all():
        box.check(force=True)
    page.locator('[data-do="compare"]').click()
    page.wait_for_function("[...document.querySelectorAll('.gallery-both img')].every((one) => one.naturalWidth > 0)")
    page.locator(".gallery-compared input").fill("20")
    assert page.locator(".gallery-compared").evaluate("(box) => box.style.getPropertyValue('--shown')") == "20%"


LATE_MARKS = """
const post = window.fetch;
window.fetch = async (url, options) => {
  if (String(options?.body).includes('"what":"mark"')) await new Promise((done) => setTimeout(done, 1000));
  return post(url, options);
};
"""


def test_a_star_outlives_a_note_and_a_note_a_filter(studio: Studio, open_page: OpenPage) -> None:
    """A quick hand stars a picture right after writing about it; and what is written about a picture that a filter
    shows no more is kept as well, without leaving the field. What is written travels slower than the star, so that the
    pictures that come with the star's answer know nothing of it."""
    page = open_page()
    page.add_init_script(LATE_MARKS)
    page.reload()
    set_steps(page, 2, tab=TEXT)
    word = f"s{time.monotonic_ns()}"
    write(page, f"a boat {word}")
    generate(page, studio, TEXT)
    _open_gallery(page)
    page.locator(".gallery-words").fill(word)
    expect(page.locator(GRID)).to_have_count(1, timeout=MINUTE)
    page.locator(f"{GRID} > button").click()
    page.locator(".gallery-marks [name=tags]").fill(f"{word}one")
    page.locator(".gallery-marks [name=note]").fill("first")
    page.locator(".gallery-acts button", has_text="Favourite").click()
    expect(page.locator(f"{GRID} .gallery-star")).to_be_visible()
    page.locator(f"{GRID} > button").click()
    expect(page.locator(".gallery-marks [name=note]")).to_have_value("first")
    page.locator(".gallery-large .gallery-close").click()
    expect(page.locator(".gallery-tag option", has_text=f"{word}one")).to_have_count(1, timeout=MINUTE)
    page.locator(".gallery-tag").select_option(f"{word}one")
    page.locator(f"{GRID} > button").click()
    expect(page.locator(".gallery-acts button", has_text="No favourite")).to_be_visible()
    expect(page.locator(".gallery-marks [name=note]")).to_have_value("first")
    page.locator(".gallery-marks [name=tags]").fill(f"{word}two")
    expect(page.locator(".gallery-tag option", has_text=f"{word}two")).to_have_count(1, timeout=MINUTE)  # it is saved
    page.locator(".gallery-marks [name=note]").fill("second")
    page.wait_for_timeout(1500)  # and the tab is closed, the hand still on the note
    page.reload()
    _open_gallery(page)
    page.locator(".gallery-words").fill(word)
    expect(page.locator(GRID)).to_have_count(1, timeout=MINUTE)
    page.locator(f"{GRID} > button").click()
    expect(page.locator(".gallery-marks [name=note]")).to_have_value("second")
    expect(page.locator(".gallery-marks [name=tags]")).to_have_value(f"{word}two")
    expect(page.locator(".gallery-acts button", has_text="No favourite")).to_be_visible()


def test_a_picture_is_drawn_again_sent_on_and_shown_in_its_tree(studio: Studio, open_page: OpenPage) -> None:
    page = open_page()
    set_steps(page, 3, tab=TEXT)
    word = f"t{time.monotonic_ns()}"
    write(page, f"a blue house {word}")
    generate(page, studio, TEXT)
    _open_gallery(page)
    page.locator(".gallery-words").fill(word)
    expect(page.locator(GRID)).to_have_count(1, timeout=MINUTE)
    page.locator(f"{GRID} > button").click()
    page.get_by_role("button", name="Draw again and compare").click()
    expect(page.locator(".gallery-verdict")).to_have_text("Identical, to the last bit.", timeout=MINUTE)
    page.locator(".gallery-acts select").select_option("vary")
    expect(page.locator("#tab-vary .editor[data-state='ready']")).to_be_attached(timeout=MINUTE)
    set_steps(page, 3, tab="#tab-vary ")
    generate(page, studio, "#tab-vary ")
    open_tab(page, "Gallery")
    page.locator(".gallery-words").fill(word)
    expect(page.locator(GRID)).to_have_count(2, timeout=MINUTE)  # the variation has the words of its source
    page.locator(f"{GRID} > button").last.click()
    expect(page.locator(".gallery-tree button")).to_have_count(2, timeout=MINUTE)
    page.locator(".gallery-tree button").nth(1).click()
    expect(page.locator(".gallery-tree button").nth(1)).to_have_attribute("aria-current", "true", timeout=MINUTE)


FOREIGN = """a fox by Anna
Negative prompt: fog
Steps: 5, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 3.5, Seed: 77, Size: 128x128, Model: elsewhere, \
Tiling: True, Version: v1.10.1"""


@pytest.mark.parametrize("person", ["mouse", "finger on a phone"])
def test_another_program_s_recipe_is_read_and_used(
    person: str, studio: Studio, open_page: OpenPage, tmp_path: Path
) -> None:
    info = PngInfo()
    info.add_text("parameters", FOREIGN)
    Image.new("RGB", (64, 64)).save(tmp_path / "fox.png", pnginfo=info)
    page = open_page(**PEOPLE[person])
    open_tab(page, "Gallery")
    page.locator(".gallery-file").set_input_files(tmp_path / "fox.png")
    box = page.locator(".gallery-read")
    expect(box.locator("h3")).to_have_text("A recipe from AUTOMATIC1111", timeout=MINUTE)
    expect(box.locator("li")).to_have_text(["model: elsewhere", "Tiling: True"])
    box.get_by_role("button", name="Use again").click()
    expect(page.locator(TEXT + "#prompt textarea")).to_have_value("a fox by Anna", timeout=MINUTE)
    Image.new("RGB", (64, 64)).save(tmp_path / "bare.png")
    open_tab(page, "Gallery")
    page.locator(".gallery-file").set_input_files(tmp_path / "bare.png")
    expect(page.locator(".gallery-errand span")).to_contain_text("carries no recipe", timeout=MINUTE)


def test_an_export_is_taken_in_by_an_empty_studio(
    studio: Studio, open_page: OpenPage, chromium: Browser, tmp_path: Path
) -> None:
    page = open_page()
    set_steps(page, 2, tab=TEXT)
    word = f"e{time.monotonic_ns()}"
    write(page, f"a green tree {word}")
    generate(page, studio, TEXT)
    _open_gallery(page)
    page.locator(".gallery-words").fill(word)
    expect(page.locator(GRID)).to_have_count(1, timeout=MINUTE)
    with page.expect_download(timeout=MINUTE) as download:
        page.locator(".gallery-export").click()
    download.value.save_as(tmp_path / "all.zip")
    page.locator(".gallery-form").select_option("html")
    with page.expect_download(timeout=MINUTE) as download:
        page.locator(".gallery-export").click()
    download.value.save_as(tmp_path / "gallery.html")
    alone = chromium.new_page()
    alone.goto((tmp_path / "gallery.html").as_uri())
    alone.locator("figure").click()
    expect(alone.locator("dialog pre")).to_contain_text(f"a green tree {word}")
    assert alone.locator("dialog img").evaluate("(image) => image.naturalWidth") == 128
    alone.close()
    with running_studio(tmp_path / "data", STUDIO_ENGINE="scripted") as other:
        there = chromium.new_page(locale="en-US")
        there.goto(other.url)
        there.locator(".live-empty-title").first.wait_for(timeout=MINUTE)
        open_tab(there, "Gallery")
        there.locator(".gallery-file").set_input_files(tmp_path / "all.zip")
        expect(there.locator(".gallery-errand span")).to_contain_text("1 new, 0 known", timeout=MINUTE)
        expect(there.locator(GRID)).to_have_count(1, timeout=MINUTE)
        there.wait_for_function("document.querySelector('.gallery-one img').naturalWidth > 0")
        there.context.close()


def test_pictures_are_found_by_what_they_show(tmp_path: Path, chromium: Browser) -> None:
    """Renders whose prompts say nothing; the shipped model looks at them beside everything else."""
    store, ledger = open_gallery(tmp_path, everybody=True)
    for seed in range(24):
        recipe, pixels = (
            Recipe(TextToImage(prompt="x", pack="storybook", width=128, height=128, seed=seed)),
            Pixels.of(render(scene(seed), 128)),
        )
        ledger.pictures.add(Entry(store.add(pixels, recipe), recipe, pixels.digest))
    ledger.close()
    with running_studio(tmp_path) as studio:
        page = chromium.new_page(locale="en-US")
        page.goto(studio.url)
        page.locator(".live-empty-title").first.wait_for(timeout=MINUTE)
        _open_gallery(page)
        page.locator(".gallery-words").fill("at night with stars")
        expect(page.locator(GRID)).to_have_count(0, timeout=MINUTE)  # no prompt says so
        page.locator(".gallery-shows").click()
        expect(page.locator(GRID)).to_have_count(24, timeout=MINUTE)  # all, the best first
        expect(page.locator(".gallery-count")).to_have_text("24 of 24 pictures, the closest first")
        with page.expect_download(timeout=MINUTE) as download:  # of what is shown, not of whose prompt says so
            page.locator(".gallery-export").click()
        assert len([name for name in zipfile.ZipFile(download.value.path()).namelist() if name.endswith(".png")]) == 24
        page.locator(f"{GRID} > button").first.click()
        expect(page.locator(".gallery-facts")).to_contain_text("storybook")
        first = int(page.locator(".gallery-facts dd").nth(2).inner_text())
        assert scene(first).time == "night"
        page.get_by_role("button", name="More like this").click()
        expect(page.locator(".gallery-like")).to_be_visible()
        page.locator(f"{GRID} > button").first.click(timeout=MINUTE)
        assert int(page.locator(".gallery-facts dd").nth(2).inner_text()) == first, "most like itself"
        page.context.close()


def test_the_engine_is_killed_while_it_draws_and_the_job_is_run_again(studio: Studio, open_page: OpenPage) -> None:
    """The tests after this one draw with the engine that takes its place."""
    page = open_page()
    set_steps(page, 150, tab=TEXT)
    write(page, "a house that is cut off")
    page.locator(TEXT + "#generate").click()
    wait_for_state(page, "running", tab=TEXT)
    engine = max(_engines(studio.pid), key=lambda each: each.memory_info().rss)
    engine.kill()
    wait_for_state(page, "failed", tab=TEXT)
    expect(page.locator(TEXT + ".live")).to_contain_text("started again")
    set_steps(page, 2, tab=TEXT)
    _, request = generate(page, studio, TEXT)
    assert isinstance(request, TextToImage)
    assert request.prompt == "a house that is cut off"


def _engines(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)
