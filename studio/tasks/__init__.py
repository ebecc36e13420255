"""One file a task, named after it: ``text_to_image.py`` serves requests whose ``TASK`` is "text-to-image".

A task offers ``prepare(job, request, pack, images) -> list[Row]``, where ``images`` are those that the request names,
by their digests, and ``cost(request, pack) -> float``, how many model inputs one step of one picture takes, counted at
the size that the pack draws best. Dropping a file in here is its registration.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol, cast

from studio.engine.row import Row
from studio.images.pixels import Image
from studio.models.model import Pack
from studio.requests.request import Request


class Task(Protocol):
    """What a module in here offers."""

    def prepare(self, job: str, request: Any, pack: Pack, images: Mapping[str, Image]) -> list[Row]: ...

    def cost(self, request: Any, pack: Pack) -> float: ...


def find_task(request: Request) -> Task:
    """The module that serves ``request``."""
    return cast(Task, importlib.import_module(f"studio.tasks.{request.TASK.replace('-', '_')}"))
