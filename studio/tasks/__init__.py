"""One file a task, named after it: ``text_to_image.py`` serves requests whose ``TASK`` is "text-to-image".

A task offers ``prepare(job, request, pack) -> list[Row]``. Dropping a file in here is its registration.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from studio.packs.pack import Pack
from studio.requests import Request
from studio.rows import Row

Prepare = Callable[[str, Request, Pack], list[Row]]


def find_prepare(request: Request) -> Prepare:
    """The function that turns ``request`` into rows."""
    module = importlib.import_module(f"studio.tasks.{request.TASK.replace('-', '_')}")
    return cast(Prepare, module.prepare)
