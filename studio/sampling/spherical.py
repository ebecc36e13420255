"""Ways between two vectors."""

from __future__ import annotations

import torch

PARALLEL = 1e-4  # an angle in radians below which the path is straight


def slerp(one: torch.Tensor, other: torch.Tensor, share: float) -> torch.Tensor:
    """The vector at ``share``, 0..1, from ``one`` to ``other`` along a great circle (Shoemake 1985), which
    keeps the length of random noise; tensors of any one shape are taken as vectors."""
    cosine = torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0)
    angle = torch.arccos(cosine.clamp(-1, 1))
    if angle < PARALLEL:
        return torch.lerp(one, other, share)
    return (torch.sin((1 - share) * angle) * one + torch.sin(share * angle) * other) / torch.sin(angle)
