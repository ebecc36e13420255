"""What names weights: the first ten hexadecimal digits of SHA-256 over their files, as other programs show it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path


def hash_of_folder(folder: Path) -> str:
    """Of a diffusers folder: its denoiser's, as recipes name it."""
    files = sorted((folder / "unet").glob("*.safetensors"))
    return hash_of_files([file for file in files if ".fp16" not in file.name] or files)


def hash_of_files(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()[:10]
