"""A request becomes one row a picture, each of which could stand alone."""

from __future__ import annotations

import pytest
import torch

from studio.errors import InvalidRequest
from studio.models.model import Pack
from studio.sampling.spherical import slerp
from studio.tasks.text_to_image import cost, prepare
from tests.miniature import SIDE, SOURCE, ask


def test_each_picture_is_a_row_with_its_own_seed_and_noise(pack: Pack) -> None:
    rows = prepare("job", ask(count=3, seed=7), pack, {})
    assert [row.request.seed for row in rows] == [7, 8, 9]
    assert all(row.request.count == 1 for row in rows)
    assert not torch.equal(rows[0].latent, rows[1].latent)
    (alone,) = prepare("job", ask(seed=8), pack, {})
    assert torch.equal(alone.latent, rows[1].latent)


def test_the_first_noise_is_the_seeds_whatever_the_sampler_but_for_its_scale(pack: Pack) -> None:
    expected = torch.randn((4, 8, 8), generator=torch.Generator().manual_seed(5))
    for sampler in ("DDIM", "Euler", "DPM++ 2M Karras"):
        (row,) = prepare("job", ask(seed=5, sampler=sampler), pack, {})
        assert torch.allclose(row.latent, expected * row.table.initial_scale)


def test_without_guidance_the_negative_prompt_costs_nothing(pack: Pack) -> None:
    (plain,) = prepare("job", ask(guidance=1.0, negative="rain"), pack, {})
    (guided,) = prepare("job", ask(guidance=2.0, negative="rain"), pack, {})
    assert (plain.inputs, guided.inputs) == (1, 2)
    assert guided.guidance.unconditional is not None
    assert torch.equal(guided.guidance.unconditional.text, pack.text.encode("rain").text)


def test_an_inpainting_denoiser_is_told_that_there_is_nothing_to_keep(pack: Pack) -> None:
    (row,) = prepare("job", ask(), pack, {})
    assert row.guidance.conditional.concat is not None
    assert row.guidance.conditional.concat.shape == (5, 8, 8)
    assert (row.guidance.conditional.concat[0] == 1).all()
    grey = pack.first_stage.encode(torch.zeros(1, 3, 64, 64))[0]
    assert torch.allclose(row.guidance.conditional.concat[1:], grey)


def test_rows_of_one_size_can_share_a_call_whatever_else_differs(pack: Pack) -> None:
    (one,) = prepare("a", ask(sampler="Euler a", steps=5, guidance=1.0), pack, {})
    (other,) = prepare("b", ask("other words", sampler="Heun", steps=9, guidance=8.0), pack, {})
    (wide,) = prepare("c", ask(width=96), pack, {})
    assert one.batch_key == other.batch_key != wide.batch_key


def test_a_panorama_is_seen_by_tiles_that_share_their_calls_with_pictures_of_the_usual_size(pack: Pack) -> None:
    (square,) = prepare("job", ask(), pack, {})
    (large,) = prepare("job", ask(width=2 * SIDE, height=2 * SIDE), pack, {})
    (wide,) = prepare("job", ask(width=4 * SIDE), pack, {})
    assert len(large.tiling.places) == 1
    assert len(wide.tiling.places) == 7, "half of each tile is its neighbour's, too"
    assert wide.batch_key == square.batch_key != large.batch_key
    one, seven = (cost(ask(width=width), pack) for width in (SIDE, 4 * SIDE))
    assert seven == pytest.approx(7 * one)
    assert wide.latent.shape == (4, SIDE // 8, 4 * SIDE // 8)


def test_drawing_begins_from_a_picture_with_as_much_noise_as_is_asked_for(pack: Pack) -> None:
    """The pipelines of diffusers are the reference (benchmarks/exactness.py); this is about what may be asked."""
    images = {SOURCE.digest: SOURCE}
    few, many = (
        prepare("job", ask(image=SOURCE.digest, strength=strength, steps=10, sampler="DDIM"), pack, images)[0]
        for strength in (0.2, 0.9)
    )
    assert (few.table.calls, many.table.calls) == (2, 9)
    (whole,) = prepare("job", ask(image=SOURCE.digest, strength=1.0, seed=3), pack, images)
    (plain,) = prepare("job", ask(seed=3), pack, {})
    assert torch.equal(whole.latent, plain.latent), "at 1 nothing of it is left"
    with pytest.raises(InvalidRequest, match="give it again"):
        prepare("job", ask(image=SOURCE.digest), pack, {})


def test_variations_of_a_seed_lie_on_the_way_to_others(pack: Pack) -> None:
    noise = [torch.randn((4, 8, 8), generator=torch.Generator().manual_seed(seed)) for seed in (7, 40, 41)]
    request = ask(seed=7, variation=0.3, variation_seed=40, count=2, sampler="DDIM")
    rows = prepare("job", request, pack, {})
    for row, other in zip(rows, noise[1:], strict=True):
        assert torch.allclose(row.latent, slerp(noise[0], other, 0.3), atol=1e-5)
    assert [row.request.seed for row in rows] == [7, 7]
    assert [row.request.variation_seed for row in rows] == [40, 41]
    (again,) = prepare("job", rows[1].request, pack, {})
    assert torch.equal(again.latent, rows[1].latent)


def test_a_schedule_changes_where_the_noise_levels_lie_and_nothing_else(pack: Pack) -> None:
    (own,) = prepare("job", ask(sampler="Euler"), pack, {})
    (karras,) = prepare("job", ask(sampler="Euler", schedule="Karras"), pack, {})
    (known,) = prepare("job", ask(sampler="Euler Karras"), pack, {})
    assert torch.equal(karras.table.timesteps, known.table.timesteps)
    assert not torch.equal(karras.table.timesteps, own.table.timesteps)
    assert karras.batch_key == own.batch_key
