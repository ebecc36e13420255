"""The studio for programs: what people do in the tabs and in the gallery, as typed endpoints.

They are reached as any endpoint of gradio: with ``gradio_client``, its JavaScript sister, plain HTTP, or, with
STUDIO_MCP=1, as tools of the Model Context Protocol (`tools_of`). Requests, limits and refusals are those of the page.

A drawing endpoint answers while it draws: the same fields again and again, until ``state`` is "done". Whoever stops
listening stops the drawing. Pictures are named by addresses below the studio's own; pictures that are sent come as the
text of a file (base64, or a data URL), as the name of a picture that was drawn here, or as the digest that
``POST /studio/sources`` answered to larger files; for a mask, ``POST /studio/sources/DIGEST/mask`` with its picture's.
"""

# No postponed annotations: gradio reads an endpoint's types from them.

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.events import api as gradio_api

from studio.backends.client import EngineClient
from studio.errors import InvalidRequest, MissingImage, StudioError
from studio.gallery import Library
from studio.gallery.wanted import PictureFilter
from studio.hosting.accounts import Accounts
from studio.images.pixels import Image
from studio.message import Message
from studio.models.catalogue import PackInfo
from studio.models.first_values import completed
from studio.requests import from_mapping, kinds
from studio.requests.request import Request
from tabs.components.generation import new_browser
from tabs.gallery import begin_export
from tabs.request_context import BROWSER_NAME, address_of, person_of
from tabs.routes.answers import Answer, described, fold, waiting
from tabs.routes.endpoints import drawing_endpoint
from tabs.routes.exports import ERRANDS_URL, thumbnail_of
from tabs.routes.gallery_search import MOST_FOUND, search_endpoint
from tabs.routes.sent import images_of

if TYPE_CHECKING:
    from studio.hosting.tools import Tools

HEARTBEAT_SECONDS = 2.0
EXPORT_LOOK_SECONDS = 0.2


class Api:
    """The endpoints: one for each kind of request, and this class's methods; `add_to_page` offers them.

    Common to those that draw: a ``seed`` below 0 is chosen anew; ``width``, ``height``, ``steps`` and ``guidance`` of 0
    are the model's own; an empty ``pack`` is the first one; ``owner`` is the name that an earlier answer gave, so that
    the gallery knows whose pictures they are (where there are accounts, it is whoever has logged in).
    """

    def __init__(self, client: EngineClient, library: Library, accounts: Accounts | None = None) -> None:
        self._client, self._library, self._accounts = client, library, accounts

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
        drawing = (drawing_endpoint(kind, self._draw) for kind in kinds().values())
        return (*drawing, self.draw, search_endpoint(self._search), self.export_pictures, self.list_models)

    def add_to_page(self) -> None:
        """Offers the endpoints on the page that is being built, each under its own name."""
        for endpoint in self.endpoints:
            gradio_api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)

    def _search(
        self, words: str, task: str, marks: Mapping[str, object], most: int, owner: str, page: gr.Request | None
    ) -> list[Answer]:
        if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= MOST_FOUND:
            raise InvalidRequest("most", most, "a whole number from {least} to {most}", least=1, most=MOST_FOUND)
        for name, value in (("words", words), ("task", task)):
            if not isinstance(value, str):
                raise InvalidRequest(name, value, "text")
        wanted = PictureFilter(words=words, task=task, marks=marks)
        return [
            described(picture) for picture in self._library.ledger.pictures.find(self._owner(owner, page), wanted, most)
        ]

    def _pack(self, name: str) -> PackInfo:
        states = self._client.packs()
        return next((state.info for state in states if state.info.name == name), states[0].info)

    def _owner(self, name: str, page: gr.Request | None) -> str:
        """Whose pictures: those of who has logged in, where there are accounts."""
        if self._accounts is not None:
            return self._accounts.identity(person_of(page)) or new_browser()
        if not name:
            return ""
        if not isinstance(name, str) or not BROWSER_NAME.fullmatch(name):
            raise InvalidRequest("owner", name, "the name that an answer gave, or nothing")
        return name

    def _draw(
        self, kind: type[Request], asked: Mapping[str, Any], owner: str, page: gr.Request | None
    ) -> Iterator[Answer]:
        """Draws what somebody asked for; what is left out is the model's own."""
        images = images_of(kind, asked, self._library.store)
        pack = self._pack(asked.get("pack", ""))
        shape = next(((image.width, image.height) for image in images.values()), None) if kind.SIZED_BY else None
        digests = {name: image.digest for name, image in images.items()}
        request = completed(kind, {**asked, **digests}, pack, shape)
        for image in images.values():
            self._library.store.keep(image)
        yield from self._follow(request, tuple(images.values()), owner, page)

    def _follow(self, asked: Request, images: Sequence[Image], owner: str, page: gr.Request | None) -> Iterator[Answer]:
        """Submits a request and tells how it goes. Raises what it fails with; one that nobody follows is stopped."""
        name = self._owner(owner, page) or new_browser()
        job = self._client.submit(asked, name, images, address_of(page) if page is not None else "")
        answer = waiting(name)
        is_over = False
        try:
            yield dict(answer)
            for news in self._client.events(job, HEARTBEAT_SECONDS):
                for event in news:
                    is_over = fold(answer, event)
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
