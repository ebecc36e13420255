"""The gallery: every picture that was drawn, found again by its words, kept, sent on, or thrown away and brought back.

The grid is one component with a script of its own (`static/gallery.js`): it asks for a page of pictures at a time, and
says what is to be done with which. What it shows are a picture's own facts; texts go in as text, never as markup.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from studio.errors import InvalidRequest, MissingImage
from studio.gallery.ledger import PAGE, Interrupted, Ledger, Picture
from studio.gallery.store import Store
from studio.gallery.wanted import LONGEST_SEARCH, Wanted
from studio.requests import kinds
from studio.requests.request import Prompted
from tabs import STATIC
from tabs.door import BrowserName
from tabs.job import QUICK, Job, Update
from tabs.picker import ModelPicker
from tabs.words import words_of

MOST_AT_ONCE = 500  # pictures that something is done with
TABS = {"interpolate": "vary"}  # of tasks that are not called as their tab is


class GalleryView(gr.HTML):
    """Asks with ``ask``; says what is to be done with ``do``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            value={"stamp": ""},
            html_template=(STATIC / "gallery.html").read_text(),
            css_template=(STATIC / "gallery.css").read_text(),
            js_on_load=(STATIC / "gallery.js").read_text(),
            apply_default_css=False,
            words=words_of("gallery_", "tab_"),
            **options,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def build_gallery(
    store: Store,
    ledger: Ledger,
    browser: BrowserName,
    picker: ModelPicker,
    jobs: Mapping[str, Job],
    tabs_: gr.Tabs,
) -> None:
    """Draws the gallery inside the tab that is open, and wires it to the tabs that can draw a picture again."""
    view = GalleryView(elem_id="gallery")

    def page(owner: str, told: Any) -> dict[str, Any]:
        wanted = _wanted(told)
        found = ledger.find(owner, wanted)
        news = {
            "pictures": [_shown(each) for each in found],
            "more": len(found) == PAGE,
            "append": wanted.before is not None,
            "stamp": secrets.token_hex(4),
        }
        if wanted == Wanted():
            news |= {"all": ledger.count(owner), "interrupted": [_offered(each) for each in ledger.interrupted(owner)]}
        return news

    def ask(owner: str, event: gr.EventData) -> dict[str, Any]:
        return page(owner, event._data)

    def do(owner: str, event: gr.EventData) -> dict[str, Any]:
        told = event._data if isinstance(event._data, dict) else {}
        ids, what = _ids(told.get("ids")), told.get("what")
        acts: dict[str, Callable[[], None]] = {
            "favour": lambda: ledger.favour(owner, ids, is_favourite=True),
            "unfavour": lambda: ledger.favour(owner, ids, is_favourite=False),
            "delete": lambda: ledger.delete(owner, ids),
            "restore": lambda: ledger.restore(owner, ids),
            "dismiss": lambda: [ledger.dismiss(owner, id_) for id_ in ids] and None,
        }
        if not isinstance(what, str) or what not in acts:
            raise InvalidRequest("what", what, f"one of: {', '.join(acts)}")
        acts[what]()
        return page(owner, told.get("wanted"))

    def use(owner: str, event: gr.EventData) -> Update:
        """All settings of a picture, or of a job that was interrupted, into the tab that draws such pictures."""
        told = event._data if isinstance(event._data, dict) else {}
        id_ = str(told.get("id"))
        job = next((each for each in ledger.interrupted(owner) if each.job == id_), None)
        request = job.request if job else ledger.picture(owner, id_).request
        tab = _tab_of(request.TASK)
        if tab not in jobs:
            raise MissingImage("No tab of this page draws such pictures.")
        store.sources_of(request)  # which may be gone; that is said before anything changes
        changes = {**jobs[tab].write(request), picker.dropdown: picker.refreshed(request.pack)}
        if job:
            ledger.dismiss(owner, id_)
        return {tabs_: gr.Tabs(selected=tab), **changes}

    forms = set().union(*(each.form for each in jobs.values()))
    view.ask(ask, browser, view, **QUICK)
    view.do(do, browser, view, **QUICK)
    view.use(use, browser, [tabs_, picker.dropdown, *(forms - {picker.dropdown})], **QUICK)


def _tab_of(task: str) -> str:
    return TABS.get(task, task).replace("-", "_")


def _wanted(told: Any) -> Wanted:
    """What a page asks for. Raises `InvalidRequest` for what makes no sense."""
    told = told if isinstance(told, dict) else {}
    words, task, before = told.get("words", ""), told.get("task", ""), told.get("before")
    if not isinstance(words, str) or len(words) > LONGEST_SEARCH:
        raise InvalidRequest("search", words, f"at most {LONGEST_SEARCH} characters")
    if task not in ("", *kinds()):
        raise InvalidRequest("task", task, f"one of: {', '.join(kinds())}")
    if before is not None:
        is_pair = isinstance(before, list) and len(before) == 2
        if not is_pair or not isinstance(before[0], (int, float)) or not isinstance(before[1], str):
            raise InvalidRequest("before", before, "the last picture's time and name")
        before = (float(before[0]), before[1])
    return Wanted(words.strip(), task, told.get("favourites") is True, told.get("deleted") is True, before)


def _ids(told: Any) -> list[str]:
    if not isinstance(told, list) or len(told) > MOST_AT_ONCE or not all(isinstance(each, str) for each in told):
        raise InvalidRequest("ids", told, f"a list of at most {MOST_AT_ONCE} names")
    return told


def _shown(picture: Picture) -> dict[str, Any]:
    request = picture.request
    return {
        "id": picture.id, "made": picture.made, "task": _tab_of(picture.task), "text": picture.text,
        "negative": request.negative if isinstance(request, Prompted) else "", "seed": str(picture.seed),
        "sampler": picture.sampler, "steps": request.steps, "pack": picture.pack, "hash": picture.model_hash,
        "guidance": request.guidance if isinstance(request, Prompted) else None, "width": picture.width,
        "height": picture.height, "seconds": picture.seconds, "favourite": picture.is_favourite,
        "missing": picture.is_missing,
    }  # fmt: skip


def _offered(job: Interrupted) -> dict[str, Any]:
    return {"id": job.job, "task": _tab_of(job.request.TASK), "text": job.request.words, "count": job.request.count}
