"""Finds models: asks each family whether a folder or a file is one of its own.

Imports no torch; what loads a model is found here by its family's name, and imported when it is needed.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from studio.errors import PackError
from studio.models import families
from studio.models.catalogue import EMBEDDINGS, LORAS, PACKS, VAE, PackInfo, PackState
from studio.models.weights.files import entries_of, is_weights
from studio.models.weights.folder import Folder

if TYPE_CHECKING:
    import torch

    from studio.models.model import Pack

UNSAFE = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
HUB_ID = re.compile(r"(?P<id>[\w.-]{1,96}/(?P<name>[\w.-]{1,96}))@(?P<commit>[0-9a-f]{40})", re.ASCII)
UNKNOWN_FILE = PackInfo("", "", "", size=512)  # what is wrong with it is said when it is loaded


class Family(Protocol):
    """What a folder in `studio.models.families` offers. Its ``loading`` has a `Load`."""

    def detect(self, folder: Folder) -> PackInfo | None:
        """What the page needs to know of the checkpoint in ``folder``; None where it is of another family. Raises
        `PackError` for one of its own that is damaged."""

    def detect_file(self, file: Path) -> PackInfo | None:
        """Likewise, of a single file of weights."""


class Load(Protocol):
    """What a family's ``loading`` module has: ``load`` makes the model of the folder or file ``source``, and ``report``
    hears which share of it is done, 0..1. Raises `PackError`."""

    def load(
        self, info: PackInfo, source: Path, device: torch.device, dtype: torch.dtype, report: Callable[[float], None]
    ) -> Pack: ...


@cache
def known_families() -> Mapping[str, Family]:
    """Every family by its name, those that take what no other does last."""
    names = [module.name for module in pkgutil.iter_modules(families.__path__) if module.ispkg]
    found = {name: cast(Family, importlib.import_module(f"{families.__name__}.{name}")) for name in names}
    return MappingProxyType(dict(sorted(found.items(), key=lambda each: getattr(each[1], "IS_GENERAL", False))))


def loader(family: str) -> Load:
    """What loads the models of ``family``."""
    return cast(Load, importlib.import_module(f"{families.__name__}.{family}.loading"))


def describe(path: Path) -> PackInfo:
    """The model in the diffusers folder ``path``. Raises `PackError` where no family knows it, or it is damaged."""
    folder = Folder(path)
    for family in known_families().values():
        if (info := family.detect(folder)) is not None:
            return info
    folder.config("unet")  # which says what is missing, if that is all
    raise PackError("{name} is of no family that is known here.", name=path.name)


def describe_file(path: Path) -> PackInfo:
    """The model in the single file ``path``; `UNKNOWN_FILE` where no family knows it."""
    for family in known_families().values():
        detect = getattr(family, "detect_file", None)
        if detect is not None and (info := detect(path)) is not None:
            return cast(PackInfo, info)
    return UNKNOWN_FILE


def find_pack(name: str) -> PackInfo:
    """The pack called ``name``, or described by the folder or file at that path, or a repository on the Hub, pinned to
    a commit: its size and capabilities are known once it is there. Raises `PackError`."""
    if name in PACKS:
        pack = PACKS[name]
        folder = Path(pack.source)
        if not folder.is_dir():
            return pack
        described = describe(folder)
        return replace(
            pack, size=described.size, capabilities=described.capabilities, cascades=described.cascades,
            family=described.family, few_steps=described.few_steps, multiple=described.multiple,
            process=described.process,
        )  # fmt: skip
    path = Path(name).expanduser()
    try:
        path.is_dir()
    except OSError as error:
        raise PackError(
            "There is no pack called {pack} ({reason}).", pack=repr(name[:60]), reason=str(error.strerror)
        ) from None
    if path.is_dir():
        return describe(path.resolve())
    if path.suffix in UNSAFE and path.is_file():
        raise PackError(
            "{file} is a pickle, which can run any code that its author liked; it is not opened. Convert it "
            "to safetensors, or get it in that form.",
            file=path.name,
        )
    if is_weights(path) and path.is_file():
        return replace(describe_file(path), name=path.stem, title=path.stem, source=str(path.resolve()))
    if match := HUB_ID.fullmatch(name):
        return PackInfo(match["name"], match["name"], match["id"], size=512, revision=match["commit"])
    raise PackError(
        "There is no pack {name}. Give one of {names}, a diffusers folder, a .safetensors file, or a "
        "repository on the Hub with its commit, owner/name@0123abcd...",
        name=repr(name),
        names=", ".join(PACKS),
    )


def packs_in(folder: Path) -> list[PackState]:
    """The packs in ``folder``, in the order of their names: diffusers folders and single files. One that cannot be used
    is there too, and says why."""
    found, entries = [], entries_of(folder)
    configured = {path.with_suffix("") for path in entries if is_weights(path)}
    for path in entries:
        if path.name.startswith(".") or not (path.is_dir() or is_weights(path) or path.suffix in UNSAFE):
            continue
        if path.name in (LORAS, EMBEDDINGS) or path.name.endswith(VAE):
            continue
        if path.is_dir() and path in configured:
            continue  # the configuration of the file beside it
        try:
            found.append(PackState(find_pack(str(path))))
        except PackError as error:
            found.append(PackState(PackInfo(path.name, path.name, str(path), 512), "failed", problem=error.message))
    return found
