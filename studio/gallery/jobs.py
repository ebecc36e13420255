"""The rows of jobs: what was asked for, and what became of it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from studio.gallery.database import Database
from studio.gallery.pictures import read_request
from studio.requests import to_mapping
from studio.requests.request import Request

MOST_OFFERED = 20  # interrupted jobs


@dataclass(frozen=True)
class Interrupted:
    """A job that had not ended when the studio did."""

    job: str
    request: Request


class JobTable:
    """The jobs in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(self, job: str, owner: str, request: Request) -> None:
        """A job that has been taken."""
        values = (job, owner, json.dumps(to_mapping(request)), "waiting", time.time())
        with self._database.change() as database:
            database.execute("INSERT INTO jobs (id, owner, request, state, begun) VALUES (?, ?, ?, ?, ?)", values)

    def note(self, job: str, state: str, reason: str = "") -> None:
        """What has become of a job: "running", "done", "failed" or "cancelled". Of others nothing is written."""
        ended = None if state == "running" else time.time()
        with self._database.change() as database:
            database.execute(
                "UPDATE jobs SET state = ?, ended = ?, reason = ? WHERE id = ?", (state, ended, reason, job)
            )

    def interrupted(self, owner: str) -> list[Interrupted]:
        """The owner's jobs that had not ended when the studio did, the latest first."""
        where, values = self._database.where(owner, "state = 'interrupted'")
        query = f"SELECT id, request FROM jobs WHERE {where} ORDER BY begun DESC LIMIT {MOST_OFFERED}"
        return [
            Interrupted(row["id"], request)
            for row in self._database.read(query, values)
            if (request := read_request(row["request"])) is not None
        ]

    def dismiss(self, owner: str, job: str) -> None:
        """An interrupted job that nobody needs to be told of any more."""
        where, values = self._database.where(owner, "id = ?", "state = 'interrupted'")
        with self._database.change() as database:
            database.execute(f"UPDATE jobs SET state = 'cancelled' WHERE {where}", [*values, job])
