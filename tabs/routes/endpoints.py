"""An endpoint for each kind of request, made from its fields: gradio and the tools for assistants read its signature
and its docstring, as if somebody had written it."""

# No postponed annotations: gradio reads an endpoint's types from them.

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import gradio as gr

from studio.models.first_values import STAGES
from studio.requests.fields import Boxes, Field, Picture, first_value
from studio.requests.request import Request
from tabs.routes.answers import Answer

Draw: TypeAlias = Callable[[type[Request], Mapping[str, Any], str, gr.Request | None], Iterator[Answer]]

WORDS = ("prompt", "negative")
LAST = ("width", "height", "cascade", "count", "seed", "steps", "guidance", "sampler", "schedule", "pack")
NOT_GIVEN = {"width": 0, "height": 0, "steps": 0, "guidance": 0.0, "pack": ""}  # then the model's own value is taken
NEW_SEED = -1
IF_NOT_GIVEN = {"pack": "empty for the first one", "seed": "below 0 for a new one"}
THE_MODELS = "0 for the model's own"
STAGES_HELP = (
    "2 draws a small picture first, then that anew with four times its sides, multiples of 32 from 256 to 2048; 1 does "
    "not; 0 for the model's own number where width and height are 0, else 1"
)
SENT = "as base64 or a data URL, or the name of one that was drawn here"
OWNER_HELP = "the name that an earlier answer gave, or empty"


def drawing_endpoint(kind: type[Request], draw: Draw) -> Callable[..., Iterator[Answer]]:
    """The endpoint of ``kind``, called as its task. It calls ``draw`` with the fields that were given, the owner and
    the HTTP request."""
    signature = inspect.Signature(
        [
            *(_parameter(kind, name, field) for name, field in _offered(kind).items()),
            inspect.Parameter("owner", inspect.Parameter.POSITIONAL_OR_KEYWORD, default="", annotation=str),
            inspect.Parameter("page", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=gr.Request),
        ],
        return_annotation=Iterator[dict[str, Any]],
    )

    def endpoint(*arguments: Any, **named: Any) -> Iterator[Answer]:
        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        values = dict(bound.arguments)
        owner, page = values.pop("owner"), values.pop("page")
        yield from draw(kind, {name: value for name, value in values.items() if _is_given(name, value)}, owner, page)

    endpoint.__name__ = endpoint.__qualname__ = kind.TASK.replace("-", "_")
    endpoint.__signature__ = signature  # type: ignore[attr-defined]
    endpoint.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    endpoint.__annotations__["return"] = signature.return_annotation
    endpoint.__doc__ = _documentation(kind)
    return endpoint


def _offered(kind: type[Request]) -> dict[str, Field]:
    """The fields that the endpoint takes, in its order: what must be given, the words, what is its own, and what all
    kinds have."""

    def place(name: str) -> int:
        if name in WORDS:
            return 1 + WORDS.index(name)
        if name in LAST:
            return 4 + LAST.index(name)
        return 0 if first_value(kind, name) is dataclasses.MISSING else 3

    fields = kind.asked()
    names = (name for name, field in fields.items() if field.in_endpoints)
    return {name: fields[name] for name in sorted(names, key=place)}


def _parameter(kind: type[Request], name: str, field: Field) -> inspect.Parameter:
    hint = list[dict[str, Any]] if isinstance(field, Boxes) else typing.get_type_hints(kind)[name]
    first = NEW_SEED if name == "seed" else NOT_GIVEN.get(name, first_value(kind, name))
    if name == "cascade":
        name, hint, first = STAGES, int, 0
    default = inspect.Parameter.empty if first is dataclasses.MISSING else first
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=hint)


def _is_given(name: str, value: Any) -> bool:
    """Whether somebody said this; gradio has first values for all that nobody says."""
    if name == "seed":
        return not isinstance(value, int) or isinstance(value, bool) or value >= 0
    return name not in NOT_GIVEN or value != NOT_GIVEN[name]


def _documentation(kind: type[Request]) -> str:
    lines = [
        f"    {STAGES}: {STAGES_HELP}" if name == "cascade" else f"    {name}: {_help(name, field)}"
        for name, field in _offered(kind).items()
    ]
    return "\n".join([kind.ABOUT, "", "Parameters:", *lines, f"    owner: {OWNER_HELP}"])


def _help(name: str, field: Field) -> str:
    if isinstance(field, Picture):
        return f"{field.described}; {SENT}"
    if name in IF_NOT_GIVEN or name in NOT_GIVEN:
        return f"{field.described}; {IF_NOT_GIVEN.get(name, THE_MODELS)}"
    return field.described
