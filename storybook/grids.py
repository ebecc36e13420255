"""Pictures side by side, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image


def save(path: Path, rows: Sequence[torch.Tensor]) -> None:
    """Writes one row of pictures per tensor, each float [B, 3, H, W] in -1..1."""
    lines = [np.concatenate([_pixels(picture) for picture in row], axis=1) for row in rows]
    Image.fromarray(np.concatenate(lines, axis=0)).save(path)


def _pixels(picture: torch.Tensor) -> np.ndarray:
    return ((picture.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()


def laid_out(rows: Sequence[Sequence[NDArray[np.uint8]]]) -> Image.Image:
    """A sheet of pictures of one size, uint8 [H, W, 3], with white between them."""
    margins = ((3, 3), (3, 3), (0, 0))
    lines = [np.concatenate([np.pad(cell, margins, constant_values=255) for cell in row], axis=1) for row in rows]
    return Image.fromarray(np.concatenate(lines, axis=0))
