"""A checkpoint's folder in diffusers' layout, as far as it can be known without loading anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.errors import PackError

MOST_LATENTS = 512  # a side, of a network's own size
MOST_LEVELS = 8  # of an autoencoder


@dataclass(frozen=True)
class Folder:
    """``path`` with one folder a model, each with a ``config.json``."""

    path: Path

    def has(self, name: str) -> bool:
        """Whether the file or folder ``name`` is in it."""
        return (self.path / name).exists()

    def config(self, model: str) -> dict[str, Any]:
        """Of the model in its folder ``model``. Raises `PackError` where it is missing or broken."""
        return read_json(self.path / model / "config.json")

    @property
    def scheduler(self) -> dict[str, Any]:
        """The configuration of its scheduler; empty where there is none."""
        path = self.path / "scheduler" / "scheduler_config.json"
        return read_json(path) if path.is_file() else {}

    def sample_size(self, model: str) -> int:
        """The side in latents that ``model`` was trained at. Raises `PackError` for what cannot be one."""
        side = self.config(model).get("sample_size", 64)
        side = side[0] if isinstance(side, list) and side else side
        if not isinstance(side, int) or isinstance(side, bool) or not 1 <= side <= MOST_LATENTS:
            raise PackError(
                "The pack's {model}/config.json has a sample_size of {size}; a whole number was expected.",
                model=model,
                size=repr(str(side)[:40]),
            )
        return side

    def factor(self, autoencoder: str) -> int:
        """Pixels a latent, by the levels of ``autoencoder``. Raises `PackError` for what cannot be one."""
        levels = self.config(autoencoder).get("block_out_channels")
        if not isinstance(levels, list) or not 1 <= len(levels) <= MOST_LEVELS:
            raise PackError(
                "The pack's {autoencoder}/config.json has no block_out_channels that can be right.",
                autoencoder=autoencoder,
            )
        return int(2 ** (len(levels) - 1))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a pack's folder. Raises `PackError` where it is missing or broken."""
    file = f"{path.parent.name}/{path.name}"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PackError("The pack has no {file}; a diffusers folder was expected.", file=file) from None
    except (OSError, ValueError) as error:
        raise PackError("The pack's {file} cannot be read: {error}", file=file, error=str(error)) from None
    except RecursionError:
        raise PackError(
            "The pack's {file} cannot be read: {error}", file=file, error="it is nested too deeply"
        ) from None
    if not isinstance(values, dict):
        raise PackError("The pack's {file} is not a JSON object.", file=file)
    return values
