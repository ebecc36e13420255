"""What has been drawn, kept and found again."""

from __future__ import annotations

from pathlib import Path

from studio.gallery.ledger import Ledger
from studio.gallery.store import Store


def open_gallery(data: Path, *, everybody: bool = False) -> tuple[Store, Ledger]:
    """The pictures in the folder ``data`` and the ledger beside them, repaired. Raises `StudioError` where another
    studio has the folder."""
    store, ledger = Store(data), Ledger(data, everybody=everybody)
    store.drop_parts()
    ledger.repair(store.folder)
    return store, ledger
