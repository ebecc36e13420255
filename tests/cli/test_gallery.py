"""The gallery on the command line: found, exported, and taken in by an empty studio."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.cli import main
from studio.gallery import open_gallery
from studio.gallery.marks import Marks
from studio.gallery.pictures import Entry
from studio.gallery.recipe import Recipe
from studio.images.pixels import Pixels
from tests.miniature import ask


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    store, ledger = open_gallery(tmp_path / "one")
    for seed, prompt in enumerate(("a red house", "a blue boat", "夜晚的红房子")):
        recipe, pixels = Recipe(ask(prompt, seed=seed, pack="storybook")), Pixels(16, 16, bytes([seed] * 768))
        marks = Marks(favourite=seed == 0, tags=("sunny",))
        ledger.pictures.add(
            Entry(store.add(pixels, recipe), recipe, pixels.digest, owner="a" * 32, made=1e9 + seed, marks=marks)
        )
    ledger.close()
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "one"))
    return tmp_path


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_pictures_are_listed_and_searched(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gallery", "list", "--json"]) == 0
    assert [line["request"]["seed"] for line in _lines(capsys)] == [2, 1, 0]  # type: ignore[index]
    assert main(["gallery", "search", "红房子"]) == 0
    assert "夜晚的红房子" in capsys.readouterr().out
    assert main(["gallery", "list", "--json", "--favourites", "--tag", "sunny", "--since", "2001-01-01"]) == 0
    assert len(_lines(capsys)) == 1
    assert main(["gallery", "search", "x", "--tag", "rainy"]) == 0
    assert _lines(capsys) == []


def test_an_export_is_imported_by_an_empty_studio(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["export", "--out", str(data / "all.zip"), "--search", "house"]) == 0
    assert _lines(capsys) == [{"path": str(data / "all.zip"), "pictures": 1}]
    monkeypatch.setenv("STUDIO_DATA", str(data / "other"))
    assert main(["import", str(data / "all.zip")]) == 0
    assert _lines(capsys) == [{"added": 1, "known": 0, "refused": 0}]
    assert main(["gallery", "list", "--json"]) == 0
    (line,) = _lines(capsys)
    assert (line["favourite"], line["tags"], line["made"]) == (True, ["sunny"], 1e9)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["export", "--out", "x.zip", "--form", "tar"], "form is 'tar'"),
        (["export", "--out", "x.zip", "--form", "jpeg", "--quality", "0"], "quality is 0"),
        (["export", "--out", "x.zip", "--push", "me/mine"], "only with --form dataset"),
        (["import", "/nowhere.zip"], "No such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    given: list[str], message: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(given) in (1, 2)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
