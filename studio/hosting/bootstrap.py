"""The studio without its page: library, engine, and those who watch what comes of jobs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from starlette.routing import Route

from studio.backends.client import StartEngine
from studio.backends.local import LocalClient
from studio.backends.placing import Scale
from studio.backends.process import EngineProcess
from studio.backends.scripted import ScriptedBackend
from studio.errors import PackError
from studio.gallery import Library, opened
from studio.gallery.indexer import Indexer
from studio.gallery.recorder import Recorder
from studio.hosting.accounts import Accounts
from studio.hosting.journal import Journal
from studio.hosting.metrics import Metrics
from studio.settings import Settings


@dataclass(frozen=True)
class Studio:
    """``routes`` are served beside the page's own."""

    settings: Settings
    client: LocalClient
    library: Library
    accounts: Accounts | None
    routes: list[Route]


@contextlib.contextmanager
def opened_studio(settings: Settings) -> Iterator[Studio]:
    """Everything that ``settings`` ask for, until the end of the block. Raises `StudioError` or OSError where it cannot
    be had."""
    with contextlib.ExitStack() as ends:
        library = ends.enter_context(opened(settings.data, everybody=settings.single))
        recorder, metrics, journal = Recorder(library.store, library.ledger), Metrics(), Journal(settings.log_prompts)
        watched = metrics.around(*journal.around(recorder, recorder.accept))
        client = ends.enter_context(LocalClient(settings, *watched, engine=_engine(settings)))
        ends.enter_context(contextlib.closing(Indexer(client, library.store, library.ledger)))
        accounts = Accounts(settings.accounts) if settings.accounts else None
        routes = metrics.routes(client) if settings.metrics else []
        yield Studio(settings, client, library, accounts, routes)


def _engine(settings: Settings) -> StartEngine:
    if settings.is_zero_gpu:
        from studio.backends.zerogpu import ZeroGpuBackend

        return ZeroGpuBackend
    if settings.engine == "ray":
        return _on_ray(settings)
    if settings.engine == "scripted":
        return ScriptedBackend
    return EngineProcess


def _on_ray(settings: Settings) -> StartEngine:
    try:
        from studio.backends.ray import RayEngines
    except ImportError:
        raise PackError("STUDIO_ENGINE is ray, but Ray is not installed: pip install -r requirements-ray.txt") from None
    fewest, most = settings.replicas
    return partial(RayEngines, scale=Scale(fewest, most), address=settings.ray)
