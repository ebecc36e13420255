"""A person chooses another model in the header, draws with it, and hears what it cannot do; in a real Chromium."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, expect
from safetensors.torch import save_file

from benchmarks.checkpoints import write, write_original
from studio.gallery.containers import read_recipe
from studio.models.catalogue import FEW_STEPS, LORAS
from tests.browser.person import BLINK, MINUTE, generate, open_tab, set_steps
from tests.browser.person import write as write_prompt
from tests.miniature import make_unet, write_pack
from tests.running import Studio, running_studio

TEXT = "#tab-text_to_image "
LONGEST_GAP = 2500.0  # milliseconds between two signs of life, on a machine with other things to do


@pytest.fixture(scope="module")
def with_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with a folder of models: a folder, one in shards, a single file, one that is damaged, and a pickle; and
    with a LoRA."""
    models = tmp_path_factory.mktemp("models")
    write("Stable Diffusion", models / "whole")
    write_original("Stable Diffusion", models / "single.safetensors")
    _write_lora(models / LORAS / "soft style.safetensors")
    write("SDXL", models / "later")
    write_pack(models / "tiny", shard="200KB")
    shutil.copy(models / LORAS / "soft style.safetensors", models / "tiny" / FEW_STEPS)
    assert len(list((models / "tiny" / "unet").glob("*-of-*.safetensors"))) > 1
    damaged = write_pack(models / "damaged") / "unet" / "diffusion_pytorch_model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1000])
    (models / "old.ckpt").write_bytes(b"PK\x03\x04 not opened")
    with running_studio(tmp_path_factory.mktemp("data"), STUDIO_MODELS=str(models)) as studio:
        yield studio


def _write_lora(file: Path) -> None:
    """For "tiny"."""
    file.parent.mkdir()
    generator, weights = torch.Generator().manual_seed(0), {}
    for name, part in make_unet(7, sees_masks=False, takes_boxes=False).named_modules():
        if name.endswith(("to_q", "to_v")):
            weights[f"unet.{name}.lora_A.weight"] = torch.randn(4, part.in_features, generator=generator)
            weights[f"unet.{name}.lora_B.weight"] = torch.randn(part.out_features, 4, generator=generator)
    save_file(weights, file)


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
    write_prompt(page, "anything")
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


@pytest.mark.parametrize("title", ["whole", "single", "tiny"], ids=["a folder", "a single file", "shards"])
def test_a_model_in_any_form_draws(page: Page, with_models: Studio, title: str) -> None:
    _choose(page, title)
    set_steps(page, 3, tab="#tab-text_to_image ")
    write_prompt(page, "anything")
    picture, request = generate(page, with_models, "#tab-text_to_image")
    assert (request.pack, picture.shape) == (title, (64, 64, 3))


def test_a_lora_is_put_on_and_taken_off_and_leaves_no_trace(page: Page, with_models: Studio) -> None:
    _choose(page, "tiny")
    set_steps(page, 4, tab=TEXT)
    page.locator(TEXT + "#seed-mode").get_by_label("Keep").check()
    write_prompt(page, "a red house")
    before, _ = generate(page, with_models, TEXT)
    page.locator(TEXT + "#lora input").click()
    page.get_by_role("option", name="soft style").click()
    expect(page.locator(TEXT + "#prompt textarea")).to_have_value("a red house <lora:soft style:0.8>")
    styled, _ = generate(page, with_models, TEXT)
    write_prompt(page, "a red house")
    after, _ = generate(page, with_models, TEXT)
    assert np.abs(styled.astype(int) - before).mean() > 1
    assert np.array_equal(after, before)
    write_prompt(page, "a red house <lora:nowhere:1>")
    page.locator(TEXT + "#generate").click()
    expect(page.locator(TEXT + ".live")).to_contain_text("soft style", timeout=MINUTE)


def test_a_sampler_for_few_steps_brings_them_and_takes_them_with_it(page: Page, with_models: Studio) -> None:
    _choose(page, "tiny")
    set_steps(page, 20, "LCM", tab=TEXT)
    steps, guidance = (page.locator(f"{TEXT}#{name} input[type=number]") for name in ("steps", "guidance"))
    expect(steps).to_have_value("4")
    expect(guidance).to_have_value("1")
    write_prompt(page, "anything")
    _, request = generate(page, with_models, TEXT)
    assert (request.sampler, request.steps, request.guidance) == ("LCM", 4, 1.0)  # type: ignore[attr-defined]
    page.locator(TEXT + "#sampler input").click()
    page.get_by_role("option", name="Heun Karras").click()
    expect(steps).to_have_value("20")
    expect(guidance).to_have_value("7.5")
    set_steps(page, 30, "DDIM", tab=TEXT)
    page.wait_for_timeout(BLINK)
    expect(steps).to_have_value("30")


def test_a_model_that_is_loaded_does_not_stop_the_steps_of_others(
    page: Page, with_models: Studio, chromium: Browser
) -> None:
    """Their steps are written down as the page shows them."""
    _choose(page, "Storybook")
    set_steps(page, 150, "Heun Karras", tab=TEXT)
    page.locator(TEXT + "#count input[type=number]").fill("4")
    write_prompt(page, "a red house")
    page.evaluate(
        """() => { window.seen = []; const live = document.querySelector('#tab-text_to_image .live');
        new MutationObserver(() => window.seen.push(performance.now())).observe(live, {subtree: true, childList: true,
        characterData: true, attributes: true}); }"""
    )
    page.locator(TEXT + "#generate").click()
    page.wait_for_function("window.seen.length > 20")
    somebody = chromium.new_context(locale="en-US").new_page()
    somebody.goto(with_models.url)
    somebody.locator(".live-empty-title").first.wait_for(timeout=MINUTE)
    begun = page.evaluate("performance.now()")
    _choose(somebody, "later")
    engine = somebody.locator("#engine")
    engine.locator("button").first.click()
    expect(engine.locator("tr", has_text="later")).to_contain_text("MB", timeout=MINUTE)
    expect(engine.locator("tr", has_text="Pictures in flight")).to_contain_text("4 (0)")
    page.wait_for_function("(begun) => window.seen.filter((time) => time > begun).length > 10", arg=begun)
    seen = [begun, *page.evaluate("(begun) => window.seen.filter((time) => time > begun)", begun)]
    somebody.context.close()
    page.locator(TEXT + "#discard").click()
    page.locator(TEXT + "#count input[type=number]").fill("1")  # the others' page, too
    assert len(seen) > 10
    assert max(later - earlier for earlier, later in pairwise(seen)) < LONGEST_GAP, "milliseconds"


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
    write_prompt(page, "anything")
    page.locator("#tab-text_to_image #generate").click()
    status = page.locator('#tab-text_to_image .live[data-state="failed"]')
    status.wait_for(timeout=MINUTE)
    expect(status).to_contain_text(re.compile(reason))
    _choose(page, "Storybook")
    _, request = generate(page, with_models, "#tab-text_to_image")
    assert request.pack == "storybook"
    assert read_recipe(sorted(Path(with_models.data / "pictures").glob("*.png"))[0])
