"""What names weights: SHA-256 over their files. The denoiser's alone, cut to ten digits, is what others show."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path


def hash_of_folder(folder: Path) -> str:
    """Of a diffusers folder: its denoiser's, as recipes name it."""
    files = sorted((folder / "unet").glob("*.safetensors"))
    return hash_of_files([file for file in files if ".fp16" not in file.name] or files)


def revision_of(source: Path) -> str:
    """Of every weight of a pack, a file or a folder, whatever it is for: sixteen hexadecimal digits of SHA-256 over the
    files' places and hashes."""
    files = [source] if source.is_file() else sorted(source.rglob("*.safetensors"))
    told = [f"{file.relative_to(source.parent if source.is_file() else source)} {_digest(file)}" for file in files]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def hash_of_files(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        _read_into(digest, file)
    return digest.hexdigest()[:10]


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    _read_into(digest, file)
    return digest.hexdigest()


def _read_into(digest: hashlib._Hash, file: Path) -> None:
    with file.open("rb") as stream:
        while block := stream.read(1 << 22):
            digest.update(block)
