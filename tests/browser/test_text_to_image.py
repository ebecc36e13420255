"""A person makes pictures from words, in a real Chromium, with the pack that ships.

Nothing waits for a fixed time: each step waits for what a person would wait to see.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Page, expect

from studio.gallery.containers import read_recipe
from tests.browser.person import MINUTE, set_steps, wait_for_state, write
from tests.running import Studio

OpenPage = Callable[..., Page]
WATCH_PREVIEWS = """() => {
  window.previews = new Set();
  const look = () => document.querySelectorAll('.live-frames img').forEach((image) => {
    const source = image.getAttribute('src') || '';
    if (source.startsWith('data:image/jpeg')) window.previews.add(source);
  });
  new MutationObserver(look).observe(document.querySelector('.live'), { subtree: true, attributes: true, childList: true });
}"""

# Three times, in the very turn of the page in which the button has come back; how often it has is counted.
CLICK_AT_ONCE = """() => {
  const go = () => document.querySelector('#generate');
  let was = !!go()?.offsetParent;
  window.back = 0;
  new MutationObserver(() => {
    const is = !!go()?.offsetParent;
    if (is && !was && ++window.back <= 3) go().click();
    was = is;
  }).observe(document.body, { subtree: true, attributes: true, childList: true });
}"""


def _wait_for_previews(page: Page, count: int) -> None:
    page.wait_for_function(f"window.previews.size >= {count}", timeout=MINUTE)


def _start_long(page: Page, prompt: str, sampler: str = "Heun Karras") -> None:
    """Starts a job that goes on for some seconds, and waits until it can be seen at work."""
    page.evaluate(WATCH_PREVIEWS)
    set_steps(page, 150, sampler)
    write(page, prompt)
    page.locator("#generate").click()
    _wait_for_previews(page, 3)


def test_the_page_is_there_soon_and_takes_little_memory(studio: Studio, open_page: OpenPage) -> None:
    open_page()
    assert studio.seconds_to_page < 15
    server = psutil.Process(studio.pid)
    family = [server, *server.children(recursive=True)]
    assert sum(process.memory_info().rss for process in family) < 2e9


def test_a_job_tells_its_page_of_few_components(studio: Studio) -> None:
    """Gradio makes each output of an event anew at every step, whether it has changed or not: with all of a form among
    them, one person's previews took a third of a core of the page's process."""
    config = httpx.get(f"{studio.url}/config").json()
    names = {each["id"]: each["props"].get("elem_id") for each in config["components"]}
    presses = [
        event
        for event in config["dependencies"]
        if any(names.get(target) == "generate" for target, _ in event["targets"])
    ]
    assert len(presses) == 6, "one of each tab, and that of how it works"
    assert max(len(event["outputs"]) for event in presses) <= 7
    assert min(len(event["inputs"]) for event in presses) > 7, "what is told of is not all that is asked"


def test_a_picture_appears_step_by_step_and_the_file_is_the_picture(
    studio: Studio, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page()
    page.evaluate(WATCH_PREVIEWS)
    set_steps(page, 60)
    write(page, "a red house by the sea at night")
    page.locator("#generate").click()
    _wait_for_previews(page, 5)
    wait_for_state(page, "done")
    image = page.locator(".live-frames img")
    assert image.evaluate("image => image.complete && image.naturalWidth") == 128
    assert image.get_attribute("alt") == "a red house by the sea at night"
    with page.expect_download() as download:
        page.locator(".live-frames a").click()
    kept = tmp_path / download.value.suggested_filename
    download.value.save_as(kept)
    request = read_recipe(kept).request
    assert (request.prompt, request.steps) == ("a red house by the sea at night", 60)
    assert kept.stem == f"latent-studio-{request.seed}"
    name = str(image.get_attribute("src")).rsplit("/", 1)[1]
    assert kept.read_bytes() == (studio.data / "pictures" / name).read_bytes(), "what is offered is the file itself"


def test_a_job_is_stopped_midway_and_kept_as_it_was(open_page: OpenPage) -> None:
    page = open_page()
    _start_long(page, "a white cat in the snow")
    page.locator("#stop").click()
    wait_for_state(page, "stopped")
    expect(page.locator(".live-frames figure.is-done")).to_have_count(1)
    expect(page.locator("#generate")).to_be_visible()
    expect(page.locator("#stop")).to_be_hidden()


def test_a_discarded_job_leaves_nothing(open_page: OpenPage) -> None:
    page = open_page()
    _start_long(page, "a red car")
    page.locator("#discard").click()
    wait_for_state(page, "stopped")
    expect(page.locator(".live-frames figure")).to_have_count(0)


def test_no_click_is_lost_by_who_clicks_the_moment_generate_is_back(studio: Studio, open_page: OpenPage) -> None:
    """Gradio drops clicks on what it does not know to have ended; the button is not there before."""
    page, before = open_page(), len(list((studio.data / "pictures").glob("*.png")))
    set_steps(page, 2)
    write(page, "a red house")
    page.evaluate(CLICK_AT_ONCE)
    page.locator("#generate").click()
    page.wait_for_function("window.back === 4", timeout=MINUTE)
    assert len(list((studio.data / "pictures").glob("*.png"))) == before + 4


def test_a_page_that_is_loaded_again_finds_its_running_job_and_gets_its_picture(open_page: OpenPage) -> None:
    page = open_page()
    _start_long(page, "日落时的蓝色帆船", "Euler")  # half as long, since it is drawn to its end
    page.reload()
    wait_for_state(page, "running")
    expect(page.locator("#prompt textarea")).to_have_value("日落时的蓝色帆船")
    wait_for_state(page, "done")
    assert page.locator(".live-frames img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 128
    page.reload()  # and once more, after the job has ended
    wait_for_state(page, "done")
    expect(page.locator(".live-frames figure.is-done")).to_have_count(1)


def test_two_people_see_only_their_own_pictures(open_page: OpenPage) -> None:
    one, other = open_page(), open_page()
    write(one, "a green tree")
    write(other, "a purple castle")
    one.locator("#generate").click()
    other.locator("#generate").click()
    for page, prompt in ((one, "a green tree"), (other, "a purple castle")):
        wait_for_state(page, "done")
        page.reload()
        wait_for_state(page, "done")
        alternatives = page.locator(".live-frames img").evaluate_all("images => images.map((image) => image.alt)")
        assert alternatives == [prompt]
    stranger = open_page()
    expect(stranger.locator(".live-frames figure")).to_have_count(0)


def test_keys_draw_and_stop(open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate(WATCH_PREVIEWS)
    set_steps(page, 150, "Heun Karras")
    write(page, "a yellow balloon")
    page.locator("#prompt textarea").press("Control+Enter")
    _wait_for_previews(page, 2)
    page.keyboard.press("Escape")
    wait_for_state(page, "stopped")


def test_several_pictures_each_have_their_seed_and_can_be_enlarged_by_keyboard(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#count input[type=number]").fill("3")
    page.locator("#count input[type=number]").press("Tab")
    write(page, "a red car")
    page.locator("#generate").click()
    wait_for_state(page, "done")
    expect(page.locator(".live-frames figure.is-done")).to_have_count(3)
    seeds = [int(text.split()[1]) for text in page.locator(".live-frames figcaption span").all_inner_texts()]
    assert seeds == [seeds[0], seeds[0] + 1, seeds[0] + 2]
    page.locator(".live-open").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog.live-large")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.live-large")).to_be_hidden()


def test_a_kept_seed_draws_the_same_picture_again(open_page: OpenPage, studio: Studio) -> None:
    page = open_page()
    files = []
    set_steps(page, 10)
    write(page, "a lighthouse")
    page.locator("#generate").click()
    for _ in range(2):
        wait_for_state(page, "done")
        files.append(str(page.locator(".live-frames img").get_attribute("src")).rsplit("/", 1)[1])
        page.locator("#seed-reuse").click()
        expect(page.locator("#seed-mode input").nth(1)).to_be_checked()
        page.locator("#generate").click()
        page.wait_for_function(
            "last => { const image = document.querySelector('.live-frames img');"
            " return image && (image.getAttribute('src') || '') && !image.getAttribute('src').endsWith(last); }",
            arg=files[-1],
        )
    first, second = (studio.data / "pictures" / name for name in files)
    assert read_recipe(first) == read_recipe(second)
    assert files[0] != files[1]


@pytest.mark.parametrize("seed", ["abc", "-1", "9999999999999999999", "1.5"])
def test_a_seed_that_is_none_is_refused_in_words(open_page: OpenPage, seed: str) -> None:
    page = open_page()
    set_steps(page, 5)
    page.locator("#seed-mode label").nth(1).click()
    page.locator("#seed textarea, #seed input").first.fill(seed)
    page.locator("#generate").click()
    expect(page.locator(".toast-body").first).to_contain_text("seed is")
    expect(page.locator("#generate")).to_be_visible()


def test_an_example_fills_the_prompt(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_text("zwei rote Zelte im Wald bei Nebel").click()
    expect(page.locator("#prompt textarea")).to_have_value("zwei rote Zelte im Wald bei Nebel")


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("de-DE", ("Erzeugen", "Hier entsteht Ihr Bild.")),
        ("zh-CN", ("生成", "你的画将出现在这里。")),
        ("fr-FR", ("Generate",)),
    ],
)
def test_the_page_speaks_the_browsers_language(open_page: OpenPage, locale: str, words: tuple[str, ...]) -> None:
    page = open_page(locale=locale)
    for word in words:
        expect(page.get_by_text(word, exact=True).first).to_be_visible()


def test_a_phone_shows_everything_without_scrolling_sideways(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#prompt textarea").tap()
    write(page, "a flower")
    page.locator("#generate").tap()
    wait_for_state(page, "done")
    box = page.locator(".live-frames img").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["width"] > 300
    assert page.locator("#generate").bounding_box()["height"] >= 44  # type: ignore[index]


def test_every_control_has_a_name_for_a_screen_reader(open_page: OpenPage) -> None:
    page = open_page()
    set_steps(page, 20)
    nameless = page.evaluate("""() => [...document.querySelectorAll('button, input, textarea, select')]
      .filter((control) => control.offsetParent !== null)
      .filter((control) => !(control.getAttribute('aria-label') || control.title || control.textContent.trim()
        || control.placeholder || (control.labels && [...control.labels].some((label) => label.textContent.trim()))
        || control.closest('fieldset, .block')?.textContent.trim()))
      .map((control) => control.outerHTML.slice(0, 120))""")
    assert nameless == []


def test_pictures_are_served_by_name_only(studio: Studio, open_page: OpenPage) -> None:
    page = open_page()
    for name in ("..%2Flog", "0" * 32 + ".png", "log", "%2e%2e/log"):
        assert page.request.get(f"{studio.url}/studio/pictures/{name}").status == 404


def test_an_empty_prompt_is_drawn_and_said_to_be_empty(open_page: OpenPage) -> None:
    page = open_page()
    set_steps(page, 2)
    page.locator("#generate").click()
    wait_for_state(page, "done")
    expect(page.locator(".live-status")).to_contain_text("The prompt is empty, so the model draws what it likes.")
    write(page, "a red house")
    page.locator("#generate").click()
    expect(page.locator(".live-frames img")).to_have_attribute("alt", "a red house", timeout=MINUTE)
    wait_for_state(page, "done")
    expect(page.locator(".live-status")).not_to_contain_text("empty")


def test_words_from_outside_the_packs_world_are_named(open_page: OpenPage) -> None:
    page = open_page()
    set_steps(page, 8)
    write(page, "a dinosaur <b>and</b> a red house 🚀")
    page.locator("#generate").click()
    wait_for_state(page, "done")
    expect(page.locator(".live-status")).to_contain_text("dinosaur")
    expect(page.locator(".live-status")).to_contain_text("🚀")
    expect(page.locator(".live-status")).not_to_contain_text("house")
