"""A ZIP that another studio can take in again: pictures as they lie on the disk, what is known of each as a line of
``recipes.jsonl``, what they were made from in ``sources/``, and the frames of their trajectories in ``frames/``.
Without recipes, the pictures alone, and nothing that says what they are."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Iterable
from typing import BinaryIO

from studio.errors import MissingImage
from studio.gallery.converted import write_as
from studio.gallery.exports import Names, Options, readable
from studio.gallery.pictures import Picture
from studio.gallery.store import Store
from studio.requests import to_mapping

ENDING, MEDIA_TYPE = "zip", "application/zip"
EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a ZIP can tell
RECIPES, SOURCES, FRAMES = "recipes.jsonl", "sources/", "frames/"


def write(pictures: Iterable[Picture], store: Store, file: BinaryIO, options: Options) -> None:
    if not options.recipes:
        write_as("PNG", pictures, store, file, options)
        return
    names, lines, digests = Names(options), [], dict[str, None]()
    with zipfile.ZipFile(file, "w") as archive:  # PNGs are packed already
        for picture, recipe in readable(pictures, store):
            name = names.new(picture, "png")
            made = max(EARLIEST, time.localtime(picture.made)[:6])
            archive.writestr(zipfile.ZipInfo(name, made), store.read(picture.id))
            line = {
                "file": name, "request": to_mapping(recipe.request), "model_hash": recipe.model_hash,
                "revision": recipe.revision, "made": picture.made, "seconds": picture.seconds,
                **picture.marks,
            }  # fmt: skip
            lines.append(json.dumps(line, ensure_ascii=False))
            digests |= dict.fromkeys(recipe.request.named.values())
            for number, frame in enumerate(_frames(picture, store)):
                archive.writestr(f"{FRAMES}{name}/{number:04d}.jpg", frame)
        for digest in digests:
            try:
                archive.writestr(f"{SOURCES}{digest}.png", store.read_source(digest))
            except MissingImage:
                continue
        archive.writestr(RECIPES, "".join(f"{line}\n" for line in lines))


def _frames(picture: Picture, store: Store) -> list[bytes]:
    """None where they are damaged, which the picture is not."""
    try:
        return store.trajectory(f"{picture.id}.png") if store.has_trajectory(picture.id) else []
    except MissingImage:
        return []
