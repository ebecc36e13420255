"""How animations reach the browser: a picture's trajectory (x0 at each step), and interpolations.

GET studio/animations/KIND?trajectory=ID.png         of how one picture came about, if its frames were kept
GET studio/animations/KIND?pictures=ID.png,ID.png    of several pictures, one after the other

KIND is film.webp (animated), film.webm (VP9) or strip.png (side by side).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import PIL.Image
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from studio.errors import MissingImage, StudioError
from studio.gallery.store import Store
from studio.images.animation import Frames, animated, decoded, shown, strip, video
from studio.requests.limits import MOST_PICTURES
from tabs.request_context import answer_of
from tabs.routes.pictures import FOR_EVER, PICTURE_NAME, finished_picture

ANIMATIONS_URL = "studio/animations"
MADE_AT_ONCE = 1


def trajectory_query(name: str) -> str:
    """Asks for the animation of how the picture in the file ``name`` came about."""
    return f"trajectory={name}"


def pictures_query(names: Sequence[str]) -> str:
    """Asks for the animation of the pictures in these files."""
    return f"pictures={','.join(names)}"


def animation_routes(store: Store) -> list[Route]:
    limiter = CapacityLimiter(MADE_AT_ONCE)

    async def show(request: HttpRequest) -> Response:
        try:
            return await to_thread.run_sync(lambda: _animation(store, request), limiter=limiter)
        except StudioError as error:
            return answer_of(error, request)

    return [Route(f"/{ANIMATIONS_URL}/{{kind}}", show)]


def _animation(store: Store, request: HttpRequest) -> Response:
    kind, trajectory = request.path_params["kind"], request.query_params.get("trajectory")
    if kind not in KINDS:
        raise MissingImage("Animations come as {kinds}.", kinds=", ".join(KINDS))
    make, media_type = KINDS[kind]
    names = request.query_params.get("pictures", "").split(",")
    frames = _pictures(store, names) if trajectory is None else _trajectory(store, trajectory)
    return Response(make(frames), media_type=media_type, headers=FOR_EVER)


def _trajectory(store: Store, name: str) -> Frames:
    if not PICTURE_NAME.fullmatch(name):
        raise MissingImage("There is no such picture (any more).")
    return decoded(store.trajectory(name))


def _pictures(store: Store, names: Sequence[str]) -> Frames:
    if not 2 <= len(names) <= MOST_PICTURES:
        raise MissingImage("An animation has from 2 to {most} pictures.", most=MOST_PICTURES)
    frames = [shown(finished_picture(store, name).array) for name in names]
    if len({frame.shape for frame in frames}) > 1:
        raise MissingImage("Pictures of different sizes make no animation.")
    return frames


def _png(frames: Frames) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(strip(frames)).save(stream, "PNG")
    return stream.getvalue()


KINDS: dict[str, tuple[Callable[[Frames], bytes], str]] = {
    "animation.webp": (animated, "image/webp"),
    "animation.webm": (video, "video/webm"),
    "strip.png": (_png, "image/png"),
}
