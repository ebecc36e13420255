"""A person gets variations of a picture, the way to another as a film, and sees how it works; in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from storybook.world import render, scene
from studio.gallery.containers import read_recipe
from studio.gallery.store import Store
from studio.requests.forward_process import ForwardProcess
from studio.requests.interpolate import Interpolate
from studio.requests.vary import Vary
from tests.animations import frames_of
from tests.browser.person import MINUTE, PEOPLE, bring, generate, open_tab, set_steps, wait_for_state
from tests.running import Studio

OpenPage = Callable[..., Page]
TAB, NOISE = "#tab-vary ", "#tab-forward_process "


@pytest.fixture
def ends(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "one.png", tmp_path / "other.png"
    for seed, path in enumerate(paths, 3):
        Image.fromarray(render(scene(seed), 128)).save(path)
    return paths


def _drawn(page: Page, studio: Studio, tab: str = TAB) -> list[Path]:
    images = page.locator(tab + ".live-frames .live-open > img").all()
    return [studio.data / "pictures" / str(image.get_attribute("src")).rsplit("/", 1)[1] for image in images]


@pytest.mark.parametrize("person", ["mouse", "finger on a phone"])
def test_variations_go_from_almost_the_same_to_the_same_idea(
    person: str, studio: Studio, open_page: OpenPage, ends: tuple[Path, Path]
) -> None:
    page = open_page(**PEOPLE[person])
    open_tab(page, "Variations")
    bring(page, TAB + "#picture ", ends[0])
    set_steps(page, 8, tab=TAB)
    source, differences = np.asarray(Image.open(ends[0])).astype(int), []
    for closeness in ("Almost the same", "The same idea"):
        page.locator(TAB + "#closeness").get_by_text(closeness).click()
        picture, request = generate(page, studio, TAB)
        assert isinstance(request, Vary)
        assert request.prompt == ""
        differences.append(np.abs(picture.astype(int) - source).mean())
    assert differences[0] < differences[1]


@pytest.mark.parametrize("person", ["mouse", "finger on a phone"])
def test_the_way_to_another_picture_is_a_strip_and_a_film(
    person: str, studio: Studio, open_page: OpenPage, ends: tuple[Path, Path]
) -> None:
    page = open_page(**PEOPLE[person])
    open_tab(page, "Variations")
    bring(page, TAB + "#picture ", ends[0])
    expect(page.locator(TAB + "#other-picture")).to_be_hidden()
    page.locator(TAB + "#vary-mode").get_by_text("Interpolate to another picture").click()
    bring(page, TAB + "#other-picture ", ends[1])
    page.locator(TAB + "#count input[type=number]").fill("4")
    set_steps(page, 4, tab=TAB)
    page.locator(TAB + "#generate").click()
    wait_for_state(page, "done", tab=TAB)
    requests = [read_recipe(path).request for path in _drawn(page, studio)]
    assert all(isinstance(request, Interpolate) for request in requests)
    assert [f"{request.begin:.2f}" for request in requests] == ["0.00", "0.33", "0.67", "1.00"]
    film = page.locator(TAB + ".live-animation img")
    page.wait_for_function("(image) => image.naturalWidth === 128", arg=film.element_handle(), timeout=MINUTE)
    with page.expect_download() as download:
        page.locator(TAB + ".live-animation a").first.click()
    assert len(frames_of(Path(download.value.path()).read_bytes())) == 4
    played = page.evaluate(
        """async (source) => { const video = document.createElement('video'); video.src = source; video.muted = true;
        await video.play(); return video.videoWidth; }""",
        page.locator(TAB + ".live-animation a").nth(1).get_attribute("href"),
    )
    assert played == 128, "Chromium plays the WebM"


def test_a_page_loaded_again_finds_both_ends_of_its_way(
    studio: Studio, open_page: OpenPage, ends: tuple[Path, Path]
) -> None:
    page = open_page()
    open_tab(page, "Variations")
    bring(page, TAB + "#picture ", ends[0])
    page.locator(TAB + "#vary-mode").get_by_text("Interpolate to another picture").click()
    bring(page, TAB + "#other-picture ", ends[1])
    page.locator(TAB + "#count input[type=number]").fill("2")
    set_steps(page, 2, tab=TAB)
    page.locator(TAB + "#generate").click()
    wait_for_state(page, "done", tab=TAB)
    page.reload()
    open_tab(page, "Variations")
    expect(page.locator(TAB + ".live-frames figure.is-done")).to_have_count(2, timeout=MINUTE)
    for end in ("#picture", "#other-picture"):
        expect(page.locator(f'{TAB}{end} .editor[data-state="ready"]')).to_be_visible(timeout=MINUTE)


def test_a_picture_whose_steps_are_kept_has_a_film_of_them(
    studio: Studio, open_page: OpenPage, ends: tuple[Path, Path]
) -> None:
    """And several pictures to one prompt are ranked by how well they show it."""
    page = open_page()
    page.locator("#prompt textarea").first.fill("a red house by the sea at night")
    page.locator("#count input[type=number]").first.fill("3")
    set_steps(page, 5)
    page.locator("#trajectory input").first.check()
    page.locator("#generate").first.click()
    wait_for_state(page, "done")
    for path in _drawn(page, studio, "#tab-text_to_image "):
        assert len(Store(studio.data).trajectory(path.name)) == 5
    page.locator(".live-making").first.click()
    shown = page.locator(".live-large img")
    page.wait_for_function("(image) => image.naturalWidth === 128", arg=shown.element_handle(), timeout=MINUTE)
    expect(page.locator(".live-formats a")).to_have_count(3)
    page.locator(".live-close").click()

    page.locator(".live-best input").check()
    figures = page.locator("#tab-text_to_image .live-frames figure")
    ranks = [
        (float(figure.locator("figcaption span").inner_text().split(" · ")[1]), figure.bounding_box())
        for figure in figures.all()
    ]
    from_the_first = sorted(ranks, key=lambda rank: (rank[1]["y"], rank[1]["x"]))  # type: ignore[index]
    scores = [score for score, _ in from_the_first]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= score <= 1 for score in scores)
    expect(page.locator("figure.is-best")).to_have_count(1)


def test_how_it_works_is_shown_for_a_picture_that_is_sent(studio: Studio, open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#prompt textarea").first.fill("a blue boat on the sea by day")
    page.locator("#generate").first.click()
    wait_for_state(page, "done")
    page.locator("#tab-text_to_image .live-send").select_option(label="How it works")
    expect(page.locator(NOISE + '.editor[data-state="ready"]')).to_be_visible(timeout=MINUTE)
    expect(page.locator(NOISE + "#prompt textarea")).to_have_value("a blue boat on the sea by day")
    page.locator(NOISE + "#generate").click()
    wait_for_state(page, "done", tab=NOISE)
    drawn = _drawn(page, studio, NOISE)
    requests = [read_recipe(path).request for path in drawn]
    assert all(isinstance(request, ForwardProcess) for request in requests)
    times = [request.begin for request in requests]
    assert times == sorted(times)
    source = np.asarray(Image.open(_drawn(page, studio, "#tab-text_to_image ")[0])).astype(int)
    noised, restored = (
        [np.abs(np.asarray(Image.open(path))[:, half].astype(int) - source).mean() for path in drawn]
        for half in (slice(0, 128), slice(128, 256))
    )
    assert noised[0] < noised[-1], "more and more noise"
    assert restored[2] < noised[2], "of which the model takes most away"


def test_what_is_missing_is_said(open_page: OpenPage, ends: tuple[Path, Path]) -> None:
    page = open_page()
    open_tab(page, "Variations")
    page.locator(TAB + "#generate").click()
    expect(page.get_by_text("choose one, or drop one on the frame").first).to_be_visible()
    bring(page, TAB + "#picture ", ends[0])
    page.locator(TAB + "#vary-mode").get_by_text("Interpolate to another picture").click()
    page.locator(TAB + "#generate").click()
    expect(page.get_by_text("a picture at both ends, or none")).to_be_visible()
    page.locator(TAB + "#picture [data-act=remove]").click()
    expect(page.locator(TAB + "#picture .editor-choose")).to_be_focused()
    page.locator(TAB + "#prompt textarea").fill("a house by day")
    page.locator(TAB + "#other-prompt textarea").fill("a house at night")
    page.locator(TAB + "#count input[type=number]").fill("2")
    set_steps(page, 2, tab=TAB)
    page.locator(TAB + "#generate").click()
    wait_for_state(page, "done", tab=TAB)
