"""Files of weights in folders."""

from __future__ import annotations

from pathlib import Path

SAFETENSORS = ".safetensors"


def weights_in(folder: Path, below: bool = False) -> list[Path]:
    """The safetensors files in ``folder``, and in those ``below`` it, by name; nothing where it is not to be read. What
    begins with a dot is no weights: macOS puts a small "._" file beside each file on other systems' disks."""
    files = folder.rglob("*") if below else entries_of(folder)
    found = [file for file in files if is_weights(file) and not _is_hidden(file.relative_to(folder))]
    return sorted(file for file in found if file.is_file())


def is_weights(file: Path) -> bool:
    """By its ending, in letters of either case."""
    return file.suffix.lower() == SAFETENSORS


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def entries_of(folder: Path) -> list[Path]:
    """What lies in ``folder``, by name; nothing where it is not there or not to be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
