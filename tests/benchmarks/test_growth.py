"""Growth is measured from one engine to the next, and written as a table and a picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import growth
from benchmarks.growth import main, with_people, with_queue, with_side
from studio.models.model import Pack

pytestmark = pytest.mark.slow


def test_a_queue_is_measured_while_it_waits(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "TAKEN_ON", 5)
    monkeypatch.setattr(growth, "STEPS", 3)
    figures = with_queue(pack, 40)
    assert figures["waiting"] == 40
    assert 0 < figures["taking one on, ms"] <= figures["longest, ms"]
    assert figures["a step beside the U-Net, ms"] > 0


def test_people_and_sides_are_measured(pack: Pack) -> None:
    assert with_people(pack, 2, 1)["pictures/s"] > 0
    assert with_side(pack, 64, 2)["seconds a step"] > 0


def test_one_command_writes_its_table_and_its_plot(
    toy_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "_alone", growth._loaded)
    monkeypatch.setattr(growth, "TAKEN_ON", 3)
    monkeypatch.setattr(growth, "STEPS", 2)
    main(["--pack", str(toy_pack), "--precision", "exact", "--queue", "5", "--people", "1", "--sides", "64",
          "--each", "1", "--steps", "2", "--out", str(tmp_path)])  # fmt: skip
    assert "taking one on" in (tmp_path / "growth.md").read_text()
    assert (tmp_path / "growth.png").stat().st_size > 10_000
