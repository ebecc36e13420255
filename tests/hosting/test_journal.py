"""What the log of a running studio says of jobs, and what it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gradio_client import Client

from tests.running import running_studio

SECRET = "a very private castle"


def test_jobs_are_logged_without_their_words(tmp_path: Path) -> None:
    with running_studio(tmp_path / "data", STUDIO_LOG="json") as studio:
        client = Client(studio.url, verbose=False)
        client.predict(SECRET, width=64, height=64, steps=2, count=2, api_name="/text_to_image")
        with pytest.raises(Exception, match="prompt"):
            client.predict(SECRET * 1000, api_name="/text_to_image")
        client.close()
        lines = [json.loads(line) for line in studio.log.splitlines() if line.startswith("{")]
    taken = next(line for line in lines if line["message"] == "a job is taken")
    ended = next(line for line in lines if line["message"] == "a job finished")
    assert (taken["task"], taken["count"], taken["steps"], taken["width"]) == ("text-to-image", 2, 2, 64)
    assert ended["job"] == taken["job"]
    assert ended["drawn"] == 2
    assert 0 < ended["seconds"] < 60
    assert any(line["message"].startswith("refused: prompt") for line in lines)
    assert SECRET not in json.dumps(lines)


def test_they_are_logged_with_their_words_where_that_is_asked_for(tmp_path: Path) -> None:
    with running_studio(tmp_path / "data", STUDIO_LOG_PROMPTS="1") as studio:
        client = Client(studio.url, verbose=False)
        client.predict(SECRET, width=64, height=64, steps=2, api_name="/text_to_image")
        client.close()
        assert f'prompt="{SECRET}"' in studio.log
