"""What names weights: SHA-256 over their files. The denoiser's alone, cut to ten digits, is what others show."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from studio.models.weights.files import weights_in

DENOISERS = ("unet", "transformer")  # where diffusers' folders have them


def hash_of_folder(folder: Path) -> str:
    """Of a diffusers folder: its denoiser's, as recipes name it."""
    denoiser = next((folder / name for name in DENOISERS if (folder / name).is_dir()), folder)
    files = weights_in(denoiser)
    return hash_of_files([file for file in files if ".fp16" not in file.name] or files)


def revision_of(source: Path, beside: Sequence[Path] = ()) -> str:
    """Of every weight of a pack, whatever it is for, in its file or folder ``source`` and in those ``beside`` that
    stand in for a part of it: sixteen hexadecimal digits of SHA-256 over the weights' places and hashes."""
    inside = [source] if source.is_file() else weights_in(source, below=True)
    places = {file: str(file.relative_to(source)) for file in inside} | dict.fromkeys(beside, "beside")
    listing = "\n".join(f"{place} {_digest(file)}" for file, place in places.items())
    return hashlib.sha256(listing.encode()).hexdigest()[:16]


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
