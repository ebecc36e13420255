"""The gallery's grid, and the messages of its script: what it asks for, checked, and what it is to show."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import gradio as gr

from studio.errors import InvalidRequest
from studio.gallery.column import Column, Flag
from studio.gallery.columns import columns, filtered
from studio.gallery.exports import forms
from studio.gallery.jobs import Interrupted
from studio.gallery.pictures import Picture
from studio.gallery.wanted import LONGEST_SEARCH, PictureFilter
from studio.requests import from_mapping, kinds
from studio.requests.limits import check_number
from studio.requests.request import Prompted, Request
from tabs.components.scripted import Scripted
from tabs.locale.words import words_of
from tabs.routes.exports import NAME

MOST_AT_ONCE = 2000  # pictures that something is done with
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
            columns=[shown_column(column) for column in columns().values()],
            **options,
        )


def shown_column(column: Column) -> dict[str, Any]:
    """What the script needs to know to show a column, to filter by it and to let it be changed."""
    kind = column.kind
    return {
        "name": column.name, "kind": type(kind).__name__.lower(), "filter": column.filter,
        "actions": list(kind.actions), "longest": kind.longest, "symbol": getattr(kind, "symbol", ""),
    }  # fmt: skip


def column_words(column: Column) -> list[str]:
    """The keys of the words that the page says of a column: what it is called, what filters by it, what changes it."""
    is_flag = isinstance(column.kind, Flag)
    name = [] if is_flag else [column.name]
    every = [column.filter if is_flag else f"any_{column.filter}"] if column.filter else []
    return [f"gallery_{word}" for word in (*name, *every, *column.kind.actions)]


def news(**values: Any) -> dict[str, Any]:
    """A value for the script, which looks at each once."""
    return {**values, "stamp": secrets.token_hex(4)}


def message_of(event: gr.EventData) -> Mapping[str, Any]:
    """What the script says."""
    return event._data if isinstance(event._data, dict) else {}


def tab_of(task: str) -> str:
    return TABS.get(task, task).replace("-", "_")


def read_wanted(message: Any) -> PictureFilter:
    """The pictures that a page asks for. Raises `InvalidRequest` for what makes no sense."""
    message = message if isinstance(message, dict) else {}
    words, task, before = message.get("words", ""), message.get("task", ""), message.get("before")
    if not isinstance(words, str) or len(words) > LONGEST_SEARCH:
        raise InvalidRequest("search", words, "at most {most} characters", most=LONGEST_SEARCH)
    if task not in ("", *kinds()):
        raise InvalidRequest("task", task, "one of: {names}", names=", ".join(kinds()))
    if before is not None:
        is_pair = isinstance(before, list) and len(before) == 2
        if not is_pair or not isinstance(before[0], (int, float)) or not isinstance(before[1], str):
            raise InvalidRequest("before", before, "the last picture's time and name")
        before = (float(before[0]), before[1])
    return PictureFilter(
        words=words.strip(), task=task, deleted=message.get("deleted") is True, before=before,
        since=_read_time("since", message.get("since")), until=_read_time("until", message.get("until")),
        marks={column.filter: message.get(column.filter) for column in filtered()},
    )  # fmt: skip


def _read_time(field: str, value: object) -> float | None:
    """Seconds since 1970."""
    if value is None:
        return None
    check_number(field, value, 0, LATEST)
    return float(value)  # type: ignore[arg-type]


def read_like(message: Any) -> str | None:
    """The name of the picture that others should be like; empty where they should show what the words say; None where
    neither is wanted."""
    message = message if isinstance(message, dict) else {}
    like = message.get("like")
    if isinstance(like, str) and NAME.fullmatch(like):
        return like
    words = message.get("words")
    return "" if message.get("shows") is True and isinstance(words, str) and words.strip() else None


def read_request(message: Any) -> Request:
    """A request that the page was told of by the route that reads recipes."""
    if not isinstance(message, dict):
        raise InvalidRequest("request", message, "a recipe that was read here")
    whole = {name: message[name] for name in ("seed", "variation_seed") if isinstance(message.get(name), str)}
    for name, value in whole.items():
        if not value.isdecimal() or len(value) > LONGEST_SEED:
            raise InvalidRequest(name, value, "a whole number")
    return from_mapping({**message, **{name: int(value) for name, value in whole.items()}})


def read_ids(message: Any) -> list[str]:
    """The names of pictures."""
    is_list = isinstance(message, list) and len(message) <= MOST_AT_ONCE
    if not is_list or not all(isinstance(each, str) for each in message):
        raise InvalidRequest("ids", message, "a list of at most {most} names", most=MOST_AT_ONCE)
    return message


def read_marks(message: Any) -> dict[str, Any]:
    """What a person says of a picture, by the names of columns; their values are checked where they are kept."""
    if not isinstance(message, dict) or not all(isinstance(name, str) for name in message):
        raise InvalidRequest("marks", message, "some of: {names}", names=", ".join(columns()))
    return message


def shown(picture: Picture) -> dict[str, Any]:
    """What the script shows of a picture."""
    request = picture.request
    return {
        "id": picture.id, "made": picture.made, "task": tab_of(picture.task), "text": picture.text,
        "negative": request.negative if isinstance(request, Prompted) else "", "seed": str(picture.seed),
        "sampler": picture.sampler, "steps": request.steps, "pack": picture.pack, "hash": picture.model_hash,
        "guidance": request.guidance if isinstance(request, Prompted) else None, "width": picture.width,
        "height": picture.height, "seconds": picture.seconds, "missing": picture.is_missing,
        "revision": picture.revision, **picture.marks,
    }  # fmt: skip


def offered(job: Interrupted) -> dict[str, Any]:
    """What the script shows of a job that was cut off."""
    return {"id": job.job, "task": tab_of(job.request.TASK), "text": job.request.words, "count": job.request.count}
