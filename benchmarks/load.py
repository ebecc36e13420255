"""Many people at once on one studio, over HTTP, as browsers would: does the page stay quick, and its memory bounded?

    python -m benchmarks.load --sessions 64 --jobs 3

Starts the real program on 127.0.0.1 with the shipped pack and a data folder of its own. One session draws alone, which
shows what the page's process does for each. Then every session draws its pictures one after the other while it follows
them; then the sessions discard 200 pictures as soon as they see them; then twice as many people come as the queue
takes, and those that are taken give up; then one more draws. Meanwhile somebody else opens the page again and again.
Prints a line of JSON for each of these.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import secrets
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.studio import Running, running

LONGEST_SECONDS = 1800.0
LOOKS_A_SECOND = 4
ALONE, ALONE_STEPS = 5, 50  # pictures of somebody who is there alone, and their steps
# Of a view, or of gradio's list of what has changed in it.
STATE, MESSAGE = (re.compile(rf'"{name}"(?::|\],)\s*"([^"]+)"') for name in ("state", "message"))
SETTLED_SECONDS = 5.0  # after which what has been asked for has reached the engine, and what is over has ended
MOST_WAITING = 64  # of the queue, so that one address may hold twice as many streams


class Session:
    """One browser: it knows the page's events and follows its own."""

    def __init__(self, http: httpx.AsyncClient, config: dict[str, Any]) -> None:
        self._http, self._hash, self._name = http, secrets.token_hex(6), secrets.token_hex(16)
        self.received = 0  # bytes that this browser has heard of its jobs
        self._components = {each["id"]: each for each in config["components"]}
        self._events = config["dependencies"]

    def _id(self, component: int) -> str:
        each = self._components[component]
        return each["props"].get("elem_id") or each["type"]

    async def _press(self, button: str, **changes: Any) -> str:
        """Clicks the first button of that name, with the form as it is but for ``changes``; the event's name."""
        clicks = (
            event
            for event in self._events
            if any(self._id(target) == button and name == "click" for target, name in event["targets"])
        )
        event, changes = next(clicks), {"browserstate": self._name, **changes}
        data = [changes.get(self._id(each), self._components[each]["props"].get("value")) for each in event["inputs"]]
        body = {"data": data, "fn_index": event["id"], "session_hash": self._hash}
        joined = await self._http.post("/gradio_api/queue/join", json=body)
        joined.raise_for_status()
        return str(joined.json()["event_id"])

    async def draw(self, steps: int, *, gives_up: bool = False, is_sent: asyncio.Event | None = None) -> str:
        """One picture, discarded at its first step if somebody ``gives_up``; how the job ended: ``done``,
        ``stopped``, ``refused`` since the queue is full, ``failed`` or ``cut off``."""
        event = await self._press("generate", prompt="a red house by the sea", steps=steps)
        if is_sent:
            is_sent.set()
        state, message, parameters = "", "", {"session_hash": self._hash}
        async with self._http.stream("GET", "/gradio_api/queue/data", params=parameters) as stream:
            async for line in stream.aiter_lines():
                self.received += len(line)
                if event not in line or not ('"state"' in line or "process_completed" in line):
                    continue  # a preview: what is most of the stream, and costs this process time that the page needs
                state, message = _last(STATE, line) or state, _last(MESSAGE, line) or message
                if gives_up and state == "running":
                    gives_up = False
                    await self._press("discard")
                if "process_completed" in line:
                    return "refused" if state == "failed" and "waiting already" in message else state
        return "cut off"

    async def discard(self) -> None:
        """What this session draws, or waits for."""
        await self._press("discard")


def _last(pattern: re.Pattern[str], line: str) -> str:
    """What the pattern finds last; empty where it finds nothing."""
    return next(iter(reversed(pattern.findall(line))), "")


class Watch:
    """How long the page takes to open, again and again, and what its process needs meanwhile."""

    def __init__(self, http: httpx.AsyncClient, pid: int) -> None:
        self._http, self._process = http, psutil.Process(pid)
        self._waits: list[float] = []
        self._peaks: list[int] = []
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            began = time.perf_counter()
            (await self._http.get("/")).raise_for_status()
            self._waits.append(time.perf_counter() - began)
            self._peaks.append(self._process.memory_info().rss)
            await asyncio.sleep(1 / LOOKS_A_SECOND)

    def figures(self) -> dict[str, float]:
        """Since the last time."""
        waits, peaks, self._waits, self._peaks = self._waits, self._peaks, [], []
        return {
            "page_median_s": round(statistics.median(waits), 3),
            "page_p95_s": round(statistics.quantiles(waits, n=20)[-1], 3),
            "page_worst_s": round(max(waits), 3),
            "memory_peak_mb": round(max(peaks) / 2**20),
        }

    async def end(self) -> None:
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)


async def alone(http: httpx.AsyncClient, config: dict[str, Any], pid: int) -> dict[str, Any]:
    """What the page's process does for one person who draws, as a share of one core, and what it sends."""
    session, page = Session(http, config), psutil.Process(pid)
    await session.draw(2)  # the engine starts, and what is needed once is loaded
    session.received, began, before = 0, time.perf_counter(), page.cpu_times()
    ends = [await session.draw(ALONE_STEPS) for _ in range(ALONE)]
    seconds, after = time.perf_counter() - began, page.cpu_times()
    busy = after.user + after.system - before.user - before.system
    return {
        "phase": "one alone",
        **Counter(ends),
        "seconds": round(seconds, 1),
        "share_of_a_core": round(busy / seconds, 3),
        "kilobytes_a_step": round(session.received / (ALONE * ALONE_STEPS) / 1024, 1),
    }


async def visit(studio: Running, sessions: int, jobs: int, steps: int, cancels: int) -> None:
    """People who draw; people who change their minds; more people than the queue takes; one more picture. Prints how
    the jobs of each ended, how the page did, and what its process needs afterwards."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=studio.url, timeout=LONGEST_SECONDS, limits=limits) as http:
        config = (await http.get("/config")).json()
        print(json.dumps({"phase": "before", "memory_mb": studio.megabytes}), flush=True)
        print(json.dumps(await alone(http, config, studio.pid)), flush=True)
        watch = Watch(http, studio.pid)

        async def phase(name: str, people: Iterable[Coroutine[Any, Any, list[str]]]) -> None:
            began = time.perf_counter()
            ends = Counter(end for each in await asyncio.gather(*people) for end in each)
            seconds = round(time.perf_counter() - began, 1)
            await asyncio.sleep(SETTLED_SECONDS)
            figures = {"phase": name, **ends, "seconds": seconds, **watch.figures(), "memory_mb": studio.megabytes}
            print(json.dumps(figures), flush=True)

        async def live() -> list[str]:
            session = Session(http, config)
            return [await session.draw(steps) for _ in range(jobs)]

        async def change_minds(number: int) -> list[str]:
            session = Session(http, config)
            return [await session.draw(steps, gives_up=True) for _ in range(number)]

        async def crowd(number: int) -> list[str]:
            everybody, sent = [Session(http, config) for _ in range(number)], [asyncio.Event() for _ in range(number)]
            drawing = [
                asyncio.create_task(each.draw(100, is_sent=it)) for each, it in zip(everybody, sent, strict=True)
            ]
            await asyncio.gather(*(it.wait() for it in sent))
            await asyncio.sleep(SETTLED_SECONDS)
            still = [each for each, task in zip(everybody, drawing, strict=True) if not task.done()]
            await asyncio.gather(*(each.discard() for each in still))
            return list(await asyncio.gather(*drawing))

        await phase("drawing", (live() for _ in range(sessions)))
        shares = [cancels // sessions + (at < cancels % sessions) for at in range(sessions)]
        await phase("changing their minds", (change_minds(share) for share in shares))
        await phase("a full queue", [crowd(2 * MOST_WAITING)])
        await phase("one more", [live()])
        await watch.end()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load")
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=3, help="pictures of each session, one after the other")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--cancels", type=int, default=200, help="pictures that are discarded at their first step")
    options = parser.parse_args()
    settings = {"STUDIO_QUEUE": str(MOST_WAITING), "STUDIO_EACH_ADDRESS": str(MOST_WAITING)}
    with tempfile.TemporaryDirectory() as data, running(Path(data), **settings) as studio:
        asyncio.run(visit(studio, options.sessions, options.jobs, options.steps, options.cancels))


if __name__ == "__main__":
    main()
