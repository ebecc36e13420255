"""Whether the studio can draw, tried and not guessed: a small job goes through the real queue to its first step.

    GET studio/health    200 and the seconds that it took; 503 and why not

Nothing of it is kept: the job is stopped before there is a picture. However many ask, one job is tried at a time, and
its answer serves all for some seconds.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from anyio import to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from studio.backends.client import EngineClient
from studio.events import ENDS, Failed, Finished, Previewed
from studio.requests.text_to_image import TextToImage

HEALTH_URL = "studio/health"
OWNER = "health"
SIDE, STEPS = 64, 20
PATIENCE_SECONDS, SERVES_SECONDS = 20.0, 5.0


@dataclass(frozen=True)
class Health:
    """``seconds`` from asking to the first step; ``problem`` is empty where there is none. ``at``: monotonic time."""

    at: float
    seconds: float
    problem: str = ""


class Canary:
    def __init__(self, client: EngineClient) -> None:
        self._client, self._lock = client, threading.Lock()
        self._last: Health | None = None

    def health(self) -> Health:
        with self._lock:
            if self._last is None or time.monotonic() - self._last.at > SERVES_SECONDS:
                self._last = self._try()
            return self._last

    def _try(self) -> Health:
        pack, began = self._client.packs()[0].info.name, time.monotonic()
        request = TextToImage(prompt="", pack=pack, width=SIDE, height=SIDE, steps=STEPS, guidance=1.0)
        job = self._client.submit(request, OWNER, address=OWNER)
        problem = "The engine gives no sign of life."
        for news in self._client.events(job, heartbeat=1.0):
            if any(isinstance(event, (Previewed, Finished)) for event in news):
                problem = ""
            failed = next((event for event in news if isinstance(event, Failed)), None)
            problem = str(failed.error) if failed else problem
            is_over = any(isinstance(event, (Previewed, *ENDS)) for event in news)
            if is_over or time.monotonic() - began > PATIENCE_SECONDS:
                break
        self._client.cancel(job)
        now = time.monotonic()
        return Health(now, now - began, problem)

    def routes(self) -> list[Route]:
        async def show(request: HttpRequest) -> JSONResponse:
            health = await to_thread.run_sync(self.health)
            body = {"status": "failing" if health.problem else "ok", "seconds": round(health.seconds, 3)}
            if health.problem:
                body["problem"] = health.problem
            headers = {"Cache-Control": "no-store"}
            return JSONResponse(body, status_code=503 if health.problem else 200, headers=headers)

        return [Route(f"/{HEALTH_URL}", show)]
