"""One model call for many rows: gather their inputs, run the U-Net once, guide each row, advance each sampler.

Functions of tensors and rows; nothing here decides who runs or writes into a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from studio.packs.grounding import Layout
from studio.rows import Row
from studio.samplers.table import advance, predicted_clean, widen


@dataclass(frozen=True)
class Stepped:
    """What a call gives each of its rows, in the order of the rows.

    states: the next latent and memory of each row, [1 + memory, C, h, w] with the row's own memory
    clean:  [B, C, h, w], the clean latent that each row is heading for
    finite: whether all numbers of each row are
    """

    states: list[torch.Tensor]
    clean: torch.Tensor
    finite: list[bool]


def step_rows(rows: Sequence[Row], padded_to: int | None = None) -> Stepped:
    """Runs the current call of every row in one forward pass. All rows have the same batch key.

    With ``padded_to``, the model always sees that many inputs, and what follows is done row by row: then a row's bits
    do not depend on who else is there. Without, rows agree with themselves alone to rounding.
    """
    told, untold = model_outputs(rows, padded_to)
    if padded_to is None:
        return _settle(rows, told, untold)
    parts = [_settle([row], told[at : at + 1], untold[at : at + 1]) for at, row in enumerate(rows)]
    return Stepped(
        [part.states[0] for part in parts],
        torch.cat([part.clean for part in parts]),
        [part.finite[0] for part in parts],
    )


def model_outputs(rows: Sequence[Row], padded_to: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """The model's output for each row with its prompt and without, [B, C, h, w] each; for a row at guidance 1, which
    is not asked the second, both are the first.

    All inputs of all rows go through the model together, those with boxes first. ``padded_to`` repeats the last input
    up to that many.
    """
    denoiser = rows[0].denoiser
    device = denoiser.device
    asked = _inputs(rows)
    padding = max(0, (padded_to or 0) - len(asked))
    scale = _column([float(row.table.input_scale[row.call]) for row in rows], device)
    timesteps = torch.tensor([float(row.table.timesteps[row.call]) for row in rows], device=device)
    inputs = scale * torch.stack([row.latent for row in rows])
    if rows[0].steering.beside is not None:
        inputs = torch.cat([inputs, torch.stack([row.steering.beside for row in rows])], dim=1)  # type: ignore[misc]
    every = [*asked, *asked[-1:] * padding]
    who = [each.row for each in every]
    output = denoiser(
        inputs[who], timesteps[who], torch.stack([each.text for each in every]), _layout(asked, padded_to)
    )
    places = {(each.row, each.is_told): place for place, each in enumerate(asked)}
    told = [places[index, True] for index in range(len(rows))]
    untold = [places.get((index, False), place) for index, place in enumerate(told)]
    return output[told], output[untold]


class _Input(NamedTuple):
    """What the model is asked once: ``row`` is the row's place in the batch, ``boxes`` the tokens that open its
    gates."""

    row: int
    is_told: bool
    text: torch.Tensor
    boxes: torch.Tensor | None


def _inputs(rows: Sequence[Row]) -> list[_Input]:
    """Each row with its prompt and, if it is guided, without; those whose gates are open come before all others."""
    asked = []
    for index, row in enumerate(rows):
        boxes = row.boxes
        asked.append(_Input(index, True, row.steering.told, boxes.told if boxes else None))
        if row.steering.untold is not None:
            asked.append(_Input(index, False, row.steering.untold, boxes.untold if boxes else None))
    return sorted(asked, key=lambda each: each.boxes is None)


def _layout(asked: Sequence[_Input], padded_to: int | None) -> Layout | None:
    """The boxes of the inputs that have some; in calls of one size, the layers for boxes see that many, too."""
    boxes = [each.boxes for each in asked if each.boxes is not None]
    if not boxes:
        return None
    padding = max(0, (padded_to or 0) - len(boxes))
    return Layout(torch.stack([*boxes, *boxes[-1:] * padding]), len(boxes))


def _settle(rows: Sequence[Row], told: torch.Tensor, untold: torch.Tensor) -> Stepped:
    """Guides every row and takes its sampler's step."""
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
    return Stepped(own, clean, finite)


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
