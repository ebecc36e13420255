"""A slice of the corpus of what strangers send, through the real program: all of it is refused clearly, or done right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.hostile import VALUES, Answer, attack, corpus, endpoint_cases, field_cases
from benchmarks.studio import Running, running

pytestmark = pytest.mark.slow

EVERY = 9  # of the corpus, one case in so many, so that every kind and most fields have some


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(Path(tmp_path_factory.mktemp("attacked")), STUDIO_BATCH="8", STUDIO_METRICS="1") as studio:
        yield studio


def test_whatever_is_sent_gets_a_clear_answer_and_the_next_one_a_picture(attacked: Running) -> None:
    with httpx.Client(base_url=attacked.url, timeout=60) as http:
        arguments = {name: VALUES[name] for name in ("nothing", "400 digits", "deep", "null byte")}
        cases = [each for each in corpus(http, {}) if each.kind != "closed"][:: EVERY // 3]
        cases += [*endpoint_cases(http, arguments), *field_cases(http, arguments)][::EVERY]
    verdicts, wrong, canaries = attack(attacked, cases)
    assert wrong == []
    assert sum(verdicts.values()) == len(cases) > 200
    assert len(canaries) >= len(cases) // 25
    assert {kind for kind, _ in verdicts} >= {"arguments", "fields", "files", "archives", "names", "methods", "hosts"}


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(200), "done"),
        (Answer(404, "There is nothing here."), "clear"),
        (Answer(503, "Too many requests."), "clear"),
        (Answer(400, ""), "wrong"),
        (Answer(500, "The studio could not make sense of this request."), "wrong"),
        (Answer(400, 'File "/usr/lib/site-packages/x.py": Traceback'), "wrong"),
        (Answer(599, "ReadTimeout"), "wrong"),
    ],
)
def test_an_answer_without_a_reason_is_no_clear_one(answer: Answer, verdict: str) -> None:
    assert answer.verdict == verdict
