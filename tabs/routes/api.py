"""The studio for programs: what people do in the tabs and in the gallery, as typed endpoints.

They are reached as any endpoint of gradio: with ``gradio_client``, its JavaScript sister, plain HTTP, or, with
STUDIO_MCP=1, as tools of the Model Context Protocol (`tools_of`). Requests, limits and refusals are those of the page.

A drawing endpoint answers while it draws: the same fields again and again, until ``state`` is "done". Whoever stops
listening stops the drawing. Pictures are named by addresses below the studio's own; pictures that are sent come as the
text of a file (base64, or a data URL), as the name of a picture that was drawn here, or as the digest that
``POST /studio/sources`` answered to larger files; for a mask, ``POST /studio/sources/DIGEST/mask`` with its picture's.
"""

# No postponed annotations: gradio reads an endpoint's types from them.

import base64
import binascii
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import gradio as gr

from studio.backends.client import EngineClient
from studio.errors import BadPicture, InvalidRequest, MissingImage, QueueFull, StudioError
from studio.events import Cancelled, Drawn, Event, Failed, Finished, Previewed, Progressed, Queued, Started
from studio.gallery import Library
from studio.gallery.pictures import PAGE, Picture
from studio.gallery.wanted import PictureFilter
from studio.hosting.accounts import Accounts
from studio.images.opening import LARGEST_FILE, open_mask, open_picture
from studio.images.pixels import Image, Mask, Pixels
from studio.images.resizing import mask_of_size
from studio.message import Message
from studio.models.catalogue import PackInfo
from studio.requests import from_mapping, to_mapping
from studio.requests.limits import RANDOM_SEEDS
from studio.requests.request import Request
from studio.sampling.catalogue import DEFAULT_SAMPLER
from tabs.components.generation import new_browser
from tabs.gallery import begin_export
from tabs.request_context import BROWSER_NAME, address_of, person_of
from tabs.routes.exports import ERRANDS_URL, thumbnail_of
from tabs.routes.pictures import PICTURE_NAME, PICTURES_URL, finished_file

if TYPE_CHECKING:
    from studio.hosting.tools import Tools

Answer: TypeAlias = dict[str, Any]
HEARTBEAT_SECONDS = 2.0
EXPORT_LOOK_SECONDS = 0.2
MOST_FOUND = 500
DIGEST = re.compile(r"[0-9a-f]{64}")
A_MASK = Message("a mask; POST /studio/sources/DIGEST/mask takes one for the picture of that digest")
A_PICTURE = Message(
    "a picture as base64 text, the name of one that was drawn here, or the digest of one that was uploaded"
)


class Api:
    """The endpoints, as methods with plain types; `add_to_page` offers them.

    Common to those that draw: a ``seed`` below 0 is chosen anew; ``width``, ``height``, ``steps`` and ``guidance`` of 0
    are the model's own; an empty ``pack`` is the first one; ``owner`` is the name that an earlier answer gave, so that
    the gallery knows whose pictures they are (where there are accounts, it is whoever has logged in).
    """

    def __init__(self, client: EngineClient, library: Library, accounts: Accounts | None = None) -> None:
        self._client, self._library, self._accounts = client, library, accounts

    def text_to_image(
        self,
        prompt: str,
        negative: str = "",
        width: int = 0,
        height: int = 0,
        stages: int = 0,
        count: int = 1,
        seed: int = -1,
        steps: int = 0,
        guidance: float = 0.0,
        sampler: str = DEFAULT_SAMPLER,
        schedule: str = "",
        pack: str = "",
        owner: str = "",
        page: gr.Request = None,  # type: ignore[assignment]
    ) -> Iterator[dict[str, Any]]:
        """Draw pictures from words.

        Parameters:
            prompt: what should be seen, in English, Chinese or German
            negative: what should not
            width: of the picture in pixels, 64 to 2048, a multiple of 8, or 256 to 2048, a multiple of
                32, with two stages; 0 for the model's own
            height: likewise
            stages: 2 draws a small picture first, then that anew with four times its sides; 1 does not; 0 for the
                model's own number where width and height are 0, else 1
            count: how many pictures, 1 to 16
            seed: of the first picture; below 0 for a new one
            steps: 1 to 150; 0 for the model's own
            guidance: 1 to 30, the scale of classifier-free guidance; 0 for the model's own
            sampler: one of the page's samplers
            schedule: where its noise levels lie; empty for its own
            pack: the model; empty for the first one
            owner: the name that an earlier answer gave, or empty
        """
        values = self._prompted(locals())
        values |= {"task": "text-to-image", **self._sides(width, height, stages, pack)}
        yield from self._draw(values, [], owner, page)

    def layout_to_image(
        self,
        boxes: list[dict[str, Any]],
        prompt: str = "",
        negative: str = "",
        grounding: float = 1.0,
        width: int = 0,
        height: int = 0,
        stages: int = 0,
        count: int = 1,
        seed: int = -1,
        steps: int = 0,
        guidance: float = 0.0,
        sampler: str = DEFAULT_SAMPLER,
        pack: str = "",
        owner: str = "",
        page: gr.Request = None,  # type: ignore[assignment]
    ) -> Iterator[dict[str, Any]]:
        """Draw things where their boxes are.

        Parameters:
            boxes: 1 to 30, each {"phrase": "a red house", "box": [x0, y0, x1, y1]} in fractions of the picture
            prompt: of the whole picture, or of what is around the boxes; may be empty
            negative: what should not be seen
            grounding: 0 to 1, the share of the steps at which the boxes steer
            width: in pixels; 0 for the model's own
            height: likewise
            stages: 2 draws a small picture first, then that anew with four times its sides; 1 does not; 0 for the
                model's own number where width and height are 0, else 1
            count: how many pictures, 1 to 16
            seed: of the first picture; below 0 for a new one
            steps: 1 to 150; 0 for the model's own
            guidance: 1 to 30; 0 for the model's own
            sampler: one of the page's samplers
            pack: the model; empty for the first one
            owner: the name that an earlier answer gave, or empty
        """
        values = self._prompted(locals())
        values |= {"task": "layout-to-image", "boxes": boxes, "grounding": grounding}
        yield from self._draw({**values, **self._sides(width, height, stages, pack)}, [], owner, page)

    def inpaint(
        self,
        image: str,
        mask: str,
        prompt: str,
        negative: str = "",
        fill: str = "noise",
        strength: float = 1.0,
        only_masked: bool = False,
        padding: int = 32,
        feather: int = 6,
        count: int = 1,
        seed: int = -1,
        steps: int = 0,
        guidance: float = 0.0,
        sampler: str = DEFAULT_SAMPLER,
        pack: str = "",
        owner: str = "",
        page: gr.Request = None,  # type: ignore[assignment]
    ) -> Iterator[dict[str, Any]]:
        """Draw a part of a picture anew; what is not under the mask stays the same to the byte.

        Parameters:
            image: a picture as base64 or a data URL, or the name of one that was drawn here
            mask: a picture of the same shape, likewise; what is light and opaque is drawn anew
            prompt: what should be there
            negative: what should not
            fill: "noise", "original" or "blur", what drawing begins from under the mask
            strength: 0.05 to 1, how much of what was there is lost where fill is not "noise"
            only_masked: work on the mask's surroundings alone, at the model's own size
            padding: pixels of surroundings that the model then sees
            feather: pixels over which new and old are joined
            count: how many pictures, 1 to 16
            seed: of the first picture; below 0 for a new one
            steps: 1 to 150; 0 for the model's own
            guidance: 1 to 30; 0 for the model's own
            sampler: one of the page's samplers
            pack: the model; empty for the first one
            owner: the name that an earlier answer gave, or empty
        """
        picture = self._picture("image", image)
        painted = self._mask(mask, picture)
        values = self._prompted(locals())
        values |= {"task": "inpaint", "image": picture.digest, "mask": painted.digest, "fill": fill,
                   "strength": strength, "only_masked": only_masked, "padding": padding, "feather": feather,
                   "width": picture.width, "height": picture.height}  # fmt: skip
        yield from self._draw(values, [picture, painted], owner, page)

    def super_resolve(
        self,
        image: str,
        scale: int = 4,
        consistent: bool = True,
        count: int = 1,
        seed: int = -1,
        steps: int = 0,
        sampler: str = DEFAULT_SAMPLER,
        pack: str = "",
        owner: str = "",
        page: gr.Request = None,  # type: ignore[assignment]
    ) -> Iterator[dict[str, Any]]:
        """Give a picture more pixels; its details are drawn, others with each seed.

        Parameters:
            image: a picture of at most a megapixel as base64 or a data URL, or the name of one that was drawn here
            scale: 4 or 2
            consistent: correct the result until it averages down to the picture again
            count: how many pictures, 1 to 16
            seed: of the first picture; below 0 for a new one
            steps: 1 to 150; 0 for the model's own
            sampler: one of the page's samplers
            pack: the model; empty for the first one
            owner: the name that an earlier answer gave, or empty
        """
        picture = self._picture("image", image)
        values = self._common(locals())
        if isinstance(scale, int):  # the request says what is wrong with any other
            values |= {"width": picture.width * scale, "height": picture.height * scale}
        values |= {"task": "super-resolve", "image": picture.digest, "scale": scale, "consistent": consistent}
        yield from self._draw(values, [picture], owner, page)

    def vary(
        self,
        image: str,
        prompt: str = "",
        negative: str = "",
        likeness: float = 1.0,
        strength: float = 1.0,
        width: int = 0,
        height: int = 0,
        stages: int = 0,
        count: int = 1,
        seed: int = -1,
        steps: int = 0,
        guidance: float = 0.0,
        sampler: str = DEFAULT_SAMPLER,
        pack: str = "",
        owner: str = "",
        page: gr.Request = None,  # type: ignore[assignment]
    ) -> Iterator[dict[str, Any]]:
        """Draw pictures like a picture.

        Parameters:
            image: a picture as base64 or a data URL, or the name of one that was drawn here
            prompt: what else should be in them; may be empty
            negative: what should not
            likeness: 0 to 1, how strongly what the picture shows steers
            strength: 0.05 to 1, how far from the picture itself drawing begins; 1 from noise alone
            width: in pixels; 0 for the model's own
            height: likewise
            stages: 2 draws a small picture first, then that anew with four times its sides; 1 does not; 0 for the
                model's own number where width and height are 0, else 1
            count: how many pictures, 1 to 16
            seed: of the first picture; below 0 for a new one
            steps: 1 to 150; 0 for the model's own
            guidance: 1 to 30; 0 for the model's own
            sampler: one of the page's samplers
            pack: the model; empty for the first one
            owner: the name that an earlier answer gave, or empty
        """
        picture = self._picture("image", image)
        values = self._prompted(locals())
        values |= {"task": "vary", "image": picture.digest, "likeness": likeness, "strength": strength}
        yield from self._draw({**values, **self._sides(width, height, stages, pack)}, [picture], owner, page)

    def draw(
        self,
        request: dict[str, Any],
        owner: str = "",
        page: gr.Request = None,  # type: ignore[assignment]
    ) -> Iterator[dict[str, Any]]:
        """Draw what a recipe says: the ``request`` that every answer holds makes its picture again.

        Parameters:
            request: as in an answer; images are named by their digests, and must have been here before
            owner: the name that an earlier answer gave, or empty
        """
        if not isinstance(request, dict):
            raise InvalidRequest("request", request, "a request as an answer holds it")
        asked = from_mapping(request)
        yield from self._follow(asked, self._library.store.sources_of(asked), owner, page)

    def search_gallery(
        self, words: str = "", task: str = "", tag: str = "", collection: str = "", favourites: bool = False,
        most: int = PAGE, owner: str = "", page: gr.Request = None,  # type: ignore[assignment]
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Find pictures that were drawn here, the newest first.

        Parameters:
            words: in what they were made from, their tags and notes; all must be there, the last may be unfinished
            task: "text-to-image", "inpaint" ...; empty for all
            tag: one that they have
            collection: the one that they are in
            favourites: only those
            most: how many, 1 to 500
            owner: whose pictures, by the name that an answer gave; where everybody sees all, it may be empty
        """
        if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= MOST_FOUND:
            raise InvalidRequest("most", most, "a whole number from {least} to {most}", least=1, most=MOST_FOUND)
        for name, value in (("words", words), ("task", task)):
            if not isinstance(value, str):
                raise InvalidRequest(name, value, "text")
        marks = {"tag": tag, "collection": collection, "favourites": favourites}
        found = self._library.ledger.pictures.find(
            self._owner(owner, page), PictureFilter(words=words, task=task, marks=marks), most
        )
        return [_described(picture) for picture in found]

    def export_pictures(
        self, names: list[str], form: str = "archive", quality: int = 90, recipes: bool = True, owner: str = "",
        page: gr.Request = None,  # type: ignore[assignment]
    ) -> Iterator[dict[str, Any]]:  # fmt: skip
        """Make one file of several pictures: a ZIP with recipes, an HTML page, a contact sheet, a dataset, JPEG, WebP.

        Parameters:
            names: of the pictures, as `search_gallery` and answers give them
            form: "archive", "html", "sheet", "dataset", "jpeg" or "webp"
            quality: of JPEG and WebP, 1 to 100
            recipes: whether the pictures keep what made them
            owner: whose pictures, by the name that an answer gave; where everybody sees all, it may be empty
        """
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InvalidRequest("names", names, "a list of pictures' names")
        ids = [name.removesuffix(".png") for name in names]
        found = self._library.ledger.pictures.get_all(self._owner(owner, page), ids)
        if not found or len(found) < len(set(ids)):
            raise MissingImage("There is no such picture (any more).")
        told = {"form": form, "quality": quality, "recipes": recipes}
        errand = begin_export(self._library, self._owner(owner, page), [picture.id for picture in found], told)
        try:
            while not errand.has_ended.wait(EXPORT_LOOK_SECONDS):
                yield {"state": "exporting", "done": errand.done, "of": errand.total}
        finally:
            if not errand.has_ended.is_set():
                errand.is_stopped = True
        if errand.state != "done":
            raise StudioError(errand.problem or Message("The export was stopped."))
        yield {"state": "done", "done": errand.done, "of": errand.total, "title": errand.title,
               "url": f"/{ERRANDS_URL}/{errand.id}/file"}  # fmt: skip

    def list_models(self) -> list[dict[str, Any]]:
        """Name the models that can be drawn with, what each can do, and its own values."""
        return [
            {"name": state.info.name, "tasks": sorted(state.info.tasks), "size": state.info.size,
             "steps": state.info.steps, "guidance": state.info.guidance}
            for state in self._client.packs() if state.status != "failed"
        ]  # fmt: skip

    @property
    def endpoints(self) -> Sequence[Callable[..., Any]]:
        return (self.text_to_image, self.layout_to_image, self.inpaint, self.super_resolve, self.vary, self.draw,
                self.search_gallery, self.export_pictures, self.list_models)  # fmt: skip

    def add_to_page(self) -> None:
        """Offers the endpoints on the page that is being built, each under its method's name."""
        for endpoint in self.endpoints:
            gr.api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)

    def _pack(self, name: str) -> PackInfo:
        states = self._client.packs()
        return next((state.info for state in states if state.info.name == name), states[0].info)

    def _common(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that all requests have, of an endpoint's arguments."""
        pack = self._pack(given["pack"])
        seed = given["seed"]
        is_new = isinstance(seed, int) and not isinstance(seed, bool) and seed < 0
        return {
            "pack": given["pack"] or pack.name, "count": given["count"], "sampler": given["sampler"],
            "schedule": given.get("schedule", ""), "seed": random.randrange(RANDOM_SEEDS) if is_new else seed,
            "steps": pack.steps_with(given["sampler"]) if given["steps"] == 0 else given["steps"],
        }  # fmt: skip

    def _prompted(self, given: Mapping[str, Any]) -> dict[str, Any]:
        common, guidance = self._common(given), given["guidance"]
        if guidance == 0:
            guidance = self._pack(given["pack"]).guidance_with(common["sampler"])
        return {**common, "prompt": given["prompt"], "negative": given["negative"], "guidance": guidance}

    def _sides(self, width: int, height: int, stages: int, pack: str) -> dict[str, Any]:
        drawing = self._pack(pack)
        cascade = drawing.in_stages(stages, width, height)
        side = drawing.side(cascade=cascade)
        return {"width": side if width == 0 else width, "height": side if height == 0 else height, "cascade": cascade}

    def _picture(self, field: str, given: str) -> Pixels:
        """A picture that was sent, or one that is here already. Raises `StudioError` where it is neither."""
        if isinstance(given, str) and DIGEST.fullmatch(given):
            source = self._library.store.source(given)
            if not isinstance(source, Pixels):
                raise MissingImage("This is a mask and not a picture.")
            return source
        return open_picture(self._file(field, given))

    def _mask(self, given: str, picture: Pixels) -> Mask:
        """The mask of ``picture``, at its size. Of a picture that was uploaded as one it is not known any more what was
        transparent, so it is no mask."""
        if isinstance(given, str) and DIGEST.fullmatch(given):
            mask = self._library.store.source(given)
            if not isinstance(mask, Mask):
                raise InvalidRequest("mask", given, A_MASK)
        else:
            mask = open_mask(self._file("mask", given))
        return mask_of_size(mask, picture.width, picture.height)

    def _file(self, field: str, given: str) -> bytes:
        """The file of a picture that was sent, or that was drawn here."""
        if not isinstance(given, str):
            raise InvalidRequest(field, given, A_PICTURE)
        if PICTURE_NAME.fullmatch(given):
            return finished_file(self._library.store, given)
        _, _, text = given.rpartition(",") if given.startswith("data:") else ("", "", given)
        if len(text) > LARGEST_FILE * 4 // 3 + 4:
            raise BadPicture("The file is larger than {most} MB.", most=LARGEST_FILE // 2**20)
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidRequest(field, given, A_PICTURE) from None

    def _owner(self, given: str, page: gr.Request | None) -> str:
        """Whose pictures: those of who has logged in, where there are accounts."""
        if self._accounts is not None:
            return self._accounts.identity(person_of(page)) or new_browser()
        if not given:
            return ""
        if not isinstance(given, str) or not BROWSER_NAME.fullmatch(given):
            raise InvalidRequest("owner", given, "the name that an answer gave, or nothing")
        return given

    def _draw(
        self, values: Mapping[str, Any], images: Sequence[Image], owner: str, page: gr.Request | None
    ) -> Iterator[Answer]:
        asked = from_mapping(values)
        for image in images:
            self._library.store.keep(image)
        yield from self._follow(asked, images, owner, page)

    def _follow(self, asked: Request, images: Sequence[Image], owner: str, page: gr.Request | None) -> Iterator[Answer]:
        """Submits a request and tells how it goes. Raises what it fails with; one that nobody follows is stopped."""
        name = self._owner(owner, page) or new_browser()
        job = self._client.submit(asked, name, images, address_of(page) if page is not None else "")
        answer: Answer = {
            "state": "waiting", "owner": name, "step": 0, "steps": 0, "progress": 0.0, "notes": [], "pictures": [],
        }  # fmt: skip
        is_over = False
        try:
            yield dict(answer)
            for news in self._client.events(job, HEARTBEAT_SECONDS):
                for event in news:
                    is_over = _fold(answer, event)
                yield {**answer, "pictures": list(answer["pictures"])}
                if is_over:
                    return
        finally:
            if not is_over:
                self._client.cancel(job)


def tools_of(client: EngineClient, library: Library, accounts: Accounts | None = None) -> "Tools":
    """The endpoints as an assistant's tools. Raises `StudioError` where what that needs is not installed."""
    try:
        from studio.hosting.tools import Tools  # an extra requirement
    except ImportError:
        raise StudioError("STUDIO_MCP=1 needs more than is installed: pip install -r requirements-mcp.txt") from None
    return Tools(
        Api(client, library, accounts).endpoints, lambda name: thumbnail_of(library.store, name[:-4]).read_bytes()
    )


def _fold(answer: Answer, event: Event) -> bool:
    """Writes an event into the answer; whether it is the last. Raises what a job failed with."""
    match event:
        case Queued(ahead=ahead):
            answer["ahead"] = ahead
        case Started():
            answer["state"], answer["notes"] = "drawing", _notes(event)
        case Previewed(step=step, steps=steps, share=share):
            answer["step"], answer["steps"] = step, steps
            answer["progress"] = max(answer["progress"], share)
        case Progressed(share=share):
            answer["progress"] = max(answer["progress"], share)
        case Drawn(path=path, request=request, similarity=similarity) if path is not None:
            file = Path(path).name
            answer["pictures"].append({
                "name": file, "url": f"/{PICTURES_URL}/{file}", "seed": request.seed, "similarity": similarity,
                "request": to_mapping(request),
            })  # fmt: skip
        case Finished():
            answer["state"], answer["progress"] = "done", 1.0
            return True
        case Failed(error=error):
            raise error
        case Cancelled():
            raise QueueFull("The job was stopped.")
    return False


def _notes(started: Started) -> list[str]:
    """What of the words has no effect, or another than they say."""
    notes = ["The prompt is empty, so the model draws what it likes."] if started.lacks_words else []
    notes += ["The prompt is longer than this model reads; its end has no effect."] if started.is_prompt_cut else []
    for word, known in started.replaced_words:
        notes.append(f"This model does not know {word!r} and draws {known!r} instead.")
    return notes + [f"This model has never met: {', '.join(started.unknown_words)}"] * bool(started.unknown_words)


def _described(picture: Picture) -> Answer:
    file = f"{picture.id}.png"
    marks = {name: list(value) if isinstance(value, tuple) else value for name, value in picture.marks.items()}
    return {
        "name": file, "url": f"/{PICTURES_URL}/{file}", "made": picture.made, **marks,
        "request": to_mapping(picture.request),
    }  # fmt: skip
