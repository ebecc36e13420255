"""One model call for many rows: gather their inputs, run the U-Net once, guide each row, advance each sampler.

Functions of tensors and rows; nothing here decides who runs or writes into a row.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from studio.images.tiles import Place
from studio.packs.grounding import Layout
from studio.packs.image_prompt import ImagePrompts
from studio.packs.tiles import blended, cut
from studio.rows import Part, Row
from studio.samplers.table import advance, predicted_clean, widen


@dataclass(frozen=True)
class Move:
    """Where a step takes one row.

    state: the next latent and memory, [1 + memory, C, h, w] with the row's own memory
    clean: [C, h, w], the clean latent that it is heading for
    """

    state: torch.Tensor
    clean: torch.Tensor
    is_finite: bool


def step_rows(rows: Sequence[Row], padded_to: int | None = None) -> list[Move | Part]:
    """Runs the current call of every row in one forward pass. All rows have the same batch key.

    A row moves on once the model has seen all its tiles; until then it gets another part of what the model says.

    With ``padded_to``, the model always sees that many inputs, and what follows is done row by row: then a row's bits
    do not depend on who else is there. Without, rows agree with themselves alone to rounding.
    """
    parts = model_outputs(rows, padded_to)
    results: list[Move | Part] = [*parts]
    alike: dict[Hashable, list[int]] = {}  # rows that are settled together: canvases of one size
    for index, (row, part) in enumerate(zip(rows, parts, strict=True)):
        if row.tiles_done + len(part.told) == len(row.tiling.places):
            alike.setdefault(row.latent.shape if padded_to is None else index, []).append(index)
    for indices in alike.values():
        told, untold = (
            torch.stack([_whole(rows[index], parts[index], name) for index in indices]) for name in ("told", "untold")
        )
        moves = _settle([rows[index] for index in indices], told, untold)
        for index, move in zip(indices, moves, strict=True):
            results[index] = move
    return results


def _whole(row: Row, last: Part, name: str) -> torch.Tensor:
    """What the model has said of all tiles of ``row``, on its canvas: [C, h, w]."""
    tiles = [tile for part in (*row.parts, last) for tile in getattr(part, name)]
    return blended(tiles, row.tiling)


def model_outputs(rows: Sequence[Row], padded_to: int | None = None) -> list[Part]:
    """The model's output for the next tiles of each row with its prompt and without; for a row at guidance 1, which
    is not asked the second, both are the first.

    All inputs of all rows go through the model together, those with boxes first. ``padded_to`` repeats the last input
    up to that many.
    """
    denoiser = rows[0].denoiser
    asked = _inputs(rows)
    every = [*asked, *asked[-1:] * max(0, (padded_to or 0) - len(asked))]
    tiles = {(index, place): at for at, (index, place) in enumerate(_tiles(rows))}
    inputs, timesteps = _seen(rows, [*tiles], denoiser.device)
    which = [tiles[each.row, each.place] for each in every]
    text = torch.stack([each.text for each in every])
    output = denoiser(inputs[which], timesteps[which], text, _layout(asked, padded_to), _pictures(every))
    answers = {each[:3]: answer for each, answer in zip(asked, output, strict=False)}
    parts = []
    for index, row in enumerate(rows):
        told = [answers[index, place, True] for place in row.places]
        untold = [answers.get((index, place, False), answer) for place, answer in zip(row.places, told, strict=True)]
        parts.append(Part(torch.stack(told), torch.stack(untold)))
    return parts


def _tiles(rows: Sequence[Row]) -> list[tuple[int, Place]]:
    """Each tile that is asked of: its row's place in the batch and its own."""
    return [(index, place) for index, row in enumerate(rows) for place in row.places]


def _seen(
    rows: Sequence[Row], tiles: Sequence[tuple[int, Place]], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the model sees of each tile, [tiles, channels in, h, w]: the latent at the sampler's scale, and what is
    beside it as it is. And when it is, [tiles]."""
    places = [(rows[index], place) for index, place in tiles]
    scale = _column([float(row.table.input_scale[row.call]) for row, _ in places], device)
    timesteps = torch.tensor([float(row.table.timesteps[row.call]) for row, _ in places], device=device)
    seen = scale * torch.stack([cut(row.latent, row.tiling, place) for row, place in places])
    beside = [cut(row.steering.beside, row.tiling, place) for row, place in places if row.steering.beside is not None]
    return (torch.cat([seen, torch.stack(beside)], dim=1) if beside else seen), timesteps


class _Input(NamedTuple):
    """What the model is asked once: ``row`` is the row's place in the batch, ``place`` that of the tile, ``boxes`` the
    tokens that open its gates, ``picture`` those of a picture and how strongly they act."""

    row: int
    place: Place
    is_told: bool
    text: torch.Tensor
    boxes: torch.Tensor | None
    picture: tuple[torch.Tensor, float] | None


def _inputs(rows: Sequence[Row]) -> list[_Input]:
    """Each tile with its row's prompt and, if the row is guided, without; those whose gates are open come before all
    others."""
    asked = []
    for index, row in enumerate(rows):
        boxes, steering, picture = row.boxes, row.steering, row.steering.picture
        told = boxes.told if boxes else None, (picture.told, picture.scale) if picture else None
        untold = boxes.untold if boxes else None, (picture.untold, picture.scale) if picture else None
        for place in row.places:
            asked.append(_Input(index, place, True, steering.told, *told))
            if steering.untold is not None:
                asked.append(_Input(index, place, False, steering.untold, *untold))
    return sorted(asked, key=lambda each: each.boxes is None)


def _layout(asked: Sequence[_Input], padded_to: int | None) -> Layout | None:
    """The boxes of the inputs that have some; in calls of one size, the layers for boxes see that many, too."""
    boxes = [each.boxes for each in asked if each.boxes is not None]
    if not boxes:
        return None
    padding = max(0, (padded_to or 0) - len(boxes))
    return Layout(torch.stack([*boxes, *boxes[-1:] * padding]), len(boxes))


def _pictures(asked: Sequence[_Input]) -> ImagePrompts | None:
    """What pictures steer, where they steer any input at all; they act on the others with nothing."""
    some = next((each.picture[0] for each in asked if each.picture is not None), None)
    if some is None:
        return None
    pairs = [each.picture or (torch.zeros_like(some), 0.0) for each in asked]
    scale = torch.tensor([scale for _, scale in pairs], device=some.device)
    return ImagePrompts(torch.stack([tokens for tokens, _ in pairs]), scale[:, None, None])


def _settle(rows: Sequence[Row], told: torch.Tensor, untold: torch.Tensor) -> list[Move]:
    """Guides every row and takes its sampler's step. The model's outputs are [B, C, h, w], on canvases of one size."""
    device = told.device
    guidance = _column([row.steering.guidance for row in rows], device)
    rescale = _column([row.steering.rescale for row in rows], device)
    output = guide(told, untold, guidance, rescale)
    memory = max(row.table.memory for row in rows)
    states = torch.stack([_widen_state(row.state, memory) for row in rows])
    weights = torch.stack([widen(row.table.weights[row.call], memory) for row in rows]).to(device)
    advanced = advance(weights, torch.cat([states, output[:, None], _noise(rows, device)[:, None]], dim=1))
    _put_back(rows, advanced)
    clean = predicted_clean(rows[0].denoiser.prediction, states[:, 0], output, _coefficients(rows, device))
    finite = torch.isfinite(advanced).flatten(1).all(dim=1).tolist()
    own = [state[: 1 + row.table.memory].clone() for row, state in zip(rows, advanced, strict=True)]
    return [Move(*each) for each in zip(own, clean, finite, strict=True)]


def guide(told: torch.Tensor, untold: torch.Tensor, guidance: torch.Tensor, rescale: torch.Tensor) -> torch.Tensor:
    """Classifier-free guidance (Ho and Salimans 2022, equation 6), brought back to the spread of ``told`` by the
    share ``rescale`` (Lin et al. 2024, section 3.4). Outputs [B, C, h, w]; guidance and rescale [B, 1, 1, 1]."""
    result = torch.where(guidance == 1, told, untold + guidance * (told - untold))
    spread = told.std(dim=(1, 2, 3), keepdim=True) / result.std(dim=(1, 2, 3), keepdim=True).clamp_min(1e-8)
    return torch.where(rescale > 0, result * (1 + rescale * (spread - 1)), result)


def _put_back(rows: Sequence[Row], advanced: torch.Tensor) -> None:
    """Writes the known part into the new latents of rows that keep one, noised to where their samplers now stand."""
    for row, state in zip(rows, advanced, strict=True):
        if row.keep is not None:
            done = row.call + 1 == row.table.calls
            signal = 1.0 if done else float(row.table.signal[row.call + 1])
            noise = 0.0 if done else float(row.table.noise[row.call + 1])
            known = signal * row.keep.clean + noise * row.keep.noise
            state[0] = torch.where(row.keep.mask > 0, state[0], known)


def _noise(rows: Sequence[Row], device: torch.device) -> torch.Tensor:
    """Fresh noise for the rows that draw some at this call, zeros for the others; [B, C, h, w]."""
    drawn = [row.draw_noise() for row in rows]
    blank = torch.zeros(rows[0].latent.shape)
    return torch.stack([blank if noise is None else noise for noise in drawn]).to(device)


def _widen_state(state: torch.Tensor, memory: int) -> torch.Tensor:
    missing = 1 + memory - len(state)
    return torch.cat([state, state.new_zeros(missing, *state.shape[1:])]) if missing else state


def _coefficients(rows: Sequence[Row], device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Input scale, signal and noise of each row's current call, [B, 1, 1, 1] each."""
    tables = [(row.table, row.call) for row in rows]
    return (
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
