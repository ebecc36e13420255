"""Numbers for a Prometheus server: how full the queue is, how fast the engine steps, how long people wait.

GET metrics    with STUDIO_METRICS=1; nothing in it says who asked for what
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from studio.backends.local import LocalClient
from studio.events import ENDS, Drawn, Event, Started
from studio.hosting.journal import Accept, Record
from studio.requests.request import Request

METRICS_URL = "metrics"
SECONDS = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)


class Metrics:
    """Put it `around` what records jobs. Safe to use from many threads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._taken: dict[str, float] = {}  # when each job that has not ended was taken
        self._jobs = Counter("studio_jobs", "Jobs that have ended, by how.", ["end"], registry=self._registry)
        self._pictures = Counter("studio_pictures", "Pictures that were drawn.", registry=self._registry)
        self._waits = Histogram(
            "studio_wait_seconds", "From asking to the first step.", buckets=SECONDS, registry=self._registry
        )
        self._lasts = Histogram(
            "studio_job_seconds", "From asking to the end.", buckets=SECONDS, registry=self._registry
        )
        for end in ENDS:
            self._jobs.labels(end.__name__.lower())

    def around(self, record: Record, accept: Accept) -> tuple[Record, Accept]:
        """What a `LocalClient` calls with each event, and with each job that it takes."""

        def take(job: str, owner: str, request: Request) -> None:
            accept(job, owner, request)
            with self._lock:
                self._taken[job] = time.monotonic()

        return lambda event: self._see(record(event)), take

    def _watch(self, client: LocalClient) -> None:
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "studio_queue_jobs": ("Jobs that wait.", lambda: client.pulse.waiting),
            "studio_rows": ("Pictures in flight.", lambda: client.pulse.rows),
            "studio_batch_inputs": ("Model inputs of the last call.", lambda: client.pulse.inputs),
            "studio_steps_per_second": ("Of all pictures together.", lambda: client.pulse.steps_a_second),
            "studio_engine_starts": ("How often the engine was started.", lambda: client.starts),
        }
        for name, (meaning, value) in gauges.items():
            Gauge(name, meaning, registry=self._registry).set_function(value)

    def _see(self, event: Event) -> Event:
        with self._lock:
            taken = self._taken.pop(event.job, None) if isinstance(event, ENDS) else self._taken.get(event.job)
        if isinstance(event, Drawn):
            self._pictures.inc()
        if isinstance(event, ENDS):
            self._jobs.labels(type(event).__name__.lower()).inc()
        if taken is not None and isinstance(event, Started):
            self._waits.observe(time.monotonic() - taken)
        if taken is not None and isinstance(event, ENDS):
            self._lasts.observe(time.monotonic() - taken)
        return event

    def routes(self, client: LocalClient) -> list[Route]:
        self._watch(client)

        def show(request: HttpRequest) -> Response:
            return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

        return [Route(f"/{METRICS_URL}", show)]
