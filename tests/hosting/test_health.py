"""Whoever runs a studio can ask whether it draws, and how busy it is; by the real queue, and without a trace."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator

import httpx
import pytest
from gradio_client import Client

from studio.backends.scripted import ScriptedClient
from studio.events import Event
from studio.hosting import health
from studio.models.catalogue import PackState
from studio.models.registry import find_pack
from tests.running import Studio


def _numbers(studio: Studio) -> dict[str, float]:
    """The metrics, read as a Prometheus server reads them."""
    text = httpx.get(f"{studio.url}/metrics").text
    return {name: float(value) for name, value in re.findall(r"^([^#\s]+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)}


def test_a_studio_that_draws_says_so_and_keeps_nothing_of_it(studio: Studio) -> None:
    before = set((studio.data / "pictures").glob("*"))
    answer = httpx.get(f"{studio.url}/studio/health", timeout=60)
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert 0 < answer.json()["seconds"] < 30
    assert set((studio.data / "pictures").glob("*")) == before
    assert httpx.get(f"{studio.url}/studio/health").json() == answer.json(), "one try serves all for some seconds"


def test_metrics_count_what_happens_and_name_nobody(observed: Studio) -> None:
    before = defaultdict(float, _numbers(observed))
    client = Client(observed.url, verbose=False, analytics_enabled=False)
    client.predict("a secret house", api_name="/text_to_image", width=64, height=64, steps=2)
    client.close()
    more = {name: value - before[name] for name, value in _numbers(observed).items()}
    assert more["studio_pictures_total"] == 1
    assert more['studio_jobs_total{end="finished"}'] == 1
    assert more["studio_job_seconds_count"] == more["studio_wait_seconds_count"] == 1
    assert _numbers(observed)["studio_engine_starts"] == 1
    assert "secret" not in httpx.get(f"{observed.url}/metrics").text


def test_an_engine_that_hangs_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A health check that hangs with what it checks is none."""
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.2)
    silence: Iterator[list[Event]] = itertools.repeat([])
    client = ScriptedClient(packs=[PackState(find_pack("storybook"))])
    monkeypatch.setattr(client, "events", lambda job, heartbeat: silence)
    told = health.Canary(client).health()
    assert told.problem == "The engine gives no sign of life."
    assert told.seconds < 10, "its patience and not ours, however busy the machine"
    assert client.cancelled == ["job"], "should the engine come back, it has nothing to do"


def test_there_are_no_metrics_unless_they_are_asked_for(studio: Studio) -> None:
    assert httpx.get(f"{studio.url}/metrics").status_code == 404
