"""The gallery: every picture that was drawn, found again by its words, kept, sent on, or thrown away and brought back;
exported, imported, and made again.

The grid is one component with a script of its own (`static/gallery.js`): it asks for a page of pictures at a time, and
says what is to be done with which. What it shows are a picture's own facts; texts go in as text, never as markup.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import gradio as gr
import numpy as np

from studio.backends.client import EngineClient
from studio.errors import InvalidRequest, MissingImage, QueueFull, StudioError
from studio.events import Cancelled, Drawn, Failed
from studio.gallery import Library
from studio.gallery.comparing import Difference, compare
from studio.gallery.containers import read_recipe
from studio.gallery.errands import BackgroundJob
from studio.gallery.exports import Options, find_form, forms
from studio.gallery.importing import Archive, Importer
from studio.gallery.ledger import PAGE, Interrupted, Ledger, Marks, Picture
from studio.gallery.wanted import LONGEST_SEARCH, PictureFilter
from studio.requests import from_mapping, kinds
from studio.requests.limits import check_number
from studio.requests.request import Prompted, Request
from tabs.components.generation import QUICK, BuiltTab, Given, Update
from tabs.components.picker import ModelPicker
from tabs.components.scripted import Scripted
from tabs.locale.words import words_of
from tabs.request_context import BrowserName, address_of
from tabs.routes.exports import NAME, upload_at
from tabs.routes.pictures import finished_picture

MOST_AT_ONCE = 2000  # pictures that something is done with
EXPORTED_AT_ONCE = 100  # rows that are read from the ledger together
LATEST = 1e11  # seconds since 1970; the year 5138
LONGEST_SEED = 19  # digits
TABS = {"interpolate": "vary"}  # of tasks that are not called as their tab is


class GalleryView(Scripted):
    """Asks with ``ask``; says what is to be done with ``do``, ``start``, ``use``, ``send`` and ``replay``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            "gallery",
            {"stamp": ""},
            words=words_of("gallery_", "tab_"),
            forms=list(forms()),
            **options,
        )


def build_gallery(
    client: EngineClient,
    library: Library,
    browser: BrowserName,
    picker: ModelPicker,
    built: Sequence[BuiltTab],
    tabs_: gr.Tabs,
) -> None:
    """Draws the gallery inside the tab that is open, and wires it to the tabs that can draw a picture again."""
    ledger, store = library.ledger, library.store
    jobs = {each.tab: each.job for each in built}
    takers = {each.tab: each.receive for each in built if each.receive is not None}
    view = GalleryView(elem_id="gallery", takers=list(takers))

    def page(owner: str, told: Any) -> dict[str, Any]:
        wanted, like, pending = _wanted(told), _like(told), False
        if like is None:
            found = ledger.find(owner, wanted)
        else:
            found, pending = _alike(client, ledger, owner, wanted, like)
            wanted = _ordered(wanted)
        more = like is None and len(found) == PAGE
        pictures, append = [_shown(each) for each in found], wanted.before is not None
        news = _news(pictures=pictures, more=more, append=append, pending=pending)
        if wanted.before is None:
            news |= {
                "found": ledger.count(owner, wanted), "is_ordered": like is not None,
                "tags": ledger.tags(owner), "collections": ledger.collections(owner),
                "interrupted": [_offered(each) for each in ledger.interrupted(owner)],
            }  # fmt: skip
        return news

    def ask(owner: str, event: gr.EventData) -> dict[str, Any]:
        return page(owner, event._data)

    def do(owner: str, event: gr.EventData) -> dict[str, Any]:
        told = _told(event)
        ids, what = _ids(told.get("ids")), told.get("what")
        acts: dict[str, Callable[[], Any]] = {
            "favour": lambda: ledger.favour(owner, ids, is_favourite=True),
            "unfavour": lambda: ledger.favour(owner, ids, is_favourite=False),
            "delete": lambda: ledger.delete(owner, ids),
            "restore": lambda: ledger.restore(owner, ids),
            "tag": lambda: ledger.tag(owner, ids, told.get("name", "")),
            "gather": lambda: ledger.gather(owner, ids, told.get("name", "")),
            "mark": lambda: [ledger.mark(owner, id_, _marks(told.get("marks"))) for id_ in ids[:1]],
            "dismiss": lambda: [ledger.dismiss(owner, id_) for id_ in ids],
        }
        if not isinstance(what, str) or what not in acts:
            raise InvalidRequest("what", what, "one of: {names}", names=", ".join(acts))
        acts[what]()
        if what == "mark":  # the picture stays where it is, whatever is wanted
            return _news(tags=ledger.tags(owner), collections=ledger.collections(owner))
        return page(owner, told.get("wanted"))

    def tree(owner: str, event: gr.EventData) -> dict[str, Any]:
        """What a picture was made from, and what was made from it."""
        related = ledger.lineage(owner, str(_told(event).get("id")))
        return _news(tree=[{**_shown(each.picture), "parents": list(each.parents)} for each in related])

    def start(owner: str, event: gr.EventData) -> dict[str, Any]:
        """An export of some pictures, or of all that are wanted; or an import of a file that was sent."""
        told = _told(event)
        if told.get("what") == "import":
            errand = _import(client, library, owner, told.get("upload"))
        else:
            names = _ids(told.get("ids") or []) or _names(client, ledger, owner, told.get("wanted"))
            errand = begin_export(library, owner, names, told)
        return _news(errand={"id": errand.id, "title": errand.title, "total": errand.total})

    def use(given: Given, event: gr.EventData) -> Update:
        """All settings of a picture, of a job that was interrupted, or of a recipe that was read, into the tab that
        draws such pictures."""
        owner, told = browser.preprocess(given[browser]), _told(event)
        id_, read = str(told.get("id")), told.get("request")
        job = next((each for each in ledger.interrupted(owner) if each.job == id_), None)
        known = job or (ledger.picture(owner, id_) if read is None else None)
        request = known.request if known else _read(read)
        tab = _tab_of(request.TASK)
        if tab not in jobs:
            raise MissingImage("No tab of this page draws such pictures.")
        store.sources_of(request)  # which may be gone; that is said before anything changes
        changes = {**jobs[tab].write(request), picker.dropdown: picker.refreshed(request.pack)}
        if job:
            ledger.dismiss(owner, id_)
        return {tabs_: gr.Tabs(selected=tab), **changes, **jobs[tab].undo.offer(given)}

    def send(given: Given, event: gr.EventData) -> Update:
        owner, told = browser.preprocess(given[browser]), _told(event)
        receive = takers.get(str(told.get("to")))
        if receive is None:
            raise MissingImage("No tab of this page draws such pictures.")
        picture = ledger.picture(owner, str(told.get("id")))
        pixels = finished_picture(store, f"{picture.id}.png")
        store.keep(pixels)
        to = str(told.get("to"))
        return {tabs_: gr.Tabs(selected=to), **receive(pixels, picture.request), **jobs[to].undo.offer(given)}

    def replay(owner: str, event: gr.EventData, page: gr.Request) -> Iterator[dict[str, Any]]:
        picture = ledger.picture(owner, str(_told(event).get("id")))
        yield _news(replay={"id": picture.id, "state": "running"})
        found = _replayed(client, library, owner, picture, address_of(page))
        yield _news(replay={"id": picture.id, "state": "done", **asdict(found)})

    forms_ = set().union(*(each.form for each in jobs.values()))
    outputs = [tabs_, picker.dropdown, *(forms_ - {picker.dropdown}), *(each.undo for each in jobs.values())]
    # "multiple": gradio otherwise drops what is asked for while an answer is on its way
    view.ask(ask, browser, view, trigger_mode="multiple", **QUICK)
    view.do(do, browser, view, trigger_mode="multiple", **QUICK)
    view.tree(tree, browser, view, trigger_mode="multiple", **QUICK)
    view.start(start, browser, view, **QUICK)
    view.use(use, forms_ | {browser}, outputs, preprocess=False, **QUICK)
    view.send(send, forms_ | {browser}, outputs, preprocess=False, **QUICK)
    view.replay(replay, browser, view, show_progress="hidden", api_visibility="private", concurrency_limit=None)


def _alike(
    client: EngineClient, ledger: Ledger, owner: str, wanted: PictureFilter, like: str
) -> tuple[list[Picture], bool]:
    """The pictures that show most what the one called ``like`` shows; where it is empty, what the words say; and
    whether there are any that nobody has looked at so far."""
    seen = client.look([] if like else [wanted.words])
    if seen is None:
        raise MissingImage("The engine is not there yet to look at pictures; please try again in a moment.")
    vector = ledger.vector_of(seen.name, like) if like else np.frombuffer(seen.vectors[0], np.float32)
    if like:
        ledger.picture(owner, like)  # which must be one's own
    if vector is None or not vector.size:
        raise MissingImage("This picture has not been looked at so far; please try again in a moment.")
    found = [picture for picture, _ in ledger.alike(owner, _ordered(wanted), seen.name, vector)]
    return found, bool(ledger.without_vector(seen.name, 1))


def _ordered(wanted: PictureFilter) -> PictureFilter:
    """The pictures that are put in order by what they show: no words choose among them."""
    return replace(wanted, words="", before=None)


def _names(client: EngineClient, ledger: Ledger, owner: str, told: Any) -> list[str]:
    """Of all pictures that a page asks for: those that it shows, where it shows the closest first."""
    wanted, like = _wanted(told), _like(told)
    if like is None:
        return ledger.names(owner, wanted)
    return [each.id for each in _alike(client, ledger, owner, wanted, like)[0]]


def _like(told: Any) -> str | None:
    """The name of the picture that others should be like; empty where they should show what the words say; None where
    neither is wanted."""
    told = told if isinstance(told, dict) else {}
    like = told.get("like")
    if isinstance(like, str) and NAME.fullmatch(like):
        return like
    words = told.get("words")
    return "" if told.get("shows") is True and isinstance(words, str) and words.strip() else None


def _news(**values: Any) -> dict[str, Any]:
    return {**values, "stamp": secrets.token_hex(4)}


def _told(event: gr.EventData) -> Mapping[str, Any]:
    return event._data if isinstance(event._data, dict) else {}


def begin_export(library: Library, owner: str, names: Sequence[str], told: Mapping[str, Any]) -> BackgroundJob:
    """Begins to make one file of the pictures ``names``; ``told`` holds the ``form`` and its options. Raises
    `InvalidRequest` for those, `QueueFull` where too many exports wait."""
    name = told.get("form")
    form = find_form(name)
    options = Options(told.get("quality", Options.quality), told.get("recipes", True))
    pages = (names[first : first + EXPORTED_AT_ONCE] for first in range(0, len(names), EXPORTED_AT_ONCE))
    pictures = itertools.chain.from_iterable(library.ledger.pictures(owner, page) for page in pages)

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
                library.ledger.delete(owner, [name.removesuffix(".png")])
            return found
    raise StudioError("The job ended without a picture.")


def _tab_of(task: str) -> str:
    return TABS.get(task, task).replace("-", "_")


def _wanted(told: Any) -> PictureFilter:
    """What a page asks for. Raises `InvalidRequest` for what makes no sense."""
    told = told if isinstance(told, dict) else {}
    words, task, before = told.get("words", ""), told.get("task", ""), told.get("before")
    if not isinstance(words, str) or len(words) > LONGEST_SEARCH:
        raise InvalidRequest("search", words, "at most {most} characters", most=LONGEST_SEARCH)
    if task not in ("", *kinds()):
        raise InvalidRequest("task", task, "one of: {names}", names=", ".join(kinds()))
    if before is not None:
        is_pair = isinstance(before, list) and len(before) == 2
        if not is_pair or not isinstance(before[0], (int, float)) or not isinstance(before[1], str):
            raise InvalidRequest("before", before, "the last picture's time and name")
        before = (float(before[0]), before[1])
    tag, collection = told.get("tag", ""), told.get("collection", "")
    Marks(tags=(tag,), collection=collection)
    return PictureFilter(
        words=words.strip(), task=task, favourites=told.get("favourites") is True, deleted=told.get("deleted") is True,
        before=before, tag=tag, collection=collection, since=_time("since", told.get("since")),
        until=_time("until", told.get("until")),
    )  # fmt: skip


def _time(field: str, value: object) -> float | None:
    """Seconds since 1970."""
    if value is None:
        return None
    check_number(field, value, 0, LATEST)
    return float(value)  # type: ignore[arg-type]


def _marks(told: Any) -> Marks:
    if not isinstance(told, dict) or not set(told) <= set(Marks.__dataclass_fields__):
        raise InvalidRequest("marks", told, "some of: {names}", names=", ".join(Marks.__dataclass_fields__))
    return Marks(**told)


def _read(told: Any) -> Request:
    """A request that the page was told of by the route that reads recipes."""
    if not isinstance(told, dict):
        raise InvalidRequest("request", told, "a recipe that was read here")
    whole = {name: told[name] for name in ("seed", "variation_seed") if isinstance(told.get(name), str)}
    for name, value in whole.items():
        if not value.isdecimal() or len(value) > LONGEST_SEED:
            raise InvalidRequest(name, value, "a whole number")
    return from_mapping({**told, **{name: int(value) for name, value in whole.items()}})


def _ids(told: Any) -> list[str]:
    if not isinstance(told, list) or len(told) > MOST_AT_ONCE or not all(isinstance(each, str) for each in told):
        raise InvalidRequest("ids", told, "a list of at most {most} names", most=MOST_AT_ONCE)
    return told


def _shown(picture: Picture) -> dict[str, Any]:
    request = picture.request
    return {
        "id": picture.id, "made": picture.made, "task": _tab_of(picture.task), "text": picture.text,
        "negative": request.negative if isinstance(request, Prompted) else "", "seed": str(picture.seed),
        "sampler": picture.sampler, "steps": request.steps, "pack": picture.pack, "hash": picture.model_hash,
        "guidance": request.guidance if isinstance(request, Prompted) else None, "width": picture.width,
        "height": picture.height, "seconds": picture.seconds, "favourite": picture.marks.is_favourite,
        "missing": picture.is_missing, "tags": picture.marks.tags, "note": picture.marks.note,
        "collection": picture.marks.collection, "revision": picture.revision,
    }  # fmt: skip


def _offered(job: Interrupted) -> dict[str, Any]:
    return {"id": job.job, "task": _tab_of(job.request.TASK), "text": job.request.words, "count": job.request.count}
