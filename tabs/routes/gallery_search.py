"""The endpoint that finds pictures, with an argument for each filter of `studio.gallery.columns`: gradio and the tools
for assistants read its signature and its docstring, as if somebody had written it."""

# No postponed annotations: gradio reads an endpoint's types from them.

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

import gradio as gr

from studio.gallery.column import Column
from studio.gallery.columns import filtered
from studio.gallery.pictures import PAGE
from tabs.routes.answers import Answer

Search: TypeAlias = Callable[..., list[Answer]]  # of words, task, marks, most, owner, page

MOST_FOUND = 500
ABOUT = "Find pictures that were drawn here, the newest first."
WORDS = "in what they were made from, their tags and notes; all must be there, the last may be unfinished"
TASK = '"text-to-image", "inpaint" ...; empty for all'
OWNER = "whose pictures, by the name that an answer gave; where everybody sees all, it may be empty"


def search_endpoint(search: Search) -> Callable[..., list[dict[str, Any]]]:
    """The endpoint called ``search_gallery``. It calls ``search`` with its arguments, those of the filters together as
    ``marks``."""
    filters = {column.filter: column for column in sorted(filtered(), key=_is_flag)}
    signature = inspect.Signature(
        [
            _parameter("words", ""), _parameter("task", ""),
            *(_parameter(name, False if _is_flag(column) else "") for name, column in filters.items()),
            _parameter("most", PAGE), _parameter("owner", ""), _parameter("page", None, gr.Request),
        ],
        return_annotation=list[dict[str, Any]],
    )  # fmt: skip

    def search_gallery(*arguments: Any, **named: Any) -> list[dict[str, Any]]:
        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        values = dict(bound.arguments)
        return search(marks={name: values.pop(name) for name in filters}, **values)

    search_gallery.__signature__ = signature  # type: ignore[attr-defined]
    search_gallery.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    search_gallery.__annotations__["return"] = signature.return_annotation
    helps = {"words": WORDS, "task": TASK, **{name: column.filter_help for name, column in filters.items()}}
    helps |= {"most": f"how many, 1 to {MOST_FOUND}", "owner": OWNER}
    lines = [f"    {name}: {text}" for name, text in helps.items()]
    search_gallery.__doc__ = "\n".join([ABOUT, "", "Parameters:", *lines])
    return search_gallery


def _is_flag(column: Column) -> bool:
    return column.kind.empty is False


def _parameter(name: str, first: Any, hint: Any = None) -> inspect.Parameter:
    annotation = type(first) if hint is None else hint
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=first, annotation=annotation)
