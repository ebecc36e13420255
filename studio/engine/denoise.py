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


def step_rows(rows: Sequence[Row]) -> Stepped:
    """Runs the current call of every row in one forward pass. All rows have the same batch key."""
    device = rows[0].denoiser.device
    output = guided_output(rows)
    noise = _noise(rows, device)
    memory = max(row.table.memory for row in rows)
    states = torch.stack([_widen_state(row.state, memory) for row in rows])
    weights = torch.stack([widen(row.table.weights[row.call], memory) for row in rows]).to(device)
    advanced = advance(weights, torch.cat([states, output[:, None], noise[:, None]], dim=1))
    clean = predicted_clean(rows[0].denoiser.prediction, states[:, 0], output, _coefficients(rows, device))
    finite = torch.isfinite(advanced).flatten(1).all(dim=1).tolist()
    own = [state[: 1 + row.table.memory].clone() for row, state in zip(rows, advanced, strict=True)]
    return Stepped(own, clean, finite)


def guided_output(rows: Sequence[Row]) -> torch.Tensor:
    """The model's output for each row after guidance, [B, C, h, w].

    Told and untold inputs of all rows go through the model together; a row at guidance 1 has only a told one.
    """
    denoiser = rows[0].denoiser
    device = denoiser.device
    guided = [index for index, row in enumerate(rows) if row.steering.untold is not None]
    scale = _column([float(row.table.input_scale[row.call]) for row in rows], device)
    timesteps = torch.tensor([float(row.table.timesteps[row.call]) for row in rows], device=device)
    inputs = scale * torch.stack([row.latent for row in rows])
    if rows[0].steering.beside is not None:
        inputs = torch.cat([inputs, torch.stack([row.steering.beside for row in rows])], dim=1)  # type: ignore[misc]
    text = [row.steering.told for row in rows] + [rows[index].steering.untold for index in guided]
    output = denoiser(
        torch.cat([inputs, inputs[guided]]),
        torch.cat([timesteps, timesteps[guided]]),
        torch.stack(text),  # type: ignore[arg-type]
    )
    told, untold = output[: len(rows)], output[len(rows) :]
    if not guided:
        return told
    strength = _column([rows[index].steering.guidance for index in guided], device)
    rescale = _column([rows[index].steering.rescale for index in guided], device)
    result = told.clone()
    result[guided] = guide(told[guided], untold, strength, rescale)
    return result


def guide(told: torch.Tensor, untold: torch.Tensor, guidance: torch.Tensor, rescale: torch.Tensor) -> torch.Tensor:
    """Classifier-free guidance (Ho and Salimans 2022, equation 6), brought back to the spread of ``told`` by the
    share ``rescale`` (Lin et al. 2024, section 3.4). Outputs [B, C, h, w]; guidance and rescale [B, 1, 1, 1]."""
    result = untold + guidance * (told - untold)
    spread = told.std(dim=(1, 2, 3), keepdim=True) / result.std(dim=(1, 2, 3), keepdim=True).clamp_min(1e-8)
    return torch.where(rescale > 0, result * (1 + rescale * (spread - 1)), result)


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
