"""A person who types a seed, or uses one again, gets the picture of that seed; whoever does neither gets a new one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Locator, Page, expect

from tests.browser.person import MINUTE, bring, generate, open_more, open_tab, set_steps, write
from tests.running import Studio

OpenPage = Callable[..., Page]
TEXT, VARY, FORWARD = "#tab-text_to_image ", "#tab-vary ", "#tab-forward_process "
NEW, KEEP = 0, 1  # the switch's places


def _field(page: Page, tab: str = TEXT) -> Locator:
    return page.locator(f"{tab}#seed input, {tab}#seed textarea").first


def _expect(page: Page, mode: int, number: str, tab: str = TEXT) -> None:
    expect(page.locator(tab + "#seed-mode input").nth(mode)).to_be_checked(timeout=MINUTE)
    expect(_field(page, tab)).to_have_value(number)


def _ready(open_page: OpenPage, prompt: str = "a red house") -> Page:
    page = open_page()
    set_steps(page, 2, tab=TEXT)
    write(page, prompt)
    return page


def test_what_is_typed_is_drawn_until_it_is_taken_out(open_page: OpenPage, studio: Studio) -> None:
    """42 was typed and 605048959 drawn, as the switch still said "New each time"."""
    page = _ready(open_page)
    _field(page).fill("42")
    _field(page).press("Control+Enter")  # a quick hand
    expect(page.locator(TEXT + ".live-frames figure.is-done figcaption")).to_contain_text("Seed 42", timeout=MINUTE)
    _expect(page, KEEP, "42")
    assert generate(page, studio, TEXT)[1].seed == 42
    _field(page).fill("")
    _expect(page, NEW, "")
    drawn = {generate(page, studio, TEXT)[1].seed for _ in range(2)}
    assert len(drawn | {42}) == 3
    _expect(page, NEW, "")


def test_the_switch_and_the_field_never_disagree(open_page: OpenPage, studio: Studio) -> None:
    page = _ready(open_page)
    switch = page.locator(TEXT + "#seed-mode")
    switch.get_by_label("Keep").check()  # before anything was drawn
    expect(_field(page)).to_have_value(re.compile(r"\d+"))
    shown = int(_field(page).input_value())
    assert generate(page, studio, TEXT)[1].seed == shown
    switch.get_by_label("New each time").check()
    _expect(page, NEW, "")
    _, drawn = generate(page, studio, TEXT)
    assert drawn.seed != shown
    switch.get_by_label("Keep").check()
    _expect(page, KEEP, str(drawn.seed))
    _field(page).fill("7")
    page.locator(TEXT + "#seed-reuse").click()
    _expect(page, KEEP, str(drawn.seed))


@pytest.mark.parametrize("is_kept", [True, False], ids=["typed", "new"])
def test_a_page_that_is_loaded_again_keeps_only_a_seed_that_was_typed(
    is_kept: bool, open_page: OpenPage, studio: Studio
) -> None:
    page = _ready(open_page)
    if is_kept:
        _field(page).fill("42")
    generate(page, studio, TEXT)
    page.reload()
    expect(page.locator(TEXT + "#prompt textarea")).to_have_value("a red house", timeout=MINUTE)
    open_more(page, TEXT)
    _expect(page, *((KEEP, "42") if is_kept else (NEW, "")))


def test_what_is_used_again_is_drawn_and_what_is_sent_is_drawn_anew(open_page: OpenPage, studio: Studio) -> None:
    """A picture that was sent to another tab brought its seed, so that all drawings of it there were one."""
    word = f"s{time.monotonic_ns()}"
    page = _ready(open_page, f"a red house {word}")
    _, first = generate(page, studio, TEXT)
    open_tab(page, "Gallery")
    page.locator(".gallery-words").fill(word)
    expect(page.locator(".gallery-one")).to_have_count(1, timeout=MINUTE)
    page.locator(".gallery-one > button").click()
    page.get_by_role("button", name="Use again").click()
    _expect(page, KEEP, str(first.seed))
    assert generate(page, studio, TEXT)[1].seed == first.seed
    page.locator(TEXT + ".live-send").select_option("vary")
    page.locator(VARY + ".editor[data-state=ready]").wait_for(timeout=MINUTE)
    set_steps(page, 2, tab=VARY)
    _field(page, VARY).fill("5")
    assert generate(page, studio, VARY)[1].seed == 5
    open_tab(page, "Gallery")
    page.locator(".gallery-one > button").last.click()
    page.locator(".gallery-acts select").select_option("vary")
    _expect(page, NEW, "", VARY)
    drawn = {generate(page, studio, VARY)[1].seed for _ in range(2)}
    assert len(drawn | {first.seed, 5}) == 4


def test_a_recipe_is_drawn_with_its_seed(open_page: OpenPage, studio: Studio, tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("parameters", "a fox\nSteps: 2, Sampler: Euler, CFG scale: 3.5, Seed: 77, Size: 128x128")
    Image.new("RGB", (64, 64)).save(tmp_path / "fox.png", pnginfo=info)
    page = open_page()
    open_tab(page, "Gallery")
    page.locator(".gallery-file").set_input_files(tmp_path / "fox.png")
    page.locator(".gallery-read").get_by_role("button", name="Use again").click()
    expect(page.locator(TEXT + "#prompt textarea")).to_have_value("a fox", timeout=MINUTE)
    assert generate(page, studio, TEXT)[1].seed == 77


def test_a_tab_without_words_draws_what_is_typed_as_well(open_page: OpenPage, studio: Studio, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    page = open_page()
    open_tab(page, "How it works")
    bring(page, FORWARD, tmp_path / "red.png")
    open_more(page, FORWARD)
    _field(page, FORWARD).fill("9")
    page.locator(FORWARD + "#count input[type=number]").fill("1")
    page.locator(FORWARD + "#count input[type=number]").press("Tab")
    assert generate(page, studio, FORWARD)[1].seed == 9
