"""Large canvases go through the model by tiles, over several calls if need be, and beside rows of one tile."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import pytest
import torch

from studio.engine.effort import cost_left
from studio.engine.row import TILES_A_CALL, Part, ReverseProcess, Row, RowConditioning, begin
from studio.engine.step import StepResult, step_rows
from studio.images.tiles import tiled, whole
from studio.models.conditioning import Conditioning, ConditioningBatch
from studio.models.model import Denoiser, Pack
from studio.sampling.catalogue import find_sampler
from studio.tasks.preparation import guided
from tests.miniature import ask

SIDE, OVERLAP = 8, 3


class Pointwise(Denoiser):
    """A model that looks at one latent at a time, and counts what it was asked."""

    @cached_property
    def asked(self) -> list[int]:
        return []

    def __call__(
        self, latents: torch.Tensor, timesteps: torch.Tensor, conditioning: ConditioningBatch, loras: object = ()
    ) -> torch.Tensor:
        self.asked.append(len(latents))
        assert conditioning.concat is not None
        summed = latents * 0.7 + conditioning.concat + timesteps[:, None, None, None] / 1000
        return torch.tanh(summed) + conditioning.text.mean()


@pytest.fixture
def pointwise(pack: Pack) -> Pointwise:
    plain = pack.denoiser
    return Pointwise(
        plain.network, plain.architecture, plain.tables, plain.first_stage, plain.channels, plain.native_area
    )


def _row(denoiser: Denoiser, size: tuple[int, int], *, in_tiles: bool, sampler: str = "Euler a", seed: int = 0) -> Row:
    table = denoiser.tables.table(find_sampler(sampler), 5)
    concat = torch.randn((4, *size), generator=torch.Generator().manual_seed(9))
    both = (Conditioning(text, concat=concat) for text in (torch.ones(2, 3), torch.zeros(2, 3)))
    tiling = tiled(*size, SIDE, OVERLAP) if in_tiles else whole(*size)
    process = ReverseProcess(denoiser, table, RowConditioning(*both, scale=3.0, rescale=0.5), tiling)
    return begin("job", 0, ask(seed=seed), process)


def _run(rows: list[Row]) -> None:
    while unfinished := [row for row in rows if not row.is_done]:
        for row, result in zip(unfinished, step_rows(unfinished), strict=True):
            if isinstance(result, Part):
                row.parts.append(result)
            else:
                assert result.is_finite
                row.move(result.state, result.x0)


@pytest.mark.parametrize("size", [(20, 8), (13, 27), (30, 41)])
@pytest.mark.parametrize("sampler", ["Euler a", "DPM++ 2M Karras", "Heun"])
def test_with_a_pointwise_model_tiles_make_no_difference(
    pointwise: Pointwise, size: tuple[int, int], sampler: str
) -> None:
    """Noise is of the whole canvas and outputs are blended before a row is guided and moves on, so nothing else can
    differ."""
    by_tiles, at_once = (_row(pointwise, size, in_tiles=each, sampler=sampler) for each in (True, False))
    _run([by_tiles])
    _run([at_once])
    assert len(by_tiles.tiling.places) > 2
    assert torch.allclose(by_tiles.latent, at_once.latent, atol=1e-5)


def test_a_canvas_of_many_tiles_takes_several_calls_a_step(pointwise: Pointwise) -> None:
    row = _row(pointwise, (30, 41), in_tiles=True)
    tiles = len(row.tiling.places)
    assert tiles > TILES_A_CALL
    whole_cost, begun = cost_left(row), row.call
    spent = 0.0
    while row.call == begun:
        spent += row.cost
        (result,) = step_rows([row])
        if isinstance(result, Part):
            row.parts.append(result)
        else:
            row.move(result.state, result.x0)
    assert max(pointwise.asked) <= 2 * TILES_A_CALL
    assert sum(pointwise.asked) == 2 * tiles
    assert cost_left(row) == pytest.approx(whole_cost - spent)
    assert spent == pytest.approx(whole_cost / row.table.calls)


def test_canvases_of_all_sizes_share_a_call_and_come_out_as_alone(pointwise: Pointwise) -> None:
    """The model sees tiles of one size; whose canvas they belong to is none of its business."""
    sizes = ((8, 8), (20, 8), (13, 27), (8, 8))
    together = [_row(pointwise, size, in_tiles=True, seed=seed) for seed, size in enumerate(sizes)]
    assert len({row.batch_key for row in together}) == 1
    _run(together)
    for seed, (size, row) in enumerate(zip(sizes, together, strict=True)):
        alone = _row(pointwise, size, in_tiles=True, seed=seed)
        _run([alone])
        assert torch.allclose(row.latent, alone.latent, atol=1e-5)


def test_a_tiled_row_shares_the_real_models_call_with_a_plain_one(pack: Pack) -> None:
    def rows() -> tuple[Row, Row]:
        plain = _real(pack, (8, 8))
        return plain, _real(pack, (8, 20))

    plain, wide = rows()
    together = step_rows([plain, wide])
    for row, result in zip(rows(), together, strict=True):
        (alone,) = step_rows([row])
        assert isinstance(result, StepResult)
        assert isinstance(alone, StepResult)
        assert torch.allclose(result.state, alone.state, atol=1e-4)


def _real(pack: Pack, size: tuple[int, int]) -> Row:
    table = pack.denoiser.tables.table(find_sampler("DDIM"), 4)
    tiling = tiled(*size, SIDE, OVERLAP)
    process = ReverseProcess(pack.denoiser, table, guided(ask(guidance=4.0), pack, tiling), tiling)
    return begin("job", 0, replace(ask(), seed=size[1]), process)
