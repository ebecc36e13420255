"""Many people at once on one studio, over HTTP, as browsers would: does the page stay quick, and its memory bounded?

    python -m benchmarks.load --sessions 64 --jobs 3

Starts the real program on 127.0.0.1 with the shipped pack and a data folder of its own. Every session opens the page,
then draws its pictures one after the other while it follows them; meanwhile somebody else opens the page again and
again. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.studio import running

LONGEST_SECONDS = 1800.0
LOOKS_A_SECOND = 4


class Session:
    """One browser: it knows the page's events and follows its own."""

    def __init__(self, http: httpx.AsyncClient, config: dict[str, Any]) -> None:
        self._http, self._hash, self._name = http, secrets.token_hex(6), secrets.token_hex(16)
        self._components = {each["id"]: each for each in config["components"]}
        generate = (each for each in config["dependencies"] if self._is_generate(each))
        self._generate = next(generate)

    def _is_generate(self, event: dict[str, Any]) -> bool:
        return any(self._id(target) == "generate" and name == "click" for target, name in event["targets"])

    def _id(self, component: int) -> str:
        each = self._components[component]
        return each["props"].get("elem_id") or each["type"]

    async def draw(self, steps: int) -> str:
        """One picture; how the job ended."""
        changes = {"prompt": "a red house by the sea", "steps": steps, "browserstate": self._name}
        data = [
            changes.get(self._id(each), self._components[each]["props"].get("value"))
            for each in self._generate["inputs"]
        ]
        body = {"data": data, "fn_index": self._generate["id"], "session_hash": self._hash}
        joined = await self._http.post("/gradio_api/queue/join", json=body)
        joined.raise_for_status()
        event, state = joined.json()["event_id"], ""
        parameters = {"session_hash": self._hash}
        async with self._http.stream("GET", "/gradio_api/queue/data", params=parameters) as stream:
            async for line in stream.aiter_lines():
                for known in ("done", "failed"):
                    if f'"{known}"' in line and '"state"' in line:
                        state = known
                if event in line and "process_completed" in line:
                    return state or "completed"
        return "cut off"


async def visit(url: str, sessions: int, jobs: int, steps: int, pid: int) -> dict[str, Any]:
    """All sessions at once; figures of the page and of its process."""
    process, limits = psutil.Process(pid), httpx.Limits(max_connections=None)
    before, peaks, waits, ends = process.memory_info().rss, [], [], []
    is_over = asyncio.Event()

    async def look(http: httpx.AsyncClient) -> None:
        while not is_over.is_set():
            began = time.perf_counter()
            (await http.get("/")).raise_for_status()
            waits.append(time.perf_counter() - began)
            peaks.append(process.memory_info().rss)
            await asyncio.sleep(1 / LOOKS_A_SECOND)

    async def live(http: httpx.AsyncClient, config: dict[str, Any]) -> None:
        session = Session(http, config)
        for _ in range(jobs):
            ends.append(await session.draw(steps))

    async with httpx.AsyncClient(base_url=url, timeout=LONGEST_SECONDS, limits=limits) as http:
        config = (await http.get("/config")).json()
        watcher = asyncio.create_task(look(http))
        began = time.perf_counter()
        await asyncio.gather(*(live(http, config) for _ in range(sessions)))
        seconds = time.perf_counter() - began
        is_over.set()
        await watcher
        await asyncio.sleep(5)
    return {
        "sessions": sessions,
        "jobs": len(ends),
        "done": ends.count("done"),
        "seconds": round(seconds, 1),
        "page_median_s": round(statistics.median(waits), 3),
        "page_p95_s": round(statistics.quantiles(waits, n=20)[-1], 3),
        "page_worst_s": round(max(waits), 3),
        "memory_before_mb": round(before / 2**20),
        "memory_peak_mb": round(max(peaks) / 2**20),
        "memory_after_mb": round(process.memory_info().rss / 2**20),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load")
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=3, help="pictures of each session, one after the other")
    parser.add_argument("--steps", type=int, default=12)
    given = parser.parse_args()
    settings = {"STUDIO_QUEUE": "256", "STUDIO_EACH_ADDRESS": "256"}
    with tempfile.TemporaryDirectory() as data, running(Path(data), **settings) as studio:
        print(json.dumps(asyncio.run(visit(studio.url, given.sessions, given.jobs, given.steps, studio.pid))))


if __name__ == "__main__":
    main()
