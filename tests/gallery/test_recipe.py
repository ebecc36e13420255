"""A picture carries what makes it again, in our words and in those that other programs read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import NoRecipe
from studio.gallery.containers import png_text, read_recipe
from studio.gallery.parameters import from_parameters, to_parameters
from studio.gallery.recipe import Recipe, from_json, to_json
from studio.requests.inpaint import Inpaint
from studio.requests.limits import LARGEST_SEED
from studio.sampling.catalogue import SAMPLERS
from tests.miniature import ask

PROMPTS = (
    "a red house",
    "",
    "  spaces around  ",
    "two\nlines, and a third:\n\nafter a gap",
    "夜晚海边的红房子，下着雨",
    'quotes " and \\ backslashes, commas: colons',
    "🏠" * 50,
    "Steps: 20, Sampler: Euler, CFG scale: 7",
)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("negative", ["", "rain, clouds: many"])
def test_json_gives_the_recipe_back(prompt: str, negative: str) -> None:
    recipe = Recipe(ask(prompt, negative=negative, seed=LARGEST_SEED, rescale=0.7, eta=0.1), "abc", stopped_at=3)
    assert from_json(to_json(recipe)) == recipe


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("negative", ["", "rain, clouds: many", "two\nlines"])
def test_the_parameters_text_gives_the_request_back(prompt: str, negative: str) -> None:
    recipe = Recipe(ask(prompt, negative=negative, seed=7, guidance=4.1234567, rescale=0.7), "0123456789")
    assert from_parameters(to_parameters(recipe)) == recipe


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_is_read_back_from_its_name_elsewhere(sampler: str) -> None:
    recipe = Recipe(ask(sampler=sampler, steps=10))
    assert from_parameters(to_parameters(recipe)).request.sampler == sampler


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_schedule_that_was_chosen_is_read_back(sampler: str) -> None:
    """As this sampler's, or as that of the entry that has it for its own."""
    for schedule in SAMPLERS[sampler].schedules:
        read = from_parameters(to_parameters(Recipe(ask(sampler=sampler, schedule=schedule, steps=10)))).request
        chosen, expected = SAMPLERS[read.sampler].on(read.schedule), SAMPLERS[sampler].on(schedule)
        assert (chosen.scheduler, chosen.known_as) == (expected.scheduler, expected.known_as)


def test_what_drawing_began_from_is_told_as_others_tell_it() -> None:
    recipe = Recipe(ask(variation=0.25, variation_seed=9, clip_skip=1, seed=3))
    text = to_parameters(recipe)
    assert "Clip skip: 2, Variation seed: 9, Variation seed strength: 0.25" in text
    assert from_parameters(text) == recipe
    assert "Denoising strength: 0.5" in to_parameters(Recipe(ask(image="0" * 64, strength=0.5)))


def test_a_text_of_another_program_is_read() -> None:
    text = (
        "girl with a beret, (detailed:1.2)\nblue eyes\nNegative prompt: ugly, blurry\n"
        "Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, Seed: 965400086, Size: 512x768, "
        'Model hash: 45dee52b, Model: v1-5, Lora hashes: "fox: 1a2b, fur: 0a0b", Version: v1.10.1'
    )
    request = from_parameters(text).request
    assert request.prompt == "girl with a beret, (detailed:1.2)\nblue eyes"
    assert request.negative == "ugly, blurry"
    assert (request.width, request.height, request.seed) == (512, 768, 965400086)
    assert request.sampler == "Euler a"


@pytest.mark.parametrize(
    "text",
    ["", "just a prompt", "Steps: 20, Sampler: Restart, CFG scale: 7, Seed: 1, Size: 64x64", "Steps: x, Seed: y, Size: z",
     "Steps: 20, Sampler: Euler, CFG scale: nan, Seed: 1, Size: 64x64"],
)  # fmt: skip
def test_a_text_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(NoRecipe):
        from_parameters(text)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": 2}', '{"format": 1, "request": {}}', '{"format": 1, "request": 5}', "[" * 9999],
)
def test_json_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(NoRecipe):
        from_json(text)


def test_a_png_gives_its_recipe_back_and_ours_wins(tmp_path: Path) -> None:
    path, recipe = tmp_path / "a.png", Recipe(ask("夜晚", seed=3), "abc")
    Image.new("RGB", (8, 8)).save(path, pnginfo=png_text(recipe))
    assert read_recipe(path) == recipe
    info = PngInfo()
    info.add_itxt("parameters", to_parameters(replace(recipe, model_hash="def")))
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    assert read_recipe(path).model_hash == "def"


def test_a_file_without_a_recipe_says_so(tmp_path: Path) -> None:
    plain, text, gone = tmp_path / "plain.png", tmp_path / "text.png", tmp_path / "gone.png"
    Image.new("RGB", (8, 8)).save(plain)
    text.write_text("not a picture")
    for path in (plain, text, gone):
        with pytest.raises(NoRecipe, match=path.name):
            read_recipe(path)


def test_json_names_its_format_so_that_later_versions_can_tell() -> None:
    assert json.loads(to_json(Recipe(ask())))["format"] == 1


def test_an_inpainting_names_its_sources_and_tells_others_what_they_know() -> None:
    request = Inpaint(
        prompt="a red house", pack="storybook", image="a" * 64, mask="b" * 64, width=401, height=300, strength=0.75,
        fill="blur", only_masked=True, padding=24, feather=6,
    )  # fmt: skip
    recipe = Recipe(request, "abc")
    assert from_json(to_json(recipe)) == recipe
    text = to_parameters(recipe)
    for part in ("Denoising strength: 0.75", "Mask blur: 6", "Inpaint area: Only masked", "Masked area padding: 24"):
        assert part in text
    assert "Denoising" not in to_parameters(Recipe(ask()))
