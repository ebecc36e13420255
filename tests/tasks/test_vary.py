"""Variations and what lies between two pictures: steered as diffusers' IP-Adapter would, from the source if asked for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from studio.engine.row import Row
from studio.engine.step import StepResult, step_rows
from studio.errors import InvalidRequest, PackError
from studio.images.resizing import covering
from studio.models.adapters.ip_adapter import ImagePrompts
from studio.models.autoencoders.autoencoder import to_pictures
from studio.models.model import Pack
from studio.requests.forward_process import ForwardProcess
from studio.requests.interpolate import Interpolate
from studio.requests.request import Request
from studio.sampling.catalogue import find_sampler
from studio.sampling.spherical import slerp
from studio.tasks import find_task
from tests.miniature import NAME, OTHER, SIDE, SOURCE, ask, ask_interpolate, ask_vary

IMAGES = {SOURCE.digest: SOURCE, OTHER.digest: OTHER}


def _rows(pack: Pack, request: Request) -> list[Row]:
    rows = find_task(request).prepare("job", request, pack, IMAGES)
    while not rows[0].is_done:
        for row, move in zip(rows, step_rows(rows), strict=True):
            assert isinstance(move, StepResult)
            row.move(move.state, move.x0)
    return rows


def _drawn(pack: Pack, request: Request) -> torch.Tensor:
    return torch.stack([row.latent for row in _rows(pack, request)])


def _relative(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("strength", [1.0, 0.5])
@torch.no_grad()
def test_a_variation_is_drawn_as_a_loop_over_diffusers_draws_it(pack: Pack, strength: float) -> None:
    """Guidance with the picture against none, as diffusers' pipelines have it: zeros stand for no picture."""
    request = ask_vary(prompt="the sea", likeness=0.8, guidance=3.0, steps=6, seed=3, strength=strength, sampler="DDIM")
    assert pack.clip is not None
    first, tables = round(6 * (1 - strength)), pack.denoiser.tables
    scheduler, timesteps = tables.process.make_scheduler(find_sampler("DDIM"), 6, first)
    seen = pack.clip.embed(SOURCE.array)
    tokens = pack.denoiser.projection(torch.stack([seen, torch.zeros_like(seen)]))
    pictures = ImagePrompts(tokens, torch.full((2, 1, 1), 0.8))
    text = torch.stack([pack.text.encode("the sea").text, pack.text.encode("").text])
    concat = pack.blank_concat(8, 8)
    x = torch.randn((4, 8, 8), generator=torch.Generator().manual_seed(3))
    if first:
        clean = pack.first_stage.encode(to_pictures(covering(SOURCE.array, SIDE, SIDE)[None]))[0]
        x = scheduler.add_noise(clean, x, timesteps[:1])
    for t in timesteps:
        inputs = torch.cat([x, concat])[None].repeat(2, 1, 1, 1)
        conditional, unconditional = pack.denoiser.network(
            inputs, t, text, cross_attention_kwargs={"ip_hidden_states": pictures}
        ).sample.chunk(2)
        x = scheduler.step((unconditional + 3 * (conditional - unconditional))[0], t, x).prev_sample
    assert _relative(_drawn(pack, request)[0], x) <= 1e-4


def test_source_words_likeness_and_strength_all_matter(pack: Pack) -> None:
    whole = _drawn(pack, ask_vary())
    for changes in ({"image": OTHER.digest}, {"prompt": "a red house"}, {"likeness": 0.5}, {"strength": 0.6}):
        assert _relative(_drawn(pack, ask_vary(**changes)), whole) > 1e-3, changes
    plain = _drawn(pack, ask(""))
    assert _relative(_drawn(pack, ask_vary(likeness=0.0)), plain) < 1e-5, "without likeness, words alone are left"


def test_the_ends_of_a_way_are_the_variations_of_its_ends(pack: Pack) -> None:
    way = _drawn(pack, ask_interpolate(count=3, seed=5))
    assert _relative(way[0], _drawn(pack, ask_vary(seed=5))[0]) < 1e-4
    assert _relative(way[2], _drawn(pack, ask_vary(seed=6, image=OTHER.digest))[0]) < 1e-4
    assert _relative(way[1], way[0]) > 1e-2
    assert _relative(way[1], way[2]) > 1e-2


def test_a_way_leads_from_words_to_words_without_any_picture(pack: Pack) -> None:
    request = ask_interpolate(image="", other="", prompt="a red house", other_prompt="蓝船", count=2, seed=5)
    way = _drawn(pack, request)
    assert _relative(way[0], _drawn(pack, ask(seed=5))[0]) < 1e-4
    assert _relative(way[1], _drawn(pack, ask("蓝船", seed=6))[0]) < 1e-4


def test_each_picture_of_a_way_is_made_again_alone(pack: Pack) -> None:
    request = ask_interpolate(count=5, seed=2)
    way = _drawn(pack, request)
    for index in range(5):
        alone = request.alone(index)
        assert alone.count == 1
        assert _relative(_drawn(pack, alone)[0], way[index]) < 1e-4


def test_a_great_circle_keeps_the_length_of_noise() -> None:
    one, other = (torch.randn(4, 64, 64, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert torch.allclose(slerp(one, other, 0.0), one, atol=1e-5)
    assert torch.allclose(slerp(one, other, 1.0), other, atol=1e-5)
    assert float(slerp(one, other, 0.5).std()) == pytest.approx(1.0, abs=0.02)
    assert float(torch.lerp(one, other, 0.5).std()) == pytest.approx(0.71, abs=0.02), "which a straight line does not"
    assert torch.allclose(slerp(one, one, 0.3), one)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"other": ""}, "other"),
        ({"image": ""}, "image"),
        ({"image": "", "other": ""}, "other"),
        ({"image": "", "other": "", "prompt": "a house"}, "other"),
        ({"begin": -0.1}, "begin"),
        ({"end": 1.5}, "end"),
        ({"likeness": 2.0}, "likeness"),
        ({"other_prompt": None}, "other_prompt"),
        ({"seed": 2**63 - 1}, "seed"),
    ],
)
def test_a_way_needs_both_its_ends(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask_interpolate(**changes)
    assert caught.value.field == field


def test_positions_are_even_and_a_single_picture_stands_at_the_beginning() -> None:
    assert ask_interpolate(count=5).positions == (0, 0.25, 0.5, 0.75, 1)
    assert ask_interpolate(count=1, begin=0.4).positions == (0.4,)
    assert ask_interpolate(count=3).alone(1).positions == (0.5,)


def test_a_pack_without_layers_for_pictures_says_so(pack: Pack) -> None:
    bare = dataclasses.replace(pack, clip=None)
    for request in (ask_vary(), ask_interpolate()):
        with pytest.raises(PackError, match="cannot be steered by pictures"):
            find_task(request).prepare("job", request, bare, IMAGES)


def test_a_source_that_is_not_there_is_said_to_be_missing(pack: Pack) -> None:
    with pytest.raises(InvalidRequest, match="give it again"):
        find_task(ask_vary()).prepare("job", ask_vary(), pack, {})


def _noise(**changes: object) -> ForwardProcess:
    values = {"pack": NAME, "image": SOURCE.digest, "width": 2 * SIDE, "height": SIDE, **changes}
    return ForwardProcess(**values)  # type: ignore[arg-type]


@torch.no_grad()
def test_noise_is_added_as_in_training_and_taken_off_in_one_step(pack: Pack) -> None:
    """Left, the picture with noise; right, what the model takes it for: Salimans and Ho 2022, appendix D."""
    request = _noise(begin=0.0, end=0.8, count=3, seed=4, guidance=1.0)
    rows = find_task(request).prepare("job", request, pack, IMAGES)
    schedule = pack.denoiser.tables.process
    betas = torch.linspace(schedule.beta_start**0.5, schedule.beta_end**0.5, schedule.train_steps) ** 2
    signal = (1 - betas).cumprod(0)
    clean = pack.first_stage.encode(to_pictures(covering(SOURCE.array, SIDE, SIDE)[None]))[0]
    for index, time in enumerate((0.0, 0.4, 0.8)):  # the same noise, more and more of it
        t, row = round(time * 999), rows[index]
        a, b = signal[t].sqrt(), (1 - signal[t]).sqrt()
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(4))
        x = a * clean + b * noise
        assert torch.allclose(row.latent, x, atol=1e-5)
        assert float(row.table.timesteps[0]) == t
        v = pack.denoiser.network(
            torch.cat([x, pack.blank_concat(8, 8)])[None], t, pack.text.encode("").text[None]
        ).sample
        (move,) = step_rows([row])
        assert isinstance(move, StepResult)
        assert torch.allclose(move.state[0], a * x - b * v[0], atol=1e-4)
        left = row.finish(np.zeros((SIDE, SIDE, 3), np.uint8))[:, :SIDE]
        assert np.array_equal(left, pack.first_stage.decode(x[None])[0].numpy())


def test_interpolations_and_noise_say_what_they_show() -> None:
    assert isinstance(ask_interpolate(prompt="a", other_prompt="b"), Interpolate)
    assert ask_interpolate(prompt="a", other_prompt="b").words == "a b"
    for request in (ask_interpolate(prompt="a", other_prompt="b"), _noise(prompt="a")):
        assert request.shows == "", "its pictures answer different words, or hold two pictures: nothing to rank them by"
    with pytest.raises(InvalidRequest, match="side by side"):
        _noise(width=2 * SIDE + 8)
