"""What has been asked for and what came of it: rows of jobs and of pictures, in a database beside the pictures.

Pictures are files first (`Store`); a row here makes one quick to find, and knows whose it is. A picture whose row was
lost, because the process ended in between, is adopted from its own recipe at the next start; a row whose picture is
gone says so.
"""

from __future__ import annotations

from pathlib import Path

from studio.gallery.database import Database
from studio.gallery.jobs import JobTable
from studio.gallery.lineage import Related, lineage
from studio.gallery.marks import MarkTable
from studio.gallery.pictures import PictureTable
from studio.gallery.repair import empty_bin, repair
from studio.gallery.vectors import VectorTable


class Ledger:
    """The rows in the folder ``data``, a table a subject. Safe to use from many threads. ``everybody`` lets each see
    all pictures, for a studio of one person. Raises `StudioError` where another process has the folder."""

    def __init__(self, data: Path, *, everybody: bool = False) -> None:
        self._database = Database(data, everybody=everybody)
        self.jobs = JobTable(self._database)
        self.pictures = PictureTable(self._database)
        self.marks = MarkTable(self._database)
        self.vectors = VectorTable(self._database, self.pictures)

    def close(self) -> None:
        self._database.close()

    def lineage(self, owner: str, id_: str) -> list[Related]:
        """See `studio.gallery.lineage`."""
        return lineage(self.pictures, owner, id_)

    def repair(self, pictures: Path) -> None:
        """See `studio.gallery.repair`; ``pictures`` is the folder with their files."""
        repair(self._database, pictures)

    def empty_bin(self, pictures: Path, before: float) -> None:
        """Deletes what was put in the bin before a time, seconds since 1970, with all that was made of it."""
        empty_bin(self._database, pictures, before)
