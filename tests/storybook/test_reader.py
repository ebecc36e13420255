"""The reader that all figures rest on: right about renders, and asked the right questions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from storybook import dataset, reader
from storybook.evaluate import FIRST_SCENE
from storybook.reader import PRESENT, Reader, focal_loss, heat_map, look, middles, mirrored, reading_loss
from storybook.run import options
from storybook.scoring import accuracies
from storybook.world import Group, Scene, Thing, scene
from storybook.world.scene import COLOURS, GROUNDS, TIMES, WEATHERS


@pytest.fixture(scope="module")
def shipped() -> Reader:
    return reader.load()


@pytest.mark.parametrize("size", [128, 256])
def test_it_is_right_about_renders_it_never_saw(shipped: Reader, size: int) -> None:
    """At its own size and for a pack that draws larger."""
    first, count = FIRST_SCENE + 500_000, 100
    readings, _ = look(shipped, dataset.renders(first, count, size))
    right = accuracies([scene(first + number) for number in range(count)], readings)
    assert min(right.values()) >= 0.95, right


def test_it_finds_where_things_are(shipped: Reader) -> None:
    first, count = FIRST_SCENE + 600_000, 60
    readings, _ = look(shipped, dataset.renders(first, count, 128))
    overlaps = []
    for number, reading in enumerate(readings):
        for thing in scene(first + number).things:
            overlaps.append(max((_overlap(thing.box, other.box) for other in reading.of(thing.kind)), default=0.0))
    assert np.mean(overlaps) > 0.85


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def test_it_cannot_be_satisfied_by_nothing(shipped: Reader) -> None:
    """A grey picture, or noise, shows none of what is asked for."""
    rng = np.random.default_rng(0)
    blank = np.full((8, 128, 128, 3), 128, np.uint8)
    noise = rng.integers(0, 256, blank.shape, dtype=np.uint8)
    castle = Group((Thing("castle", "purple", (0.2, 0.2, 0.6, 0.8)),))
    scenes = [replace(scene(seed), groups=(castle,)) for seed in range(8)]
    for pictures in (blank, noise):
        right = accuracies(scenes, look(shipped, pictures)[0])
        assert right["colour"] <= 0.25


def test_the_loss_is_least_for_the_truth() -> None:
    """Answers built from a scene cost next to nothing; the same answers cost more for its mirror image."""
    boats = Group((Thing("boat", "red", (0.1, 0.2, 0.3, 0.6)), Thing("boat", "red", (0.4, 0.2, 0.6, 0.6))))
    each = replace(scene(3), groups=(boats, Group((Thing("kite", "blue", (0.7, 0, 0.9, 0.4)),))))
    answers = _true_answers(each)
    assert float(reading_loss(answers, [each])) < 1e-2
    assert float(reading_loss(answers, [mirrored(each)])) > 1
    (reading,) = (reader._reading(answers, row) for row in range(1))
    assert {(thing.kind, thing.colour) for thing in reading.things} == {("boat", "red"), ("kite", "blue")}
    assert len(reading.of("boat")) == 2


def test_heat_is_one_where_things_are_and_falls_off_around_them() -> None:
    each = replace(scene(3), groups=(Group((Thing("boat", "red", (0.1, 0.2, 0.5, 0.6)),)),))
    heat = heat_map(each, 32)[reader.KIND_NAMES.index("boat")]
    assert heat.max() == 1
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert (row, column) == (int(0.4 * 32), int(0.3 * 32))
    assert PRESENT < heat[row, column + 1] < 1
    assert heat[0, 31] < 1e-3
    assert heat_map(each, 32).sum() == heat.sum(), "and no other kind has any"


def test_a_wrong_peak_costs_more_the_farther_it_is_from_the_thing() -> None:
    each = replace(scene(3), groups=(Group((Thing("boat", "red", (0.1, 0.2, 0.5, 0.6)),)),))
    truth = torch.from_numpy(heat_map(each, 32))[None]

    def cost(row: int, column: int) -> float:
        logits = torch.full_like(truth, -10.0)
        logits[0, reader.KIND_NAMES.index("boat"), row, column] = 10.0
        return float(focal_loss(logits, truth))

    right, beside, far = cost(12, 9), cost(12, 10), cost(28, 28)
    assert right < beside < far


def _true_answers(each: Scene, side: int = 32) -> reader.Answers:
    def sure(index: int, of: int) -> torch.Tensor:
        return 30 * torch.nn.functional.one_hot(torch.tensor([index]), of).float()

    whole = (
        sure(TIMES.index(each.time), len(TIMES)), sure(GROUNDS.index(each.ground), len(GROUNDS)),
        sure(WEATHERS.index(each.weather), len(WEATHERS)), sure(int(each.mountains), 2),
    )  # fmt: skip
    heat = torch.full((1, len(reader.KIND_NAMES), side, side), -12.0)
    colours, boxes = torch.zeros(1, len(COLOURS), side, side), torch.zeros(1, 4, side, side)
    for thing in each.things:
        x0, y0, x1, y1 = thing.box
        column, row = int((x0 + x1) / 2 * side), int((y0 + y1) / 2 * side)
        x, y = middles(side)[row * side + column].tolist()
        heat[0, reader.KIND_NAMES.index(thing.kind), row, column] = 12
        colours[0, COLOURS.index(thing.colour), row, column] = 30
        boxes[0, :, row, column] = torch.tensor([x - x0, y - y0, x1 - x, y1 - y])
    return reader.Answers(whole, heat, colours, boxes, torch.zeros(1, 1))


def test_it_is_trained_like_every_stage(tmp_path: Path) -> None:
    chosen = options("reader", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"])
    reader.train(chosen)
    model = reader.trained(chosen)
    reader.store(model, tmp_path / "reader.safetensors")
    again = reader.load(tmp_path / "reader.safetensors")
    pictures = dataset.unseen(2, 64)
    assert torch.allclose(look(model, pictures)[1], look(again, pictures)[1], atol=1e-2)
