"""How pictures that people bring reach the studio, and how the editors show them: a few routes beside gradio's own.

    POST studio/sources                     a file's bytes            -> digest, size, where to see it
    POST studio/sources?picture=ID.png      a finished picture        -> likewise
    POST studio/sources/DIGEST/mask         a file's bytes            -> its mask: digest, size, and as shown
    POST studio/sources/DIGEST/extended?sides=L,T,R,B                 -> the same on a larger canvas
    GET  studio/sources/DIGEST.jpg          as the editors show it, not larger than a screen
    GET  studio/sources/DIGEST.jpg?scale=4  enlarged as any program would, to be compared with what is drawn

A mask is what is opaque and lighter than the middle (`open_mask`), of its picture's shape; whoever brings one, on the
page or over the API, brings it here. What is worked on is the file as it was uploaded; a browser never sends pixels of
it back.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any

import PIL.Image
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from studio.errors import BadPicture, MissingImage, StudioError
from studio.gallery.store import Store
from studio.images import masks
from studio.images.opening import LARGEST_FILE, check_size, is_animated, open_mask, open_picture
from studio.images.pixels import Mask, Pixels
from studio.images.resizing import mask_of_size, resized
from studio.requests.super_resolve import SCALES
from tabs.request_context import answer_of
from tabs.routes.pictures import FOR_EVER, finished_picture

SOURCES_URL, PNG_URL = "studio/sources", "data:image/png;base64,"
SHOWN_SIDE = 1536  # pixels, at most
LARGEST_SHOWN = 4096  # likewise, of a picture that is enlarged
DECODED_AT_ONCE = 2  # a large photograph takes a second and several hundred megabytes


def describe(picture: Pixels) -> dict[str, Any]:
    """What an editor needs to know of a source."""
    url = f"{SOURCES_URL}/{picture.digest}.jpg"
    return {"digest": picture.digest, "width": picture.width, "height": picture.height, "url": url}


def shown_mask(mask: Mask) -> str:
    """``mask`` as an editor shows it, a data URL: black and white, not larger than a screen."""
    scale = min(1.0, SHOWN_SIDE / max(mask.width, mask.height))
    shown = resized(mask.array, max(1, round(mask.width * scale)), max(1, round(mask.height * scale)))
    stream = io.BytesIO()
    PIL.Image.fromarray(shown).save(stream, "PNG")
    return PNG_URL + base64.b64encode(stream.getvalue()).decode()


def enlarged_url(digest: str, scale: int) -> str:
    return f"{SOURCES_URL}/{digest}.jpg?scale={scale}"


def source_routes(store: Store) -> list[Route]:
    handlers = _Handlers(store)
    return [
        Route(f"/{SOURCES_URL}", handlers.add, methods=["POST"]),
        Route(f"/{SOURCES_URL}/{{digest}}/mask", handlers.mask, methods=["POST"]),
        Route(f"/{SOURCES_URL}/{{digest}}/extended", handlers.extend, methods=["POST"]),
        Route(f"/{SOURCES_URL}/{{digest}}.jpg", handlers.show),
    ]


class _Handlers:
    """What each route does, in a thread, `DECODED_AT_ONCE` of them together."""

    def __init__(self, store: Store) -> None:
        self._store, self._limiter = store, CapacityLimiter(DECODED_AT_ONCE)

    async def _answer(self, request: HttpRequest, work: Callable[[], Response]) -> Response:
        """What ``work`` returns; what a person may read of its error becomes the answer."""
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        except StudioError as error:
            return answer_of(error, request)

    async def add(self, request: HttpRequest) -> Response:
        """Takes a picture in, or one of the gallery's by its name."""
        name = request.query_params.get("picture")
        body = b"" if name else await _body(request)

        def work() -> Response:
            picture = finished_picture(self._store, name) if name else open_picture(body)
            self._store.keep(picture)
            note = "animated" if not name and is_animated(body) else ""
            return JSONResponse({**describe(picture), "note": note})

        return await self._answer(request, work)

    async def mask(self, request: HttpRequest) -> Response:
        """Takes a mask in for a picture that is here."""
        digest, body = request.path_params["digest"], await _body(request)

        def work() -> Response:
            picture = _picture(self._store, digest)
            painted = mask_of_size(open_mask(body), picture.width, picture.height)
            return JSONResponse({"digest": self._store.keep(painted), "width": painted.width, "height": painted.height,
                                 "shown": shown_mask(painted)})  # fmt: skip

        return await self._answer(request, work)

    async def extend(self, request: HttpRequest) -> Response:
        """A picture that is here on a canvas that is larger at its sides."""
        digest, sides = request.path_params["digest"], request.query_params.get("sides", "")

        def work() -> Response:
            left, top, right, bottom = grown = _sides(sides)
            before = _picture(self._store, digest)
            check_size(before.width + left + right, before.height + top + bottom)
            picture = Pixels.of(masks.extended(before.array, grown)[0])
            self._store.keep(picture)
            return JSONResponse(describe(picture))

        return await self._answer(request, work)

    async def show(self, request: HttpRequest) -> Response:
        """A picture that is here as a JPEG, small, or enlarged by a scale of super-resolution."""
        digest, enlarged = request.path_params["digest"], request.query_params.get("scale", "")

        def work() -> Response:
            picture = _picture(self._store, digest)
            longest = max(picture.width, picture.height)
            scale = min(1.0, SHOWN_SIDE / longest)
            if enlarged in map(str, SCALES):
                scale = min(float(enlarged), LARGEST_SHOWN / longest)
            shown = resized(picture.array, max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            stream = io.BytesIO()
            PIL.Image.fromarray(shown).save(stream, "JPEG", quality=90)
            return Response(stream.getvalue(), media_type="image/jpeg", headers=FOR_EVER)

        return await self._answer(request, work)


async def _body(request: HttpRequest) -> bytes:
    """No more of the request's body than a picture may have."""
    chunks, length = [], 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > LARGEST_FILE:
            return b"\0" * (LARGEST_FILE + 1)  # is refused by its size
        chunks.append(chunk)
    return b"".join(chunks)


def _picture(store: Store, digest: str) -> Pixels:
    picture = store.source(digest)
    if not isinstance(picture, Pixels):
        raise MissingImage("This is a mask and not a picture.")
    return picture


def _sides(text: str) -> tuple[int, int, int, int]:
    if not re.fullmatch(r"([0-9]{1,4},){3}[0-9]{1,4}", text) or not any(int(side) for side in text.split(",")):
        raise BadPicture("The canvas grows by four whole numbers of pixels: left, top, right, bottom.")
    left, top, right, bottom = (int(side) for side in text.split(","))
    return left, top, right, bottom
