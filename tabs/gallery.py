"""The gallery: every picture that was drawn, found again by its words, kept, sent on, or thrown away and brought back;
exported, imported, and made again.

The grid is one component with a script of its own (`static/gallery.js`): it asks for a page of pictures at a time, and
says what is to be done with which. What it shows are a picture's own facts; texts go in as text, never as markup.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import gradio as gr
import numpy as np

from studio.backends.client import EngineClient
from studio.errors import InvalidRequest, MissingImage, QueueFull, StudioError
from studio.events import Cancelled, Drawn, Failed
from studio.gallery import Library
from studio.gallery.columns import filtered
from studio.gallery.comparing import Difference, compare
from studio.gallery.containers import read_recipe
from studio.gallery.errands import BackgroundJob
from studio.gallery.exports import Options, find_form
from studio.gallery.importing import Archive, Importer
from studio.gallery.ledger import Ledger
from studio.gallery.marks import actions
from studio.gallery.pictures import PAGE, Picture
from studio.gallery.wanted import PictureFilter
from tabs.components.gallery_view import (
    GalleryView,
    message_of,
    news,
    offered,
    read_ids,
    read_like,
    read_marks,
    read_request,
    read_wanted,
    shown,
    tab_of,
)
from tabs.components.generation import QUICK, BuiltTab, FormValues, Update
from tabs.components.picker import ModelPicker
from tabs.request_context import BrowserName, address_of
from tabs.routes.exports import upload_at
from tabs.routes.pictures import finished_picture

EXPORTED_AT_ONCE = 100  # rows that are read from the ledger together


def build_gallery(
    client: EngineClient,
    library: Library,
    browser: BrowserName,
    picker: ModelPicker,
    built: Sequence[BuiltTab],
    tabs_: gr.Tabs,
) -> None:
    """Draws the gallery inside the tab that is open, and wires it to the tabs that can draw a picture again."""
    view = GalleryView(elem_id="gallery", takers=[each.tab for each in built if each.receive is not None])
    gallery, tabs = Gallery(client, library), OtherTabs(library, browser, picker, built, tabs_)
    # "multiple": gradio otherwise drops what is asked for while an answer is on its way
    for event, handler in ((view.ask, gallery.ask), (view.do, gallery.do), (view.tree, gallery.tree)):
        event(handler, browser, view, trigger_mode="multiple", **QUICK)
    view.start(gallery.start, browser, view, **QUICK)
    view.use(tabs.use, tabs.inputs, tabs.outputs, preprocess=False, **QUICK)
    view.send(tabs.send, tabs.inputs, tabs.outputs, preprocess=False, **QUICK)
    view.replay(gallery.replay, browser, view, show_progress="hidden", api_visibility="private", concurrency_limit=None)


@dataclass(frozen=True)
class Gallery:
    """What is answered to the grid, each with a value for its script. Whoever asks sees and changes their own."""

    client: EngineClient
    library: Library

    def ask(self, owner: str, event: gr.EventData) -> dict[str, Any]:
        """A page of pictures."""
        return self._page(owner, event._data)

    def _mark(self, owner: str, ids: Sequence[str], marks: object) -> None:
        for id_ in ids[:1]:
            self.library.ledger.marks.change(owner, id_, read_marks(marks))

    def _dismiss(self, owner: str, ids: Sequence[str]) -> None:
        for id_ in ids:
            self.library.ledger.jobs.dismiss(owner, id_)

    def do(self, owner: str, event: gr.EventData) -> dict[str, Any]:
        """Does something with some pictures, or with a job that was cut off; a page of what there is then."""
        ledger, message = self.library.ledger, message_of(event)
        ids, what, word = read_ids(message.get("ids")), message.get("what"), message.get("name", "")
        acts: dict[str, Callable[[], Any]] = {
            "delete": lambda: ledger.pictures.delete(owner, ids),
            "restore": lambda: ledger.pictures.restore(owner, ids),
            "mark": lambda: self._mark(owner, ids, message.get("marks")),
            "dismiss": lambda: self._dismiss(owner, ids),
            **{name: partial(ledger.marks.act, owner, ids, name, word) for name in actions()},
        }
        if not isinstance(what, str) or what not in acts:
            raise InvalidRequest("what", what, "one of: {names}", names=", ".join(acts))
        acts[what]()
        if what == "mark":  # the picture stays where it is, whatever is wanted
            return news(names=_names_in_use(ledger, owner))
        return self._page(owner, message.get("wanted"))

    def tree(self, owner: str, event: gr.EventData) -> dict[str, Any]:
        """What a picture was made from, and what was made from it."""
        related = self.library.ledger.lineage(owner, str(message_of(event).get("id")))
        return news(tree=[{**shown(each.picture), "parents": list(each.parents)} for each in related])

    def start(self, owner: str, event: gr.EventData) -> dict[str, Any]:
        """An export of some pictures, or of all that are wanted; or an import of a file that was sent."""
        message, client, library = message_of(event), self.client, self.library
        if message.get("what") == "import":
            errand = _import(client, library, owner, message.get("upload"))
        else:
            names = read_ids(message.get("ids") or []) or _names(client, library.ledger, owner, message.get("wanted"))
            errand = begin_export(library, owner, names, message)
        return news(errand={"id": errand.id, "title": errand.title, "total": errand.total})

    def replay(self, owner: str, event: gr.EventData, page: gr.Request) -> Iterator[dict[str, Any]]:
        """Draws a picture again, and says what is different."""
        picture = self.library.ledger.pictures.get(owner, str(message_of(event).get("id")))
        yield news(replay={"id": picture.id, "state": "running"})
        found = _replayed(self.client, self.library, owner, picture, address_of(page))
        yield news(replay={"id": picture.id, "state": "done", **asdict(found)})

    def _page(self, owner: str, message: Any) -> dict[str, Any]:
        ledger, wanted, like, pending = self.library.ledger, read_wanted(message), read_like(message), False
        if like is None:
            found = ledger.pictures.find(owner, wanted)
        else:
            found, pending = _alike(self.client, ledger, owner, wanted, like)
            wanted = _ordered(wanted)
        values: dict[str, Any] = {
            "pictures": [shown(each) for each in found], "more": like is None and len(found) == PAGE,
            "append": wanted.before is not None, "pending": pending,
        }  # fmt: skip
        if wanted.before is None:
            values |= {
                "found": ledger.pictures.count(owner, wanted), "is_ordered": like is not None,
                "names": _names_in_use(ledger, owner),
                "interrupted": [offered(each) for each in ledger.jobs.interrupted(owner)],
            }  # fmt: skip
        return news(**values)


class OtherTabs:
    """What goes from the gallery into the tabs that draw: a picture's settings, or the picture itself."""

    def __init__(
        self,
        library: Library,
        browser: BrowserName,
        picker: ModelPicker,
        built: Sequence[BuiltTab],
        tabs_: gr.Tabs,
    ) -> None:
        self._library, self._browser, self._picker, self._tabs = library, browser, picker, tabs_
        self._jobs = {each.tab: each.job for each in built}
        self._receivers = {each.tab: each.receive for each in built if each.receive is not None}
        forms = set().union(*(each.form for each in self._jobs.values()))
        self.inputs = forms | {browser}
        self.outputs = [
            tabs_, picker.dropdown, *(forms - {picker.dropdown}), *(each.undo for each in self._jobs.values())
        ]  # fmt: skip

    def use(self, filled: FormValues, event: gr.EventData) -> Update:
        """All settings of a picture, of a job that was interrupted, or of a recipe that was read, into the tab that
        draws such pictures."""
        ledger, message = self._library.ledger, message_of(event)
        owner = self._browser.preprocess(filled[self._browser])
        id_, read = str(message.get("id")), message.get("request")
        job = next((each for each in ledger.jobs.interrupted(owner) if each.job == id_), None)
        known = job or (ledger.pictures.get(owner, id_) if read is None else None)
        request = known.request if known else read_request(read)
        tab = tab_of(request.TASK)
        if tab not in self._jobs:
            raise MissingImage("No tab of this page draws such pictures.")
        self._library.store.sources_of(request)  # which may be gone; that is message before anything changes
        changes = {**self._jobs[tab].write(request), self._picker.dropdown: self._picker.refreshed(request.pack)}
        if job:
            ledger.jobs.dismiss(owner, id_)
        return {self._tabs: gr.Tabs(selected=tab), **changes, **self._jobs[tab].undo.offer(filled)}

    def send(self, filled: FormValues, event: gr.EventData) -> Update:
        """A picture, to be worked on."""
        owner, message = self._browser.preprocess(filled[self._browser]), message_of(event)
        to = str(message.get("to"))
        receive = self._receivers.get(to)
        if receive is None:
            raise MissingImage("No tab of this page draws such pictures.")
        picture = self._library.ledger.pictures.get(owner, str(message.get("id")))
        pixels = finished_picture(self._library.store, f"{picture.id}.png")
        self._library.store.keep(pixels)
        return {
            self._tabs: gr.Tabs(selected=to),
            **receive(pixels, picture.request),
            **self._jobs[to].undo.offer(filled),
        }


def _names_in_use(ledger: Ledger, owner: str) -> dict[str, list[str]]:
    """What pictures can be filtered by, by the filter's name."""
    return {column.filter: ledger.marks.in_use(owner, column.name) for column in filtered()}


def _alike(
    client: EngineClient, ledger: Ledger, owner: str, wanted: PictureFilter, like: str
) -> tuple[list[Picture], bool]:
    """The pictures that show most what the one called ``like`` shows; where it is empty, what the words say; and
    whether there are any that nobody has looked at so far."""
    seen = client.look([] if like else [wanted.words])
    if seen is None:
        raise MissingImage("The engine is not there yet to look at pictures; please try again in a moment.")
    vector = ledger.vectors.of(seen.name, like) if like else np.frombuffer(seen.vectors[0], np.float32)
    if like:
        ledger.pictures.get(owner, like)  # which must be one's own
    if vector is None or not vector.size:
        raise MissingImage("This picture has not been looked at so far; please try again in a moment.")
    found = [picture for picture, _ in ledger.vectors.alike(owner, _ordered(wanted), seen.name, vector)]
    return found, bool(ledger.vectors.lacking(seen.name, 1))


def _ordered(wanted: PictureFilter) -> PictureFilter:
    """The pictures that are put in order by what they show: no words choose among them."""
    return replace(wanted, words="", before=None)


def _names(client: EngineClient, ledger: Ledger, owner: str, told: Any) -> list[str]:
    """Of all pictures that a page asks for: those that it shows, where it shows the closest first."""
    wanted, like = read_wanted(told), read_like(told)
    if like is None:
        return ledger.pictures.names(owner, wanted)
    return [each.id for each in _alike(client, ledger, owner, wanted, like)[0]]


def begin_export(library: Library, owner: str, names: Sequence[str], told: Mapping[str, Any]) -> BackgroundJob:
    """Begins to make one file of the pictures ``names``; ``told`` holds the ``form`` and its options. Raises
    `InvalidRequest` for those, `QueueFull` where too many exports wait."""
    name = told.get("form")
    form = find_form(name)
    options = Options(told.get("quality", Options.quality), told.get("recipes", True))
    pages = (names[first : first + EXPORTED_AT_ONCE] for first in range(0, len(names), EXPORTED_AT_ONCE))
    pictures = itertools.chain.from_iterable(library.ledger.pictures.get_all(owner, page) for page in pages)

    def work(errand: BackgroundJob) -> None:
        with errand.path.open("wb") as file:
            form.write(errand.over(pictures), library.store, file, options)

    library.store.check_room(sum(library.store.size(each) for each in names))
    title = f"latent-studio-{name}-{time.strftime('%Y%m%d-%H%M%S')}.{form.ENDING}"
    return library.errands.start(owner, title, len(names), work)


def _import(client: EngineClient, library: Library, owner: str, upload: object) -> BackgroundJob:
    sent = upload_at(library.errands, upload)
    path = sent.rename(sent.with_suffix(".import"))  # so that nobody's next upload takes its place

    def work(errand: BackgroundJob) -> None:
        try:
            with path.open("rb") as file:
                archive = Archive(file)
                errand.total = len(archive.names())
                packs = [state.info for state in client.packs()]
                for report in errand.over(Importer(library.store, library.ledger, owner, packs).take(archive)):
                    errand.told = asdict(report)
        finally:
            path.unlink(missing_ok=True)

    try:
        return library.errands.start(owner, "import", 0, work)
    except QueueFull:
        path.rename(sent)
        raise


def _replayed(client: EngineClient, library: Library, owner: str, picture: Picture, address: str) -> Difference:
    """Draws a picture again and compares. One that is identical goes to the bin, as there is nothing new in it."""
    store, path = library.store, library.store.path(picture.id)
    recipe = read_recipe(path)
    if recipe.stopped_at is not None:
        raise InvalidRequest("picture", "stopped", "a whole picture; one that was stopped cannot be made again")
    request = replace(recipe.request, trajectory=False)
    job = client.submit(request, owner, store.sources_of(request), address)
    for event in itertools.chain.from_iterable(client.events(job)):
        if isinstance(event, Failed):
            raise event.error
        if isinstance(event, Cancelled):
            raise StudioError("The job was cancelled.")
        if isinstance(event, Drawn) and event.path is not None:
            name = event.path.rpartition("/")[2]
            before, after = finished_picture(store, path.name), finished_picture(store, name)
            found = compare(before, after, recipe, read_recipe(store.folder / name))
            if not found.largest:
                library.ledger.pictures.delete(owner, [name.removesuffix(".png")])
            return found
    raise StudioError("The job ended without a picture.")
