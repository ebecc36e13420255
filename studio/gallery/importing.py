"""Pictures on their way in: a ZIP that a studio has written, any other ZIP, or a folder, of pictures with recipes.

Nothing is unpacked to where it says it belongs: of an archive only entries are read whose names end like a picture's,
one at a time and within limits, and each is written anew under a name of ours.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import struct
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

import numpy as np
import PIL.Image

from studio.errors import BadPicture, LedgerError, NoRecipe, StudioError
from studio.gallery.containers import JSON_KEY, recipe_of, texts_in
from studio.gallery.exports.archive import FRAMES, RECIPES, SOURCES
from studio.gallery.foreign import read_picture
from studio.gallery.ledger import Ledger
from studio.gallery.marks import readable_marks
from studio.gallery.pictures import Entry, Picture
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store
from studio.images.opening import LARGEST_FILE, check_size, open_picture
from studio.images.pixels import Image, Mask, Pixels
from studio.models.catalogue import PackInfo
from studio.requests.limits import DIGEST

logger = logging.getLogger(__name__)

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
MOST_ENTRIES = 50_000
MOST_FRAMES, LARGEST_FRAME = 400, 4 * 2**20
LARGEST_TRAJECTORY = 64 * 2**20  # bytes of a picture's frames
LARGEST_RECIPES = 32 * 2**20  # bytes of `RECIPES`
LARGEST_DIRECTORY, LONGEST_ENDING = 16 * 2**20, 2**16 + 22  # bytes of a ZIP's list of files, and of its end
MOST_REFUSED = 20  # that are told by name


@dataclass
class Report:
    """What came of an import: pictures that are new, that were there, and that could not be taken."""

    added: int = 0
    known: int = 0
    failed: int = 0
    refused: list[str] = field(default_factory=list)

    def refuse(self, name: str, error: StudioError) -> None:
        self.failed += 1
        if len(self.refused) < MOST_REFUSED:
            self.refused.append(f"{name[-80:]}: {error}")


class Collection(Protocol):
    """Files by their names, which are never used as paths."""

    def names(self) -> Sequence[str]: ...

    def read(self, name: str, most: int = LARGEST_FILE) -> bytes:
        """Raises `BadPicture` for what is larger, or cannot be read."""


class Importer:
    """Takes in a collection for ``owner``, in a studio with ``packs``."""

    def __init__(self, store: Store, ledger: Ledger, owner: str, packs: Sequence[PackInfo]) -> None:
        self._store, self._ledger, self._owner, self._packs = store, ledger, owner, packs

    def take(self, files: Collection) -> Iterator[Report]:
        """Yields what has come of it so far after each picture; stopping in between keeps what is in."""
        report, told = Report(), _lines(files)
        names = files.names()
        known = set(names)
        pictures = [name for name in names if _is_picture(name) and not name.startswith((SOURCES, FRAMES))]
        frames = _frames_by_picture(names)
        for name in pictures:
            try:
                self._take_one(files, name, told.get(name, {}), known, frames.get(name, ()), report)
            except LedgerError:  # the disk is full, which no further picture will change
                raise
            except StudioError as error:
                report.refuse(PurePosixPath(name).name, error)
            except Exception as error:  # one picture must not keep the others out
                logger.exception("a picture could not be imported")
                reason = BadPicture("The file cannot be read as a picture ({kind}).", kind=type(error).__name__)
                report.refuse(PurePosixPath(name).name, reason)
            yield report
        if not pictures:
            yield report

    def _take_one(
        self, files: Collection, name: str, told: Mapping[str, Any], known: set[str], frames: Sequence[str],
        report: Report,
    ) -> None:  # fmt: skip
        content = files.read(name)
        recipe = self._recipe(content, name)
        pixels = _pixels(content)
        self._store.check_room(len(content))
        same = self._ledger.pictures.same(self._owner, pixels.digest, recipe.request)
        if same is not None:
            self._bring_back(same, pixels, recipe, report)
            return
        for digest in recipe.request.named.values():
            self._keep_source(files, f"{SOURCES}{digest}.png", digest, known)
        path = self._store.add(pixels, recipe)
        if kept := _frames(files, frames):
            self._store.check_room(sum(map(len, kept)))
            self._store.add_trajectory(path, kept)
        made, seconds = _number(told.get("made")), _number(told.get("seconds"))
        entry = Entry(path, recipe, pixels.digest, "", self._owner, made, seconds, readable_marks(told))
        self._ledger.pictures.add(entry)
        report.added += 1

    def _bring_back(self, same: Picture, pixels: Pixels, recipe: Recipe, report: Report) -> None:
        """A picture that is here already is known; one that is in the bin, or whose file was lost, is there again."""
        if not (same.is_deleted or same.is_missing):
            report.known += 1
            return
        if same.is_missing:
            self._store.put_back(same.id, pixels, recipe)
        self._ledger.pictures.is_back(self._owner, same.id)
        report.added += 1

    def _recipe(self, content: bytes, name: str) -> Recipe:
        """Our own, exactly; another program's, or what is beside one of ours that cannot be read, as near as it can be
        said here, and from where it is."""
        shown = PurePosixPath(name).name
        texts = texts_in(content, shown)
        with contextlib.suppress(NoRecipe):
            if JSON_KEY in texts:
                return recipe_of(texts, shown)
        return Recipe(read_picture(content, self._packs, shown).request)

    def _keep_source(self, files: Collection, name: str, digest: str, known: set[str]) -> None:
        """What a picture was made from, if it is in the collection and is what it says it is."""
        if name not in known or not DIGEST.fullmatch(digest):
            return
        try:
            with PIL.Image.open(io.BytesIO(files.read(name)), formats=("PNG",)) as stored:
                check_size(*stored.size)
                array = np.asarray(stored if stored.mode in ("L", "RGB") else stored.convert("RGB"))
        except (BadPicture, OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
            return
        image: Image = Mask.of(array) if array.ndim == 2 else Pixels.of(array)
        if image.digest == digest:
            self._store.keep(image)


def _is_picture(name: str) -> bool:
    """By its name; the small "._" files that macOS puts beside others are none, whatever they end in."""
    return name.lower().endswith(ENDINGS) and not PurePosixPath(name).name.startswith("._")


class Archive:
    """The entries of a ZIP. Raises `BadPicture` for what is none, or has too many."""

    def __init__(self, file: BinaryIO) -> None:
        _check_directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeDecodeError) as error:
            raise BadPicture("The file cannot be read as a ZIP ({kind}).", kind=type(error).__name__) from None

    def names(self) -> Sequence[str]:
        return [info.filename for info in self._zip.infolist() if not info.is_dir()]

    def read(self, name: str, most: int = LARGEST_FILE) -> bytes:
        try:
            with self._zip.open(name) as entry:
                content = entry.read(most + 1)  # whatever the entry says of its own size
        except Exception as error:  # zipfile and zlib raise a dozen kinds for damaged entries
            raise BadPicture("The file cannot be read from the ZIP ({kind}).", kind=type(error).__name__) from None
        if len(content) > most:
            raise BadPicture("The file is larger than {most} MB.", most=most // 2**20)
        return content


def _check_directory(file: BinaryIO) -> None:
    """Raises `BadPicture` for a ZIP with too many files, before its directory is read: where it ends is told how many
    there are, and how long their list is (PKWARE's APPNOTE, 4.3.16)."""
    length = file.seek(0, io.SEEK_END)
    file.seek(max(0, length - LONGEST_ENDING))
    ending = file.read(LONGEST_ENDING)
    file.seek(0)
    at = ending.rfind(b"PK\5\6")
    if at < 0 or len(ending) < at + 16:
        return  # zipfile says what is wrong
    entries, size = struct.unpack("<HI", ending[at + 10 : at + 16])
    if entries > MOST_ENTRIES or size > LARGEST_DIRECTORY:
        raise BadPicture("The ZIP has more than {most} files; please import it in parts.", most=MOST_ENTRIES)


class Folder:
    """The files in a folder and those below; links are not followed. For whoever has the machine, not for visitors."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> Sequence[str]:
        files = (file for file in self._path.rglob("*") if file.is_file() and not file.is_symlink())
        return sorted(file.relative_to(self._path).as_posix() for file in files)

    def read(self, name: str, most: int = LARGEST_FILE) -> bytes:
        try:
            with (self._path / name).open("rb") as file:
                content = file.read(most + 1)
        except OSError as error:
            raise BadPicture("The file cannot be read ({reason}).", reason=str(error.strerror)) from None
        if len(content) > most:
            raise BadPicture("The file is larger than {most} MB.", most=most // 2**20)
        return content


def _lines(files: Collection) -> dict[str, Mapping[str, Any]]:
    """What `RECIPES` says of each file; what of it cannot be read says nothing."""
    try:
        text = files.read(RECIPES, LARGEST_RECIPES).decode("utf-8", "replace")
    except BadPicture:
        return {}
    found: dict[str, Mapping[str, Any]] = {}
    known = set(files.names())
    for line in text.splitlines():
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(told, dict) and isinstance(told.get("file"), str) and told["file"] in known:
            found[told["file"]] = told
    return found


def _frames_by_picture(names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(each for each in names if each.startswith(FRAMES)):
        found.setdefault(name.removeprefix(FRAMES).rpartition("/")[0], []).append(name)
    return {picture: frames[:MOST_FRAMES] for picture, frames in found.items()}


def _frames(files: Collection, names: Sequence[str]) -> list[bytes]:
    """The frames of one picture; none where they are more than any picture has."""
    kept: list[bytes] = []
    for name in names:
        frame = _frame(files, name)
        kept += [] if frame is None else [frame]
        if sum(map(len, kept)) > LARGEST_TRAJECTORY:
            return []
    return kept


def _frame(files: Collection, name: str) -> bytes | None:
    try:
        content = files.read(name, LARGEST_FRAME)
        with PIL.Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            image.verify()
    except (BadPicture, OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
        return None
    return content


def _pixels(content: bytes) -> Pixels:
    try:
        return open_picture(content)
    except BadPicture as error:
        raise NoRecipe(error.message) from None


def _number(value: object) -> float | None:
    """A time between 1970 and a day from now, or a length of time; None for anything else."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= time.time() + 86_400:  # type: ignore
        return None
    return float(value)  # type: ignore[arg-type]
