"""What can be said of a picture is one file: it is found where it lies, and from the database to the page all follows."""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from studio.cli import main
from studio.errors import InvalidRequest
from studio.gallery import Library, columns, opened
from studio.gallery.columns import columns as known_columns
from studio.gallery.database import FILE
from studio.gallery.exports import Options, find_form
from studio.gallery.importing import Archive, Importer
from studio.gallery.marks import Marks
from studio.gallery.pictures import Picture
from studio.gallery.wanted import PictureFilter
from tabs.components.gallery_view import column_words, shown_column
from tabs.gallery import Gallery
from tabs.routes.api import Api
from tests.replays.ledger import OWNER

ADDITIONS = Path(__file__).with_name("additions") / "columns"
EARLIER = Path(__file__).parents[1] / "replays" / "data"


@pytest.fixture
def _added(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the columns in the test's own folder beside those that ship."""
    monkeypatch.setattr(columns, "__path__", [*columns.__path__, str(ADDITIONS)])
    known_columns.cache_clear()
    yield
    known_columns.cache_clear()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what an earlier version left, which knows nothing of the added columns."""
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    return Path(shutil.copytree(EARLIER, tmp_path / "data"))


@pytest.fixture
def library(_added: None, data: Path) -> Iterator[Library]:
    with opened(data) as library:
        yield library


def _pictures(library: Library, **wanted: Any) -> list[Picture]:
    return library.ledger.pictures.find(OWNER, PictureFilter(**wanted))


@pytest.fixture
def house(library: Library) -> Picture:
    """A picture of which both columns say something."""
    (house,) = _pictures(library, marks={"tag": "for Anna"})
    library.ledger.marks.change(OWNER, house.id, {"people": ["Zoë", "Ben"]})
    library.ledger.marks.act(OWNER, [house.id], "meet", "李雷")
    library.ledger.marks.act(OWNER, [house.id], "print")
    return library.ledger.pictures.get(OWNER, house.id)


def test_a_data_folder_of_an_earlier_version_gets_it_by_itself(house: Picture, library: Library, data: Path) -> None:
    others = [each for each in _pictures(library) if each.id != house.id]
    assert others
    assert all((each.marks["people"], each.marks["printed"]) == ((), False) for each in others)
    assert (house.marks["people"], house.marks["printed"]) == (("Ben", "Zoë", "李雷"), True)
    assert (house.marks["tags"], house.marks["favourite"]) == (("for Anna", "sunny"), True), (
        "what was said before stays"
    )
    with closing(sqlite3.connect(data / FILE)) as database:
        assert database.execute("SELECT count(*) FROM people").fetchone() == (3,)
        assert database.execute("SELECT count(*) FROM pictures WHERE printed = 1").fetchone() == (1,)


def test_the_version_without_it_still_opens_the_folder(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as added:
        added.setattr(columns, "__path__", [*columns.__path__, str(ADDITIONS)])
        known_columns.cache_clear()
        with opened(data) as library:
            assert "people" in _pictures(library)[0].marks
    known_columns.cache_clear()
    with opened(data) as library:
        assert "people" not in _pictures(library)[0].marks


def test_its_values_are_checked(house: Picture, library: Library) -> None:
    marks = library.ledger.marks
    for value in ("Ben", ["x" * 21], ["two\nlines"], list("abcdef")):
        with pytest.raises(InvalidRequest):
            marks.change(OWNER, house.id, {"people": value})
    marks.change(OWNER, house.id, {"people": list("abcde")})
    with pytest.raises(InvalidRequest, match="at most 5"):
        marks.act(OWNER, [house.id], "meet", "f")
    marks.act(OWNER, [house.id], "meet", "a")
    assert library.ledger.pictures.get(OWNER, house.id).marks["people"] == tuple("abcde")


def test_it_is_found_by_words_and_by_its_filter(house: Picture, library: Library) -> None:
    for wanted in ({"words": "zoë"}, {"words": "李雷"}, {"marks": {"person": "Ben"}}, {"marks": {"prints": True}}):
        assert [each.id for each in _pictures(library, **wanted)] == [house.id], wanted
    assert not _pictures(library, marks={"person": "Anna"})
    assert library.ledger.marks.in_use(OWNER, "people") == ["Ben", "Zoë", "李雷"]
    library.ledger.marks.act(OWNER, [house.id], "unprint")
    assert not _pictures(library, marks={"prints": True})


def test_it_leaves_with_the_picture_and_comes_back(house: Picture, library: Library, tmp_path: Path) -> None:
    files = {form: io.BytesIO() for form in ("archive", "dataset", "html")}
    for form, file in files.items():
        find_form(form).write([house], library.store, file, Options())
    with zipfile.ZipFile(files["dataset"]) as dataset:
        line = json.loads(dataset.read("train/metadata.jsonl"))
        assert (line["people"], line["printed"]) == ("Ben Zoë 李雷", True)
        assert "`people`, `printed`" in dataset.read("README.md").decode()
    assert "★▣ " in files["html"].getvalue().decode()
    with opened(tmp_path / "other") as other:
        for _ in Importer(other.store, other.ledger, OWNER, []).take(Archive(files["archive"])):
            pass
        assert [each.marks for each in _pictures(other)] == [house.marks]
        assert [each.text for each in _pictures(other, words="zoë")] == [house.text]


def test_the_page_shows_and_changes_it(house: Picture, library: Library) -> None:
    gallery = Gallery(None, library)  # type: ignore[arg-type]  # nothing is drawn
    answer = gallery.ask(OWNER, gr.EventData(None, {"person": "Ben"}))
    assert [each["people"] for each in answer["pictures"]] == [("Ben", "Zoë", "李雷")]
    assert answer["names"]["person"] == ["Ben", "Zoë", "李雷"]
    gallery.do(OWNER, gr.EventData(None, {"what": "mark", "ids": [house.id], "marks": {"people": ["Eva"]}}))
    answer = gallery.do(OWNER, gr.EventData(None, {"what": "unprint", "ids": [house.id]}))
    changed = next(each for each in answer["pictures"] if each["id"] == house.id)
    assert (changed["people"], changed["printed"], changed["note"]) == (("Eva",), False, house.marks["note"])
    people, printed = known_columns()["people"], known_columns()["printed"]
    assert shown_column(people) == {
        "name": "people", "kind": "words", "filter": "person", "actions": ["meet"], "longest": 20, "symbol": "",
    }  # fmt: skip
    assert column_words(people) == ["gallery_people", "gallery_any_person", "gallery_meet"]
    assert column_words(printed) == ["gallery_prints", "gallery_print", "gallery_unprint"]


def test_the_api_and_the_command_line_tell_it(
    house: Picture, library: Library, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoints = {each.__name__: each for each in Api(None, library).endpoints}  # type: ignore[arg-type]  # none draws
    search = endpoints["search_gallery"]
    assert "person: somebody in them" in str(search.__doc__)
    assert not search(person="Anna", owner=OWNER)
    (found,) = search("zoë", person="Ben", prints=True, owner=OWNER)
    assert (found["people"], found["printed"]) == (["Ben", "Zoë", "李雷"], True)
    library.ledger.close()
    assert main(["gallery", "list", "--json", "--person", "Ben", "--prints"]) == 0
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["id"], line["people"], line["printed"]) == (house.id, ["Ben", "Zoë", "李雷"], True)


def test_what_is_in_the_bin_for_long_takes_it_along(house: Picture, library: Library, data: Path) -> None:
    library.ledger.pictures.delete(OWNER, [house.id])
    library.ledger.empty_bin(library.store.folder, house.made + 1e12)
    with closing(sqlite3.connect(data / FILE)) as database:
        assert database.execute("SELECT count(*) FROM people").fetchone() == (0,)


def test_without_its_file_nobody_knows_it() -> None:
    assert not {"people", "printed"} & known_columns().keys()
    with pytest.raises(InvalidRequest, match="some of: favourite"):
        Marks(people=["Ben"])


@pytest.mark.parametrize("column", known_columns().values(), ids=lambda column: column.name)
def test_a_column_that_ships_can_be_told_from_all_else(column: Any) -> None:
    """Its name stands beside a picture's own values, its filter beside what else is asked for."""
    own = {"id", "made", "task", "text", "negative", "seed", "sampler", "steps", "pack", "hash", "guidance", "width"}
    assert column.name not in {*own, *Picture.__dataclass_fields__, "file", "url", "path", "request", "missing"}
    assert column.filter not in {"words", "like", "shows", *PictureFilter.__dataclass_fields__}
    assert re.fullmatch("[a-z_]+", column.name)
    assert column.kind.check(column.name, column.kind.empty) == column.kind.empty
