"""What has been drawn, kept and found again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from studio.gallery.errands import BackgroundJobs
from studio.gallery.ledger import Ledger
from studio.gallery.store import Store


@dataclass(frozen=True)
class Library:
    """Where pictures are, what is known of them, and what is being done with many of them."""

    store: Store
    ledger: Ledger
    errands: BackgroundJobs


def open_gallery(data: Path, *, everybody: bool = False) -> tuple[Store, Ledger]:
    """The pictures in the folder ``data`` and the ledger beside them, repaired. Raises `StudioError` where another
    studio has the folder."""
    store, ledger = Store(data), Ledger(data, everybody=everybody)
    store.drop_parts()
    ledger.repair(store.folder)
    return store, ledger


@contextmanager
def opened(data: Path, *, everybody: bool = False) -> Iterator[Library]:
    """Everything in the folder ``data``, as long as it is needed. Raises `StudioError` as `open_gallery` does."""
    store, ledger = open_gallery(data, everybody=everybody)
    errands = BackgroundJobs(data / "exports")
    try:
        yield Library(store, ledger, errands)
    finally:
        errands.close()
        ledger.close()
