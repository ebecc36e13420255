"""What can be asked for: one file a kind of request, named after its ``TASK``. This is the one place where limits live;
the page, the command line and the engine all rely on it. Dropping a file in here is its registration."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from studio.errors import InvalidRequest
from studio.requests.request import Request

RENAMED = {"noise": "forward-process"}  # tasks as recipes of earlier versions call them
_Request = TypeVar("_Request", bound=Request)


@cache
def kinds() -> Mapping[str, type[Request]]:
    """Every kind of request by its ``TASK``."""
    found: dict[str, type[Request]] = {}
    for file in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{file.name}")
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Request) and "TASK" in vars(kind):
                found[kind.TASK] = kind
    return MappingProxyType(found)


def to_mapping(request: Request) -> dict[str, Any]:
    """Plain values, as they go into a recipe; `from_mapping` gives an equal request back."""
    return {"task": request.TASK, **dataclasses.asdict(request)}


def from_mapping(values: Mapping[str, Any]) -> Request:
    """The request that ``values`` describe. Raises `InvalidRequest` for anything missing, unknown or out of limits."""
    rest = dict(values)
    task = rest.pop("task", None)
    task = RENAMED.get(task, task) if isinstance(task, str) else task
    if not isinstance(task, str) or task not in kinds():
        raise InvalidRequest("task", task, "one of: {names}", names=", ".join(kinds()))
    return _build(kinds()[task], rest)


def _build(kind: type[_Request], values: dict[str, Any]) -> _Request:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name, value in values.items():
        if name not in fields:
            raise InvalidRequest(name, value, "one of the fields {names}", names=", ".join(fields))
    for name, field in fields.items():
        if field.default is dataclasses.MISSING and name not in values:
            raise InvalidRequest(name, None, "a value")
    return kind(**values)
