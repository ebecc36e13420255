"""A prompt of any length, with words that count more or less, read as the reference reads plain ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from benchmarks.checkpoints import write
from studio.models.loading import load_pack
from studio.models.model import Pack
from studio.models.registry import find_pack
from studio.models.text.encoders import MOST_CHUNKS

LONG = "a red house by the sea, " * 20  # some 140 tokens


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write("Stable Diffusion", tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Pack:
    """CLIP's own tokenizer, 77 tokens at a time."""
    return load_pack(find_pack(str(folder)), torch.device("cpu"))


@torch.no_grad()
def test_a_plain_prompt_is_read_as_diffusers_reads_it(clip: Pack) -> None:
    pipeline: Any = StableDiffusionPipeline(
        None, clip.tower.model, clip.tower.tokenizer, None, None, None, None, requires_safety_checker=False
    )  # type: ignore[arg-type]
    expected, _ = pipeline.encode_prompt("a red house", torch.device("cpu"), 1, False)
    assert torch.allclose(clip.text.encode("a red house").text, expected[0], atol=1e-5)


@pytest.mark.parametrize("skip", [1, 2])
@torch.no_grad()
def test_layers_that_are_left_out_are_followed_by_the_last_norm(clip: Pack, skip: int) -> None:
    """diffusers' own path looks for a module that transformers 5 no longer has."""
    model = clip.tower.model
    said = model(clip.tower.tokens(["a red house"]), output_hidden_states=True)
    expected = model.final_layer_norm(said.hidden_states[-1 - skip])
    assert torch.allclose(clip.text.encode("a red house", skip=skip).text, expected[0], atol=1e-5)


def test_a_long_prompt_is_read_to_its_end_in_chunks(clip: Pack) -> None:
    chunks = clip.text.chunks(LONG)
    assert chunks == 2
    said = clip.text.encode(LONG).text
    assert said.shape == (2 * 77, 32)
    other = clip.text.encode(LONG + "at night").text
    assert torch.equal(said[:77], other[:77])
    assert not torch.equal(said[77:], other[77:])
    assert not clip.cuts(LONG)
    endless = LONG * 5
    assert clip.cuts(endless)
    assert clip.text.encode(endless).text.shape == (MOST_CHUNKS * 77, 32)


def test_a_break_begins_a_chunk_and_a_short_prompt_can_be_made_as_long(clip: Pack) -> None:
    both = clip.text.encode("the sea BREAK the sky").text
    assert torch.allclose(both[:77], clip.text.encode("the sea").text, atol=1e-6)
    assert torch.allclose(both[77:], clip.text.encode("the sky").text, atol=1e-6)
    padded = clip.text.encode("the sea", chunks=2).text
    assert torch.allclose(padded[77:], clip.text.encode("").text, atol=1e-6)


def test_weights_move_words_away_from_nothing_and_leave_others_alone(clip: Pack) -> None:
    plain, empty = clip.text.encode("a red house").text, clip.text.encode("").text
    heavy = clip.text.encode("a (red:1.5) house").text
    red = 2  # behind the begin and "a"
    assert torch.allclose(heavy[red], empty[red] + 1.5 * (plain[red] - empty[red]), atol=1e-5)
    others = [place for place in range(77) if place != red]
    assert torch.equal(heavy[others], plain[others])
    assert torch.equal(clip.text.encode("(a red house:1.0)").text, plain)
    assert torch.allclose(clip.text.encode("a (red:0) house").text[red], empty[red], atol=1e-6)


def test_a_prompt_that_is_known_is_not_read_again(clip: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    said = clip.text.encode("a quiet place")
    monkeypatch.setattr(type(clip.tower), "encode", None)
    assert clip.text.encode("a quiet place") is said
    assert clip.text.encode("a quiet place<lora:x:1>") is said, "LoRAs are told apart by what is on the models"
