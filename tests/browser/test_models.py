"""A person chooses another model in the header, draws with it, and hears what it cannot do; in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio.gallery.recipe import read_recipe
from tests.browser.person import MINUTE, generate, open_tab, set_steps, write
from tests.miniature import write_pack
from tests.running import Studio, running_studio


@pytest.fixture(scope="module")
def with_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with a folder of models: one in shards, one that is damaged, and a pickle."""
    models = tmp_path_factory.mktemp("models")
    write_pack(models / "tiny", shard="200KB")
    assert len(list((models / "tiny" / "unet").glob("*-of-*.safetensors"))) > 1
    damaged = write_pack(models / "damaged") / "unet" / "diffusion_pytorch_model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1000])
    (models / "old.ckpt").write_bytes(b"PK\x03\x04 not opened")
    with running_studio(tmp_path_factory.mktemp("data"), STUDIO_MODELS=str(models)) as studio:
        yield studio


@pytest.fixture
def page(with_models: Studio, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="en-US")
    page = context.new_page()
    page.goto(with_models.url)
    page.locator(".live-empty-title").first.wait_for(timeout=MINUTE)
    yield page
    context.close()


def _choose(page: Page, title: str) -> None:
    page.locator("#model input").click()
    page.get_by_role("option", name=title, exact=True).click()
    expect(page.locator("#model input")).to_have_value(title)


def test_another_model_draws_and_the_form_follows_it(page: Page, with_models: Studio) -> None:
    _choose(page, "tiny")
    page.locator("#tab-text_to_image #more button").first.click()
    expect(page.locator("#tab-text_to_image #width input")).to_have_value("64")
    set_steps(page, 3, tab="#tab-text_to_image ")
    write(page, "anything")
    picture, request = generate(page, with_models, "#tab-text_to_image")
    assert request.pack == "tiny"
    assert picture.shape == (64, 64, 3)
    page.reload()
    expect(page.locator("#model input")).to_have_value("tiny", timeout=MINUTE)
    open_tab(page, "Layout to image")
    expect(page.locator("#tab-layout_to_image .studio-notice").first).to_contain_text("tiny cannot do this")
    open_tab(page, "Text to image")
    page.locator("#tab-text_to_image #more button").first.click()
    _choose(page, "Storybook")
    expect(page.locator("#tab-text_to_image #width input")).to_have_value("128")
    picture, request = generate(page, with_models, "#tab-text_to_image")
    assert (request.pack, picture.shape) == ("storybook", (128, 128, 3))


def test_a_tab_that_a_model_cannot_serve_says_which_can(page: Page) -> None:
    _choose(page, "tiny")
    open_tab(page, "Layout to image")
    notice = page.locator("#tab-layout_to_image .studio-notice").first
    expect(notice).to_contain_text("tiny cannot do this. These can: Storybook")
    _choose(page, "Storybook")
    expect(notice).to_be_hidden()


@pytest.mark.parametrize(("title", "reason"), [("damaged", "no whole safetensors"), ("old.ckpt", "is a pickle")])
def test_a_model_that_cannot_be_used_says_why_and_the_next_picture_comes(
    page: Page, with_models: Studio, title: str, reason: str
) -> None:
    _choose(page, title)
    write(page, "anything")
    page.locator("#tab-text_to_image #generate").click()
    status = page.locator('#tab-text_to_image .live[data-state="failed"]')
    status.wait_for(timeout=MINUTE)
    expect(status).to_contain_text(re.compile(reason))
    _choose(page, "Storybook")
    _, request = generate(page, with_models, "#tab-text_to_image")
    assert request.pack == "storybook"
    assert read_recipe(sorted(Path(with_models.data / "pictures").glob("*.png"))[0])
