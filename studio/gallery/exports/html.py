"""A gallery in one file that opens offline in any browser: every picture in it, with its recipe, and nothing that it
could fetch or run but its own few lines of script (a content policy says so)."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import PIL.Image

from studio.gallery.exports import Options, pixels_of, readable
from studio.gallery.parameters import to_parameters
from studio.gallery.pictures import Picture
from studio.gallery.store import Store

ENDING, MEDIA_TYPE = "html", "text/html"
LARGEST_SIDE = 1024  # pixels of a picture in it
PAGE = Path(__file__).with_name("page")


def write(pictures: Iterable[Picture], store: Store, file: BinaryIO, options: Options) -> None:
    style, script = (PAGE / "gallery.css").read_text(), (PAGE / "gallery.js").read_text()
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head, tail = (PAGE / "gallery.html").read_text().split("{figures}")
    head = head.replace("{policy}", policy).replace("{style}", style)
    head = head.replace("{made}", time.strftime("%Y-%m-%d"))
    file.write(head.encode())
    for picture, recipe in readable(pictures, store):
        parameters = to_parameters(recipe) if options.recipes else ""
        file.write(_figure(picture, parameters, _data(picture, store, options.quality)).encode())
    file.write(tail.replace("{script}", script).encode())


def _figure(picture: Picture, parameters: str, data: str) -> str:
    caption = html.escape(picture.text) if parameters else ""
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(picture.made))
    symbols = f"{picture.marks.symbols} " if picture.marks.symbols else ""
    return (
        f'<figure tabindex="0"><img src="{data}" alt="{caption}" loading="lazy">'
        f"<figcaption>{symbols}{caption}</figcaption><pre>{html.escape(parameters)}</pre><time>{made}</time></figure>\n"
    )


def _data(picture: Picture, store: Store, quality: int) -> str:
    image, stream = PIL.Image.fromarray(pixels_of(picture, store).array), io.BytesIO()
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    image.save(stream, "WEBP", quality=quality)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
