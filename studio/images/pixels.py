"""Pictures and masks as plain values that can cross a process border, named by what they hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pixels:
    """A picture as bytes: RGB, 8 bits a channel, row by row."""

    width: int
    height: int
    rgb: bytes

    @classmethod
    def of(cls, array: NDArray[np.uint8]) -> Pixels:
        """From uint8 [H, W, 3]."""
        height, width, _ = array.shape
        return cls(width, height, array.tobytes())

    @property
    def array(self) -> NDArray[np.uint8]:
        """uint8 [H, W, 3], not to be written to."""
        return np.frombuffer(self.rgb, np.uint8).reshape(self.height, self.width, 3)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over size and content, in hexadecimal."""
        return hashlib.sha256(b"RGB %d %d " % (self.width, self.height) + self.rgb).hexdigest()


@dataclass(frozen=True)
class Mask:
    """What to repaint of a picture: 8 bits a pixel, row by row; 255 = repaint, 0 = keep, and nothing else."""

    width: int
    height: int
    levels: bytes

    @classmethod
    def of(cls, array: NDArray[np.uint8]) -> Mask:
        """From uint8 [H, W]; levels above the middle count as repaint."""
        height, width = array.shape
        return cls(width, height, np.where(array > 127, np.uint8(255), np.uint8(0)).tobytes())

    @property
    def array(self) -> NDArray[np.uint8]:
        """uint8 [H, W], not to be written to."""
        return np.frombuffer(self.levels, np.uint8).reshape(self.height, self.width)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over size and content, in hexadecimal."""
        return hashlib.sha256(b"L %d %d " % (self.width, self.height) + self.levels).hexdigest()


Image: TypeAlias = Pixels | Mask
