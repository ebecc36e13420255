"""What can be said of a picture: one file a column, which offers it as ``COLUMN``. Dropping a file in here is its
registration: database, search, exports, imports, the page and the API follow from it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from studio.gallery.column import Column


@cache
def columns() -> Mapping[str, Column]:
    """Every column by its name, in order."""
    modules = (importlib.import_module(f"{__name__}.{file.name}") for file in pkgutil.iter_modules(__path__))
    found = sorted((module.COLUMN for module in modules), key=lambda column: column.order)
    return MappingProxyType({column.name: column for column in found})


def filtered() -> list[Column]:
    """The columns by which pictures can be filtered."""
    return [column for column in columns().values() if column.filter]
