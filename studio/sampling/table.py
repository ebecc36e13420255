"""What a sampler does, as numbers: one linear map a model call, and how many rows take theirs at once.

One model call of a traced sampler (`studio.sampling.trace`) is

    [latent', memory'] = M_i [latent, memory, output, noise]

with everything that the scheduler object remembers kept as ``memory`` (at most a handful of latents), which makes
every sampler, of any order, advance by the same batched multiply.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class SamplerTable:
    """A sampler for one number of steps; ``calls`` model calls, ``memory`` remembered latents.

    timesteps:    [calls] float32, what the model is called with
    input_scale:  [calls] float32, s: the model sees s * latent
    weights:      [calls, 1 + memory, 1 + memory + 2] float32, M above: latent first, then memory, output, noise
    draws:        whether each call draws noise, in the order in which the real scheduler draws it
    signal,
    noise:        [calls] float32, A and B: the sampler's own latent of a clean latent z0 and noise n is A z0 + B n;
                  (s A)^2 + (s B)^2 = 1
    initial_scale: what unit noise is multiplied by to begin from nothing
    """

    timesteps: torch.Tensor
    input_scale: torch.Tensor
    weights: torch.Tensor
    draws: tuple[bool, ...]
    signal: torch.Tensor
    noise: torch.Tensor
    initial_scale: float

    @property
    def calls(self) -> int:
        return len(self.draws)

    @property
    def memory(self) -> int:
        return self.weights.shape[1] - 1


def advance(weights: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """One call of every row at once, whatever their samplers.

    weights [B, 1 + m, 1 + m + 2], vectors [B, 1 + m + 2, C, H, W] -> latent and memory, [B, 1 + m, C, H, W].
    """
    return torch.einsum("boi,bichw->bochw", weights, vectors)


def widen(weights: torch.Tensor, memory: int) -> torch.Tensor:
    """One call's weights [1 + m, 1 + m + 2] for a batch whose rows remember ``memory`` >= m latents, zeros between."""
    own = weights.shape[0] - 1
    wide = weights.new_zeros(1 + memory, 1 + memory + 2)
    wide[: 1 + own, : 1 + own] = weights[:, : 1 + own]
    wide[: 1 + own, -2:] = weights[:, -2:]
    return wide
