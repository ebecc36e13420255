"""A ZIP in the layout of a Hugging Face "imagefolder" dataset: ``train/*.png``, ``train/metadata.jsonl`` and a card.

``datasets.load_dataset("imagefolder", data_dir=...)`` reads the unpacked folder, and the Hub shows it as it is.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from typing import BinaryIO

from studio.errors import InvalidRequest
from studio.gallery.columns import columns
from studio.gallery.exports import Names, Options, readable
from studio.gallery.pictures import Picture
from studio.gallery.store import Store

ENDING, MEDIA_TYPE = "zip", "application/zip"
CARD = """---
pretty_name: Pictures from Latent Studio
tags: [image, text-to-image, synthetic]
size_categories: [{size}]
---

# Pictures from Latent Studio

{count} pictures drawn by latent diffusion models, each with what it was made from.

| column | means |
|---|---|
| `image` | the picture; the PNG carries its whole recipe |
| `text` | the prompt |
| `negative`, `seed`, `steps`, `sampler`, `guidance` | how it was drawn |
| `task` | what was asked for: text-to-image, inpaint ... |
| `model`, `model_hash`, `revision` | what drew it |
| {marks} | what a person said of it |

    from datasets import load_dataset
    pictures = load_dataset("imagefolder", data_dir="this folder")["train"]
"""
SIZES = ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


def write(pictures: Iterable[Picture], store: Store, file: BinaryIO, options: Options) -> None:
    if not options.recipes:
        raise InvalidRequest("recipes", False, "true for a dataset, which is made of them")
    names, lines = Names(options), []
    exported = {name: column for name, column in columns().items() if column.in_datasets}
    with zipfile.ZipFile(file, "w") as archive:
        for picture, recipe in readable(pictures, store):
            name, request = names.new(picture, "png"), recipe.request
            archive.writestr(f"train/{name}", store.read(picture.id))
            line = {
                "file_name": name, "text": request.caption, "negative": getattr(request, "negative", ""),
                "seed": str(request.seed), "steps": request.steps, "sampler": request.sampler,
                "guidance": float(getattr(request, "guidance", 1.0)), "task": request.TASK, "model": request.pack,
                "model_hash": recipe.model_hash, "revision": recipe.revision,
                **{name: column.kind.plain(picture.marks[name]) for name, column in exported.items()},
            }  # fmt: skip
            lines.append(json.dumps(line, ensure_ascii=False))
        size = next((name for most, name in SIZES if len(lines) < most), "n>100K")
        archive.writestr("train/metadata.jsonl", "".join(f"{line}\n" for line in lines))
        archive.writestr(
            "README.md", CARD.format(count=len(lines), size=size, marks=", ".join(f"`{name}`" for name in exported))
        )
