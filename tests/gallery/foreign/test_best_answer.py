"""A picture may carry several texts: of a camera, of a web page that it went through, of the picture that it was made
from. A bad one hides no good one, and what could not be read is named."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from studio.errors import NoRecipe
from studio.gallery.containers import exif_of, png_text
from studio.gallery.recipe import Recipe, to_json
from tests.gallery.foreign.files import comfy, png, read, with_exif
from tests.gallery.foreign.graphs import basic
from tests.gallery.foreign.test_infotext import TEXT
from tests.gallery.foreign.test_programs import FOOOCUS, INVOKE, INVOKE_2, SWARM
from tests.miniature import ask

GOOD = {
    "parameters": TEXT, "invokeai_metadata": json.dumps(INVOKE), "sd-metadata": json.dumps(INVOKE_2),
    "prompt": json.dumps(basic()),
}  # fmt: skip
DAMAGED = {
    "latent-studio": "{", "parameters": '{"sui_image_params": [', "invokeai_metadata": "7", "sd-metadata": "[]",
    "prompt": '{"3": {', "workflow": "{]", "Dream": "half of it",
}  # fmt: skip
PAIRS = [(good, bad) for good in GOOD for bad in DAMAGED if good != bad]


@pytest.mark.parametrize(("good", "bad"), PAIRS)
def test_a_damaged_text_hides_no_good_one(good: str, bad: str) -> None:
    alone, both = read(png(**{good: GOOD[good]})), read(png(**{good: GOOD[good], bad: DAMAGED[bad]}))
    assert both[1] == alone[1]
    assert both[0].program == alone[0].program
    assert set(map(str, alone[0].lost)) <= set(map(str, both[0].lost))


@pytest.mark.parametrize(
    ("bad", "text", "program"),
    [("latent-studio", "{", "Latent Studio"), ("invokeai_metadata", "{", "InvokeAI"), ("prompt", "{", "ComfyUI"),
     ("parameters", '{"sui_image_params": 7}', "SwarmUI")],
)  # fmt: skip
def test_what_could_not_be_read_is_named(bad: str, text: str, program: str) -> None:
    good = {"sd-metadata": json.dumps(INVOKE_2), bad: text}
    assert any(
        str(each).startswith(f"{program}: The recipe in this picture is damaged") for each in read(png(**good))[0].lost
    )


def test_only_damage_is_refused_as_such() -> None:
    for key in ("latent-studio", "invokeai_metadata", "sd-metadata", "prompt"):
        with pytest.raises(NoRecipe, match="damaged"):
            read(png(**{key: "{"}))
    with pytest.raises(NoRecipe, match="carries no recipe"):
        read(png(invokeai_metadata="{}"))


def test_the_one_that_says_most_counts() -> None:
    half = json.dumps({"app_version": "5", "positive_prompt": "half", "width": 8, "height": 8})
    assert read(png(invokeai_metadata=half, parameters=TEXT))[0].program == "AUTOMATIC1111"
    assert read(png(parameters="a note\nSteps: 3, Seed: 1, Size: 8x8", prompt=GOOD["prompt"]))[0].program == "ComfyUI"


def test_the_graph_of_the_picture_that_this_one_was_made_from_does_not_count() -> None:
    """Web UIs hand on all texts of the picture that they begin from."""
    assert read(comfy(basic(), parameters=TEXT))[1].prompt == "a red fox, (fur:1.2)"


@pytest.mark.parametrize("comment", ["a holiday", "", '{"a": 1}'])
def test_a_comment_beside_the_text_hides_nothing(comment: str) -> None:
    exif = {0x9286: b"ASCII\0\0\0" + comment.encode()}
    assert read(with_exif("PNG", {}, exif, parameters=TEXT))[1].seed == 123
    assert read(with_exif("PNG", {}, {0x9286: b"ASCII\0\0\0" + TEXT.encode()}, parameters="a holiday"))[1].seed == 123


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_comment_in_one_directory_hides_none_in_the_other(kind: str) -> None:
    fooocus = {0x9286: FOOOCUS, 0x927C: "fooocus"}
    assert read(with_exif(kind, fooocus, {0x9286: b"ASCII\0\0\0a holiday"}))[0].program == "Fooocus"
    assert read(with_exif(kind, {0x9286: "a holiday"}, {0x9286: b"ASCII\0\0\0" + TEXT.encode()}))[1].seed == 123


def test_a_text_that_is_too_long_hides_no_short_one() -> None:
    assert read(png(parameters=TEXT, workflow="[" * 3_000_001))[1].seed == 123


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_our_own_that_cannot_be_read_leaves_what_others_read(kind: str) -> None:
    recipe, stream = Recipe(ask("a red house", seed=77, pack="storybook")), io.BytesIO()
    how = {"pnginfo": png_text(recipe)} if kind == "PNG" else {"exif": exif_of(recipe)}
    Image.new("RGB", (64, 64)).save(stream, kind, **how)
    own = to_json(recipe).encode()
    file = stream.getvalue()
    assert own in file
    damaged = file.replace(own, b"{" + b" " * (len(own) - 1))
    if kind == "PNG":  # whose chunks have a checksum
        texts = Image.open(io.BytesIO(file)).text
        damaged = png(**{"parameters": str(texts["parameters"]), "latent-studio": "{"})
    reading, request = read(damaged)
    assert (request.prompt, request.seed, reading.program) == ("a red house", 77, "Latent Studio")
    assert any(str(each).startswith("Latent Studio: ") for each in reading.lost)


def test_swarmui_says_who_it_is_among_others() -> None:
    assert read(png(parameters=json.dumps(SWARM), prompt="a red fox"))[0].program == "SwarmUI"
