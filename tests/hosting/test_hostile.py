"""What strangers sent to the running studio, and what it has to answer: one sentence, and the next person's picture."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hosting.visitor import Visitor
from tests.running import Studio, running_studio

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running_studio(tmp_path_factory.mktemp("hostile"), STUDIO_EACH_ADDRESS="6") as studio:
        yield studio


@pytest.fixture
def visit(hostile: Studio) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors. Whatever they send, the next person's picture still comes, and the log holds no traceback."""
    before, visitors = len(hostile.log), []

    def somebody(language: str = "en") -> Visitor:
        visitors.append(Visitor(hostile.url, language))
        return visitors[-1]

    try:
        yield somebody
        somebody().draws()
    finally:
        for each in visitors:
            each.http.close()
    assert "Traceback" not in hostile.log[before:]


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    return visit()


@pytest.mark.parametrize("name", [["x"], {"a": 1}, 7, "z" * 40, "../../etc/passwd", True, ["f" * 32]], ids=repr)
def test_a_browser_s_name_that_is_none_is_refused(visitor: Visitor, name: Any) -> None:
    """One list as a name ended the engine for everybody."""
    answer = visitor.generate(prompt="a red house", browserstate=name)
    assert "browser is" in str(answer["error"])


HUGE = int("9" * 400)
NUMBERS = [None, "", "12", "NaN", [], {}, -1, 0.5, 1e308, HUGE, True]


@pytest.mark.parametrize("field", ["steps", "guidance", "rescale", "eta", "count", "width", "height"])
def test_a_number_that_makes_no_sense_is_refused_in_words(visitor: Visitor, field: str) -> None:
    """58 of 201 refusals came back without a reason."""
    for value in NUMBERS:
        if field in ("eta", "rescale") and value == 0.5:
            continue
        answer = visitor.generate(prompt="a red house", **{field: value})
        assert re.match(rf"{field} is .+; expected .+\.$", str(answer.get("error"))), (value, answer)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", ["x"]), ("prompt", {"a": 1}), ("prompt", 7), ("prompt", "x" * 2001), ("prompt", "a\0b"),
        ("prompt", "\ud800"), ("negative", 1.5), ("sampler", "none such"), ("sampler", ["Euler"]), ("sampler", None),
        ("trajectory", "yes"), ("trajectory", 1),
    ],
    ids=str,
)  # fmt: skip
def test_a_word_that_is_none_is_refused_in_words(visitor: Visitor, field: str, value: Any) -> None:
    answer = visitor.generate(**{"prompt": "a red house", field: value})
    assert re.match(rf"{field} is .+; expected .+\.$", str(answer.get("error"))), answer


@pytest.mark.parametrize("seed", ["-1", "1e3", "٣", "9" * 400, {"a": 1}, ["1"], "", " "], ids=str)
def test_a_seed_that_is_none_is_refused_in_words(visitor: Visitor, seed: Any) -> None:
    answer = visitor.generate(**{"prompt": "a red house", "seed-mode": "keep", "seed": seed})
    assert "seed is" in str(answer.get("error")), answer


def test_refusals_are_in_the_page_s_language(visit: Callable[..., Visitor]) -> None:
    german = visit("de-DE,de;q=0.9,en;q=0.8").generate(prompt="ein Haus", steps=999)
    assert german["error"] == "Schritte ist 999; erwartet: eine ganze Zahl von 1 bis 150."
    chinese = visit("zh-CN").generate(prompt="房子", steps=999)
    assert chinese["error"] == "步数为 999；应为1 到 150 的整数。"


def test_a_refusal_is_one_line_in_the_log(visitor: Visitor, hostile: Studio) -> None:
    """They used to be written to a log that nobody had set up."""
    before = len(hostile.log)
    visitor.generate(prompt="a red house", steps=999)
    (line,) = [line for line in hostile.log[before:].splitlines() if "999" in line]
    assert "INFO tabs.request_context: refused: steps is 999" in line


@pytest.mark.parametrize("values", [[], ["x"], {"a": 1}, "text", None, [None] * 500, 7], ids=lambda v: str(v)[:20])
def test_events_with_the_wrong_number_of_values_are_refused(visitor: Visitor, values: Any) -> None:
    answer = visitor.send(visitor.event("text_to_image", "generate"), values)
    assert answer.get("error") or answer.get("status") == 422 or answer.get("detail"), answer


@pytest.mark.parametrize(
    "told", [[], "x", 7, {"number": HUGE}, {"number": "0"}, {"number": True, "x": [[]]}, None], ids=str
)
def test_events_of_our_own_components_may_tell_anything(visitor: Visitor, told: Any) -> None:
    event = visitor.event("text_to_image", "examples", "choose")
    answer = visitor.send(event, [], told)
    assert answer.get("error") or answer.get("data"), answer


@pytest.mark.parametrize("tab", ["text_to_image", "vary", "super_resolve"])
def test_events_that_wait_in_no_queue_are_checked_as_well(visitor: Visitor, tab: str) -> None:
    """The page sends these past the queue; whatever is meant to be drawn must not go the same way."""
    stop = visitor.event(tab, "stop")
    for values in ([["x"], ["y"]], [{"a": 1}, 7], [], "x", [None] * 99, [HUGE, HUGE]):
        body = {"data": values, "fn_index": stop["id"], "session_hash": "x"}
        answer = visitor.http.post("/gradio_api/run/predict", json=body)
        assert answer.status_code in (200, 422, 500)
        assert answer.status_code == 200 or answer.json().get("error") or answer.json().get("detail")
    generate = visitor.event(tab, "generate")
    body = {"data": visitor.values(generate), "fn_index": generate["id"], "session_hash": "x"}
    assert visitor.http.post("/gradio_api/run/predict", json=body).status_code in (401, 404)


def test_a_shape_that_is_none_is_refused(visitor: Visitor) -> None:
    event = visitor.event("text_to_image", "shape", "input")
    for value in ("none such", ["square"], {"a": 1}, 7):
        assert visitor.send(event, [value]).get("error")


def test_one_address_cannot_fill_the_queue_with_invented_names(visit: Callable[..., Visitor]) -> None:
    """110 invented names filled it. Here six may wait, behind those that have room to be drawn."""
    heavy = {"prompt": "a red house", "steps": 150, "count": 16, "width": 256, "height": 256}
    visitors = [(visit(), f"{number:032x}") for number in range(16)]
    refusal, taken = "6 jobs from your address are waiting already", 0
    try:
        for each, name in visitors:
            answer = json.dumps(each.generate(until=rf'"(queued|running)"|{refusal}', browserstate=name, **heavy))
            if refusal in answer:
                break
            taken += 1
    finally:
        for each, name in visitors:
            each.discard(browserstate=name)
    assert 6 <= taken < len(visitors)


def test_a_canvas_is_measured_before_it_is_made(visitor: Visitor, hostile: Studio, tmp_path: Path) -> None:
    """One empty request took 9 GB."""
    from PIL import Image

    Image.new("RGB", (64, 64), "red").save(tmp_path / "small.png")
    digest = visitor.http.post("/studio/sources", content=(tmp_path / "small.png").read_bytes()).json()["digest"]
    before = _peak_memory(hostile.pid)
    for sides in ("9999,9999,9999,9999", "8000,8000,0,0", "0,0,8128,8128", "-1,0,0,0", "1,2,3", "1e9,0,0,0", "٣,0,0,0"):
        answer = visitor.http.post(f"/studio/sources/{digest}/extended", params={"sides": sides})
        assert answer.status_code == 400, sides
        assert answer.json()["error"]
    assert _peak_memory(hostile.pid) < before + 100 * 2**20


def _peak_memory(pid: int) -> int:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
