"""What is refused, or fails, leaves nothing in the page's memory. With a studio of its own, as it is weighed: pictures of
four megapixels, fifty of each, so that what stays of one is told from what a process grows by anyway. It takes half a
minute, since each picture is really opened."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import PIL.Image
import psutil
import pytest

from tests.hosting.visitor import Visitor
from tests.running import Studio, running_studio

pytestmark = pytest.mark.slow

SIDE = 2048
TIMES = 50
WARM = 5  # the first ones load what is needed, and find the arenas of their threads
ALLOWED = 160 * 2**20  # bytes; fifty pictures have 600 MB, with masks 800


@pytest.fixture(scope="module")
def weighed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running_studio(tmp_path_factory.mktemp("weighed") / "data") as studio:
        yield studio


def _png(mode: str) -> bytes:
    file = io.BytesIO()
    PIL.Image.new(mode, (SIDE, SIDE)).save(file, "PNG")
    return file.getvalue()


def _url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _memory(studio: Studio) -> int:
    return psutil.Process(studio.pid).memory_info().rss


def test_refused_inpaintings_leave_nothing(weighed: Studio) -> None:
    before = 0
    with Visitor(weighed.url) as visitor:
        digest = visitor.http.post("/studio/sources", content=_png("RGB")).json()["digest"]
        painted = {"source": {"digest": digest}, "mask": _url(_png("L"))}
        for number in range(WARM + TIMES):
            answer = visitor.generate("inpaint", mask=painted, prompt="a tree")
            assert "expected some part of the picture painted over" in str(answer["error"])
            before = _memory(weighed) if number == WARM else before
    assert _memory(weighed) - before < ALLOWED


def test_failed_jobs_leave_nothing(weighed: Studio) -> None:
    """Of a job that the engine gives up, the error is kept, for whoever asks for it later."""
    wanted = {"image": _url(_png("RGB")), "mask": _url(_png("L")), "prompt": "a tree", "steps": 2}
    before = 0
    with Visitor(weighed.url) as visitor:
        for number in range(WARM + TIMES):
            begun = visitor.http.post("/gradio_api/call/v2/inpaint", json=wanted).json()
            told = visitor.http.get(f"/gradio_api/call/inpaint/{begun['event_id']}").text
            assert "event: error" in told
            before = _memory(weighed) if number == WARM else before
    assert _memory(weighed) - before < ALLOWED
