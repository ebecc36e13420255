"""One model call for many rows: gather their inputs, run the U-Net once, guide each row, advance each sampler.

Functions of tensors and rows; nothing here decides who runs or writes into a row.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from studio.engine.row import Part, Row
from studio.images.tiles import Place, Tiling
from studio.models.conditioning import Conditioning, stack
from studio.models.tiles import blended, cut
from studio.sampling.process import Coefficients
from studio.sampling.table import advance, widen


@dataclass(frozen=True)
class StepResult:
    """Where a step takes one row.

    state: the next latent and memory, [1 + memory, C, h, w] with the row's own memory
    x0:    [C, h, w], the original sample that the model predicts
    """

    state: torch.Tensor
    x0: torch.Tensor
    is_finite: bool


def step_rows(rows: Sequence[Row], padded_to: int | None = None) -> list[StepResult | Part]:
    """Runs the current call of every row in one forward pass. All rows have the same batch key.

    A row moves on once the model has seen all its tiles; until then it gets another part of what the model says.

    With ``padded_to``, the model always sees that many inputs, and what follows is done row by row: then a row's bits
    do not depend on who else is there. Without, rows agree with themselves alone to rounding.
    """
    parts = model_outputs(rows, padded_to)
    results: list[StepResult | Part] = [*parts]
    alike: dict[Hashable, list[int]] = {}  # rows that are settled together: canvases of one size
    for index, (row, part) in enumerate(zip(rows, parts, strict=True)):
        if row.tiles_done + len(part.conditional) == len(row.tiling.places):
            alike.setdefault(row.latent.shape if padded_to is None else index, []).append(index)
    for indices in alike.values():
        conditional, unconditional = (
            torch.stack([_whole(rows[index], parts[index], name) for index in indices])
            for name in ("conditional", "unconditional")
        )
        moves = _settle([rows[index] for index in indices], conditional, unconditional)
        for index, move in zip(indices, moves, strict=True):
            results[index] = move
    return results


def _whole(row: Row, last: Part, name: str) -> torch.Tensor:
    """The model's outputs for all tiles of ``row``, on its canvas: [C, h, w]."""
    tiles = [tile for part in (*row.parts, last) for tile in getattr(part, name)]
    return blended(tiles, row.tiling)


def model_outputs(rows: Sequence[Row], padded_to: int | None = None) -> list[Part]:
    """The model's conditional and unconditional output for the next tiles of each row; for a row at scale 1, which is
    not asked the second, both are the first.

    Inputs that can share a call go through the model together, those with boxes first: all of them, but where a family
    tells the two inputs of a guided row apart by their shapes. ``padded_to`` repeats the last input up to that many.
    """
    denoiser = rows[0].denoiser
    tiles = {(index, place): at for at, (index, place) in enumerate(_tiles(rows))}
    latents, timesteps = _seen(rows, [*tiles], denoiser.device)
    alike: dict[Hashable, list[_Input]] = {}
    for each in _inputs(rows):
        alike.setdefault(denoiser.architecture.shape_key(each.conditioning), []).append(each)
    answers: dict[tuple[int, Place, int], torch.Tensor] = {}
    for asked in alike.values():
        every = [*asked, *asked[-1:] * max(0, (padded_to or 0) - len(asked))]
        which = [tiles[each.row, each.place] for each in every]
        conditioning = stack([each.conditioning for each in every], padded_to)
        output = denoiser(latents[which], timesteps[which], conditioning, rows[0].guidance.loras)
        answers |= {each[:3]: answer for each, answer in zip(asked, output, strict=False)}
    parts = []
    for index, row in enumerate(rows):
        conditional = [answers[index, place, 0] for place in row.places]
        unconditional = [
            answers.get((index, place, 1), first) for place, first in zip(row.places, conditional, strict=True)
        ]
        parts.append(Part(torch.stack(conditional), torch.stack(unconditional)))
    return parts


def _tiles(rows: Sequence[Row]) -> list[tuple[int, Place]]:
    """Each tile that is asked of: its row's place in the batch and its own."""
    return [(index, place) for index, row in enumerate(rows) for place in row.places]


def _seen(
    rows: Sequence[Row], tiles: Sequence[tuple[int, Place]], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """The latent of each tile at its sampler's scale, [tiles, C, h, w], and its timestep, [tiles]."""
    places = [(rows[index], place) for index, place in tiles]
    scale = _column([float(row.table.input_scale[row.call]) for row, _ in places], device)
    timesteps = torch.tensor([float(row.table.timesteps[row.call]) for row, _ in places], device=device)
    return scale * torch.stack([cut(row.latent, row.tiling, place) for row, place in places]), timesteps


class _Input(NamedTuple):
    """What the model is asked once: ``row`` is the row's place in the batch, ``place`` that of the tile, ``branch`` 0
    for the conditional and 1 for the unconditional output."""

    row: int
    place: Place
    branch: int
    conditioning: Conditioning


def _inputs(rows: Sequence[Row]) -> list[_Input]:
    """Every tile of every row, once for each of its conditionings; those whose gates are open come before all
    others."""
    asked = [
        _Input(index, place, branch, _of_tile(conditioning, row.tiling, place))
        for index, row in enumerate(rows)
        for place in row.places
        for branch, conditioning in enumerate(row.conditionings)
    ]
    return sorted(asked, key=lambda each: each.conditioning.boxes is None)


def _of_tile(conditioning: Conditioning, tiling: Tiling, place: Place) -> Conditioning:
    if conditioning.concat is None:
        return conditioning
    return replace(conditioning, concat=cut(conditioning.concat, tiling, place))


def _settle(rows: Sequence[Row], conditional: torch.Tensor, unconditional: torch.Tensor) -> list[StepResult]:
    """Guides every row and takes its sampler's step. The model's outputs are [B, C, h, w], on canvases of one size."""
    device = conditional.device
    scale = _column([row.guidance.scale for row in rows], device)
    rescale = _column([row.guidance.rescale for row in rows], device)
    output = rows[0].denoiser.architecture.guide(conditional, unconditional, scale, rescale)
    memory = max(row.table.memory for row in rows)
    states = torch.stack([_widen_state(row.state, memory) for row in rows])
    weights = torch.stack([widen(row.table.weights[row.call], memory) for row in rows]).to(device)
    advanced = advance(weights, torch.cat([states, output[:, None], _noise(rows, device)[:, None]], dim=1))
    _put_back(rows, advanced)
    x0 = rows[0].denoiser.x0(states[:, 0], output, _coefficients(rows, device))
    finite = torch.isfinite(advanced).flatten(1).all(dim=1).tolist()
    own = [state[: 1 + row.table.memory].clone() for row, state in zip(rows, advanced, strict=True)]
    return [StepResult(*each) for each in zip(own, x0, finite, strict=True)]


def _put_back(rows: Sequence[Row], advanced: torch.Tensor) -> None:
    """Writes the known part into the new latents of rows that keep one, noised to where their samplers now stand."""
    for row, state in zip(rows, advanced, strict=True):
        if row.keep is not None:
            done = row.call + 1 == row.table.calls
            signal = 1.0 if done else float(row.table.signal[row.call + 1])
            noise = 0.0 if done else float(row.table.noise[row.call + 1])
            known = signal * row.keep.x0 + noise * row.keep.noise
            state[0] = torch.where(row.keep.mask > 0, state[0], known)


def _noise(rows: Sequence[Row], device: torch.device) -> torch.Tensor:
    """Fresh noise for the rows that draw some at this call, zeros for the others; [B, C, h, w]."""
    drawn = [row.draw_noise() for row in rows]
    blank = torch.zeros(rows[0].latent.shape)
    return torch.stack([blank if noise is None else noise for noise in drawn]).to(device)


def _widen_state(state: torch.Tensor, memory: int) -> torch.Tensor:
    missing = 1 + memory - len(state)
    return torch.cat([state, state.new_zeros(missing, *state.shape[1:])]) if missing else state


def _coefficients(rows: Sequence[Row], device: torch.device) -> Coefficients:
    """Input scale, signal and noise of each row's current call, [B, 1, 1, 1] each."""
    tables = [(row.table, row.call) for row in rows]
    return Coefficients(
        _column([float(table.input_scale[call]) for table, call in tables], device),
        _column([float(table.signal[call]) for table, call in tables], device),
        _column([float(table.noise[call]) for table, call in tables], device),
    )


def _column(values: Sequence[float], device: torch.device) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None, None]


def use_same_algorithms() -> None:
    """Asks a GPU's libraries for the same algorithm every time; process-wide, for strict mode."""
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
