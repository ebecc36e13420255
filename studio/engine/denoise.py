"""One model call for many rows: gather their inputs, run the U-Net once, guide each row, advance each sampler.

Functions of tensors and rows; nothing here decides who runs or writes into a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

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

    All inputs of all rows go through the model together. ``padded_to`` repeats the first input up to that many.
    """
    denoiser = rows[0].denoiser
    device = denoiser.device
    guided = [index for index, row in enumerate(rows) if row.steering.untold is not None]
    who = [*range(len(rows)), *guided]
    who += [0] * ((padded_to or 0) - len(who))
    scale = _column([float(row.table.input_scale[row.call]) for row in rows], device)
    timesteps = torch.tensor([float(row.table.timesteps[row.call]) for row in rows], device=device)
    inputs = scale * torch.stack([row.latent for row in rows])
    if rows[0].steering.beside is not None:
        inputs = torch.cat([inputs, torch.stack([row.steering.beside for row in rows])], dim=1)  # type: ignore[misc]
    text = [rows[index].steering.told for index in who]
    for place, index in enumerate(guided, start=len(rows)):
        text[place] = rows[index].steering.untold
    output = denoiser(inputs[who], timesteps[who], torch.stack(text))
    told = output[: len(rows)]
    untold = told.clone()
    untold[guided] = output[len(rows) : len(rows) + len(guided)]
    return told, untold


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
