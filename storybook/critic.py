"""What the first stage is asked for beside pixels: perceptual loss (Johnson et al. 2016).

The critic is an attribute reader with a seed of its own, so that the reader that measures has never been trained
against. It need not be as good as that one: what its layers look for settles long before its answers do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch.nn import functional as F

from storybook import reader
from storybook.run import Options

NAME, SEED = "critic", 11
STEPS = 1_600
WEIGHT = 0.25  # of its distance beside the first stage's reconstruction loss


def train(options: Options) -> None:
    """Trains or resumes the critic; the steps and minutes of ``options`` are those of another stage."""
    reader.train(_own(options), NAME, SEED)


def trained(options: Options) -> reader.Reader:
    """The averaged weights of its run, frozen."""
    return reader.trained(_own(options), NAME).requires_grad_(False)


def _own(options: Options) -> Options:
    return replace(options, steps=min(STEPS, options.preset.reader.steps), minutes=None)


def perceptual_loss(critic: reader.Reader, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Squared distance in the critic's features, summed over their channels and averaged over its sizes, pictures and
    positions. [B, 3, H, W] in -1..1 each."""
    with torch.no_grad():
        wanted = list(_levels(critic, target))
    seen = _levels(critic, output)
    distances = [(one - other).square().sum(dim=1).mean() for one, other in zip(seen, wanted, strict=True)]
    return torch.stack(distances).mean()


def _levels(critic: reader.Reader, pictures: torch.Tensor) -> Iterator[torch.Tensor]:
    """What the critic sees at each of its sizes, each position brought to unit length: [B, C, h, w] each."""
    features = pictures
    for layer in (*critic.fine, *critic.coarse):
        features = layer(features)
        yield F.normalize(features, dim=1)
