"""Limits are kept in one place, on the server, and each refusal names the field, the value and the limit."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from studio.errors import InvalidRequest
from studio.images.boxes import Boxed
from studio.requests import from_mapping, kinds, to_mapping
from studio.requests.inpaint import Inpaint
from studio.requests.interpolate import Interpolate
from studio.requests.layout_to_image import LayoutToImage
from studio.requests.limits import LARGEST_SEED
from studio.requests.request import Request
from studio.requests.vary import Vary
from studio.sampling.catalogue import SAMPLERS
from tests.miniature import ask, own_fields

NAN, INFINITY = float("nan"), float("inf")
REFUSED: list[tuple[str, list[Any]]] = [
    ("seed", [-1, LARGEST_SEED + 1, 1.0, True, "7", None, NAN]),
    ("steps", [0, 151, -1, 1.5, True, "20", None, NAN, INFINITY]),
    ("guidance", [0.99, 30.01, -1, NAN, INFINITY, -INFINITY, True, "4", None]),
    ("rescale", [-0.1, 1.1, NAN, True, "0"]),
    ("eta", [-0.1, 1.1, INFINITY, False, None]),
    ("width", [0, 56, 63, 65, 2056, -64, 64.0, True, "64", None, NAN]),
    ("height", [0, 60, 2049, 128.5, False, "64"]),
    ("count", [0, 17, -3, 2.0, True, "1", None]),
    ("prompt", ["x" * 2001, None, 7, b"bytes", "null \0 character", "\ud800"]),
    ("negative", ["x" * 2001, None, ["a"]]),
    ("sampler", ["", "Restart", None, 3]),
]


@pytest.mark.parametrize(
    ("request_", "needs_words"),
    [
        (ask(""), True), (ask("", image="0" * 64), False), (ask("", image="0" * 64, strength=1.0), True),
        (Vary(image="0" * 64, pack="p", width=64, height=64), False),
        (Vary(image="0" * 64, pack="p", width=64, height=64, likeness=0.0), True),
        (Interpolate(image="0" * 64, other="1" * 64, pack="p", width=64, height=64), False),
        (Interpolate(prompt="a", other_prompt="b", pack="p", width=64, height=64), True),
        (Inpaint(prompt="", image="0" * 64, mask="1" * 64, pack="p", width=64, height=64), False),
    ],
)  # fmt: skip
def test_words_are_needed_where_nothing_else_says_what_is_to_be_seen(request_: Request, needs_words: bool) -> None:
    assert request_.needs_words == needs_words


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in REFUSED for value in values])
def test_what_is_outside_the_limits_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(**{field: value} if field != "prompt" else {}, **({"prompt": value} if field == "prompt" else {}))
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field} is ")
    assert "expected" in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", 0), ("seed", LARGEST_SEED), ("steps", 1), ("steps", 150), ("guidance", 1), ("guidance", 30.0),
        ("width", 64), ("width", 2048), ("height", 72), ("count", 16), ("prompt", ""), ("prompt", "x" * 2000),
        ("prompt", "夜晚海边的红房子 🏠"), ("rescale", 1.0), ("eta", 0),
    ],
)  # fmt: skip
def test_the_limits_themselves_are_allowed(field: str, value: Any) -> None:
    request = ask(**{field: value}) if field != "prompt" else ask(value)
    assert getattr(request, field) == value


def test_the_last_pictures_seed_is_within_the_limit_too() -> None:
    ask(seed=LARGEST_SEED - 3, count=4)
    with pytest.raises(InvalidRequest, match="seed"):
        ask(seed=LARGEST_SEED - 2, count=4)


def test_steps_are_checked_against_the_sampler() -> None:
    with pytest.raises(InvalidRequest, match="1 to 50 with LCM"):
        ask(sampler="LCM", steps=51)
    for name, sampler in SAMPLERS.items():
        ask(sampler=name, steps=sampler.fewest_steps)


@pytest.mark.parametrize(
    ("sampler", "schedule", "steps", "nearest"),
    [
        ("DDIM", "", 1, "2 to 150 with DDIM"),
        ("DEIS", "Karras", 1, "2 to 150 with DEIS on Karras"),
        ("SA-Solver", "Beta", 20, "33 to 150 with SA-Solver on Beta"),
        ("Euler", "", 1, "2 to 150 with Euler"),
        ("PLMS", "Uniform", 50, "one of: SGM Uniform"),
    ],
)
def test_what_would_end_in_noise_is_refused_with_the_nearest_value_and_still_read(
    sampler: str, schedule: str, steps: int, nearest: str
) -> None:
    """Earlier versions drew it, and their pictures stay in the gallery."""
    request = ask(sampler=sampler, schedule=schedule, steps=steps)
    assert from_mapping(to_mapping(request)) == request
    with pytest.raises(InvalidRequest, match=f"{nearest}\\.$"):
        request.check_sampling()


def test_the_fewest_steps_that_are_offered_are_taken() -> None:
    for name, sampler in SAMPLERS.items():
        for schedule in ("", *sampler.offered):
            ask(sampler=name, schedule=schedule, steps=sampler.fewest(schedule)).check_sampling()


def test_a_samplers_name_is_taken_in_any_case_and_kept_in_the_catalogues() -> None:
    assert ask(sampler="euler A").sampler == "Euler a"


@pytest.mark.parametrize("kind", kinds().values())
def test_mapping_and_back_gives_the_request(kind: type[Request]) -> None:
    images = {name: name.encode().hex().ljust(64, "0") for name in kind.images()}
    request = kind(
        **images,
        **own_fields(kind),
        pack="storybook",
        seed=9,
        sampler="Euler a",
        eta=0.25,
    )
    assert from_mapping(to_mapping(request)) == request
    assert pickle.loads(pickle.dumps(request)) == request


def test_a_mapping_with_something_missing_or_unknown_is_refused() -> None:
    values = to_mapping(ask())
    for broken in ({**values, "hat": 1}, {**values, "task": "bake"}, {k: v for k, v in values.items() if k != "width"}):
        with pytest.raises(InvalidRequest):
            from_mapping(broken)


def test_errors_cross_a_process_border() -> None:
    error = pickle.loads(pickle.dumps(InvalidRequest("steps", 0, "a whole number")))
    assert str(error) == "steps is 0; expected a whole number."


BOX = {"phrase": "a red house", "box": [0.1, 0.2, 0.5, 0.9]}
LAYOUT_REFUSED: list[tuple[str, list[Any]]] = [
    ("boxes", [[], None, "boxes", [BOX] * 31, [{"phrase": "a"}], [{**BOX, "hat": 1}], [7]]),
    ("phrase", [[{**BOX, "phrase": text}] for text in ("", "  ", None, "a" * 201, "a\0")]),
    ("box", [[{**BOX, "box": box}] for box in (
        None, [0, 0, 1], [0, 0, 1, "1"], [0, 0, NAN, 1], [True, 0, 1, 1], [10, 20, 300, 400], [-0.1, 0, 1, 1],
        [0.5, 0, 0.5, 1], [0.5, 0, 0.4, 1], [0, 0, 0.005, 1],
    )]),
    ("grounding", [-0.1, 1.1, NAN, None]),
    ("width", [63, 100, None]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in LAYOUT_REFUSED for value in values])
def test_layouts_have_limits_of_their_own(field: str, value: Any) -> None:
    given = {"prompt": "", "pack": "p", "boxes": [BOX], "width": 128, "height": 128}
    assert LayoutToImage(**given).boxes == (Boxed("a red house", (0.1, 0.2, 0.5, 0.9)),)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest) as caught:
        LayoutToImage(**{**given, ("boxes" if field in ("phrase", "box") else field): value})
    assert caught.value.field == field


INPAINT_REFUSED: list[tuple[str, list[Any]]] = [
    ("image", ["", "a" * 63, "A" * 64, "../" * 20, None]),
    ("mask", ["b" * 65, 7]),
    ("width", [15, 8193, 64.0, None]),
    ("height", [0, "64"]),
    ("fill", ["grey", "", None]),
    ("strength", [0, 0.04, 1.01, NAN, True]),
    ("only_masked", [1, "yes", None]),
    ("padding", [-1, 2049, 1.5]),
    ("feather", [-1, 257]),
]


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in INPAINT_REFUSED for value in values])
def test_inpainting_has_limits_of_its_own(field: str, value: Any) -> None:
    given = {"prompt": "", "pack": "p", "image": "a" * 64, "mask": "b" * 64, "width": 101, "height": 99}
    Inpaint(**given)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest) as caught:
        Inpaint(**{**given, field: value})
    assert caught.value.field == field
