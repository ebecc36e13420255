"""Looks at a model's files before anything is made of them: a damaged or hostile one is refused with its name and what
is wrong with it. Pure reading; nothing is unpickled, and no tensor is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from studio.errors import PackError
from studio.models.weights.files import weights_in
from studio.models.weights.folder import read_json

LARGEST_JSON = 5_000_000  # bytes of a configuration, or of an index of shards
LONGEST_LIST = 64  # of a configuration
LARGEST_NUMBER = 1_000_000  # likewise; no width, no number of tokens comes near it
MOST_LAYERS = 64  # of a kind, in a block
NAMED = 3  # tensors in a message; the others are counted
HARMLESS = ("position_ids",)  # kept by older versions of transformers, and recomputed by newer ones
PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # how torch's own files begin


def place_of(path: Path) -> str:
    """A file of a pack, as a message names it: without the server's folders."""
    return f"{path.parent.name}/{path.name}"


def check_folder(folder: Path) -> None:
    """Configuration and weights of the model in ``folder``. Raises `PackError`."""
    check_config(folder / "config.json")
    for file in _files(folder):
        check_tensors(file)


def check_config(path: Path) -> None:
    """Refuses configurations that would build a model of absurd size."""
    if path.is_file() and path.stat().st_size > LARGEST_JSON:
        raise PackError("The pack's {file} is too large for a configuration.", file=place_of(path))
    for name, value in read_json(path).items():
        _check_value(path, name, value)


def _check_value(path: Path, name: str, value: Any) -> None:
    most = MOST_LAYERS if "layers" in name or name.startswith("num_hidden") else LARGEST_NUMBER
    if isinstance(value, (list, tuple)):
        if len(value) > LONGEST_LIST:
            raise PackError(
                "The pack's {file} has a {name} of {count} values, which cannot be right.",
                file=place_of(path),
                name=name,
                count=len(value),
            )
        for each in value:
            _check_value(path, name, each)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and not -most <= value <= most:
        raise PackError("The pack's {file} has a {name} that cannot be right.", file=place_of(path), name=name)


def _files(folder: Path) -> list[Path]:
    """The files with the weights of the model in ``folder``. Raises `PackError` where one is missing."""
    found = weights_in(folder)
    indices = sorted(file for file in folder.glob("*.safetensors.index.json") if not file.name.startswith("."))
    if not found:
        pickles = [path for path in folder.glob("*") if path.suffix in (".bin", ".pt", ".ckpt", ".pth")]
        if pickles:
            raise PackError(
                "{file} is a pickle, which can run any code that its author liked; it is not opened. Convert it "
                "to safetensors, or get it in that form.",
                file=place_of(pickles[0]),
            )
        raise PackError(
            "The pack has no weights in {folder}; a .safetensors file was expected there.", folder=folder.name
        )
    for index in indices:
        weight_map = read_json(index).get("weight_map")
        if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
            raise PackError("The pack's {file} names no files.", file=place_of(index))
        for name in sorted(set(weight_map.values())):
            if Path(name).name != name or not (folder / name).is_file():
                raise PackError(
                    "The pack's {file} names {name}, which is not there.", file=place_of(index), name=repr(name[:60])
                )
    return found


def check_tensors(file: Path) -> None:
    """That ``file`` is a whole safetensors file. Raises `PackError`."""
    try:
        with safe_open(file, framework="numpy") as tensors:
            count = len(tensors.keys())
    except (SafetensorError, OSError, ValueError) as error:
        if _is_pickle(file):
            raise PackError(
                "{file} is a pickle, which can run any code that its author liked; it is not opened. Convert it "
                "to safetensors, or get it in that form.",
                file=place_of(file),
            ) from None
        raise PackError(
            "{file} is no whole safetensors file: {error}", file=place_of(file), error=first_line(error)
        ) from None
    if not count:
        raise PackError("{file} holds no tensors.", file=place_of(file))


def _is_pickle(file: Path) -> bool:
    """Whether a file that is no safetensors file begins like one of torch's own. A good one may: its first bytes are
    a length."""
    try:
        with file.open("rb") as stream:
            return stream.read(8).startswith(PICKLES)
    except OSError:
        return False


def check_keys(folder: Path, missing: Iterable[str], unexpected: Iterable[str]) -> None:
    """What a model lacked when it was loaded, and what it could not place. Raises `PackError`."""
    lacking = sorted(missing)
    extra = sorted(name for name in unexpected if not name.endswith(HARMLESS))
    if lacking:
        raise PackError("The weights in {folder} lack {names}.", folder=folder.name, names=_named(lacking))
    if extra:
        raise PackError(
            "The weights in {folder} hold {names}, which their configuration has no place for.",
            folder=folder.name,
            names=_named(extra),
        )


def _named(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def first_line(error: Exception) -> str:
    """What is worth telling of ``error``."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]


def refusal_of(folder: Path, error: Exception) -> PackError:
    """What is said where a library could not make a model of the files in ``folder``."""
    if isinstance(error, json.JSONDecodeError):
        return PackError("The pack's {file} is not JSON.", file=f"{folder.name}/config.json")
    reason = first_line(error).replace(f"{folder.parent}/", "")  # no path of the server's
    return PackError("The model in {folder} cannot be loaded: {error}", folder=folder.name, error=reason)
