"""What the log of a running studio says of jobs, and what it does not."""

from __future__ import annotations

import json
import re

import pytest
from gradio_client import Client

from tests.running import Studio

SECRET = "a very private castle"


def _draw(studio: Studio, **asked: int) -> None:
    client = Client(studio.url, verbose=False, analytics_enabled=False)
    client.predict(SECRET, width=64, height=64, steps=2, **asked, api_name="/text_to_image")
    client.close()


def test_jobs_are_logged_without_their_words(studio: Studio) -> None:
    before = len(studio.log)
    _draw(studio, count=2)
    client = Client(studio.url, verbose=False, analytics_enabled=False)
    with pytest.raises(Exception, match="prompt"):
        client.predict(SECRET * 1000, api_name="/text_to_image")
    client.close()
    log = studio.log[before:]
    (job,) = re.findall(r'a job is taken job="(\w+)" task="text-to-image" .*count=2 width=64 height=64 steps=2', log)
    (seconds,) = re.findall(rf'a job finished job="{job}" drawn=2 seconds=(\S+)', log)
    assert 0 < float(seconds) < 60
    assert "refused: prompt" in log
    assert SECRET not in studio.log


def test_they_are_logged_with_their_words_and_as_json_where_that_is_asked_for(observed: Studio) -> None:
    _draw(observed)
    lines = [json.loads(line) for line in observed.log.splitlines() if line.startswith("{")]
    (taken,) = [each for each in lines if each["message"] == "a job is taken" and each["prompt"] == SECRET]
    (ended,) = [each for each in lines if each["message"] == "a job finished" and each["job"] == taken["job"]]
    assert (taken["task"], taken["count"], taken["steps"], taken["width"]) == ("text-to-image", 1, 2, 64)
    assert ended["drawn"] == 1
