"""The LoRAs that can be asked for: those in one folder, by the names that a prompt can say. Imports no torch."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path

from studio.errors import InvalidRequest
from studio.models.catalogue import LORAS
from studio.models.weights.files import weights_in
from studio.prompts import read_prompt


def lora_names(models: Path) -> list[str]:
    """What a prompt may name of the LoRAs in the folder ``models``."""
    return [name for name in loras_in(models / LORAS) if _can_be_said(name)]


def loras_in(folder: Path) -> dict[str, Path]:
    """The LoRAs in ``folder`` and in those below it, each by the shortest name that is found, and can be said in a
    prompt: its file's, that with its folders, or that with its ending, too."""
    names = {file: _names_of(folder, file) for file in weights_in(folder, below=True)}
    whole = Counter(name for each in names.values() for name in each)
    at_top = Counter(name for file, each in names.items() if file.parent == folder for name in each)
    found = {}
    for file, each in names.items():
        files = at_top if file.parent == folder else whole
        found[next((name for name in each if files[name] == 1 and _can_be_said(name)), each[-1])] = file
    return found


def _can_be_said(name: str) -> bool:
    return [lora.name for lora in read_prompt(f"<lora:{name}:1>").loras] == [name.strip()]


def find_lora(folder: Path, name: str) -> Path:
    """The one called ``name``, with or without its folders and its ending; letters count as equal that are composed in
    another way, as macOS does. Raises `InvalidRequest` where there is none, or several."""
    known = loras_in(folder)
    for alike in (str, _composed):
        found = [file for file in known.values() if alike(name) in map(alike, _names_of(folder, file))]
        at_top = [file for file in found if file.parent == folder]
        for files in (found, at_top):
            if len(files) == 1:
                return files[0]
        if found:
            shown = ", ".join(each for each, file in known.items() if file in found)
            raise InvalidRequest("lora", name, "one of: {names}", names=shown)
    raise InvalidRequest(
        "lora", name, "a file in the folder for LoRAs, which holds: {names}", names=", ".join(sorted(known)) or "none"
    )


def _names_of(folder: Path, file: Path) -> tuple[str, ...]:
    """What ``file`` may be called by, each name once, the shortest first."""
    inside = file.relative_to(folder)
    return tuple(dict.fromkeys((file.stem, inside.with_suffix("").as_posix(), file.name, inside.as_posix())))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().replace("\\", "/")
