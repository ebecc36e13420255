"""What is kept of pictures and jobs: found again, whose they are, and whole after whatever has happened."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.errors import LedgerError, MissingImage, StudioError
from studio.gallery import open_gallery
from studio.gallery.database import FILE
from studio.gallery.ledger import Ledger
from studio.gallery.marks import Marks
from studio.gallery.pictures import PAGE, Entry
from studio.gallery.recipe import Recipe
from studio.gallery.repair import KEPT_IN_BIN
from studio.gallery.store import Store
from studio.gallery.wanted import PictureFilter
from studio.images.pixels import Pixels
from studio.requests.text_to_image import TextToImage
from tests.miniature import ask

ME, YOU = "a" * 32, "b" * 32
ROOT = Path(__file__).parents[2]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path)
    yield opened
    opened.close()


def _draw(data: Path, ledger: Ledger, request: TextToImage, owner: str = ME, job: str = "") -> str:
    recipe, pixels = Recipe(request, "abc"), Pixels(1, 1, b"rgb")
    path = Store(data).add(pixels, recipe)
    ledger.pictures.add(Entry(path, recipe, pixels.digest, job, owner, seconds=1.5))
    return path.stem


def _found(ledger: Ledger, owner: str = ME, **wanted: object) -> list[str]:
    return [each.id for each in ledger.pictures.find(owner, PictureFilter(**wanted))]  # type: ignore[arg-type]


def test_pictures_are_found_by_their_words_in_three_languages(tmp_path: Path, ledger: Ledger) -> None:
    ids = {
        prompt: _draw(tmp_path, ledger, ask(prompt, sampler="Heun", seed=41))
        for prompt in (
            "a red house by the sea",
            "夜晚海边的红房子",
            "ein Haus am Meer",
            'odd "quotes" OR (brackets:1.2)*',
        )
    }
    red, chinese, german, odd = ids.values()
    assert _found(ledger) == [odd, german, chinese, red], "the latest first"
    assert _found(ledger, words="red") == [red]
    assert _found(ledger, words="RED hou") == [red], "the last word may be unfinished, and case does not matter"
    assert _found(ledger, words="红房子") == [chinese]
    assert _found(ledger, words="海边") == [chinese]
    assert _found(ledger, words="haus meer") == [german]
    assert _found(ledger, words='"quotes" OR (brackets') == [odd]
    assert _found(ledger, words="nothing like it") == []
    assert len(_found(ledger, words="heun")) == 4
    for hostile in ('"', "*", "NEAR(", "a AND NOT", "\0", "'; DROP TABLE pictures; --", "^", "-x"):
        _found(ledger, words=hostile)
    assert len(_found(ledger)) == 4


def test_pages_follow_one_another_without_gaps(tmp_path: Path, ledger: Ledger) -> None:
    ids = [_draw(tmp_path, ledger, ask(seed=seed)) for seed in range(PAGE + 5)]
    first = ledger.pictures.find(ME, PictureFilter())
    rest = ledger.pictures.find(ME, PictureFilter(before=(first[-1].made, first[-1].id)))
    assert [each.id for each in (*first, *rest)] == ids[::-1]


def test_each_sees_their_own_and_a_studio_of_one_person_shows_all(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "many")
    mine, yours = _draw(tmp_path, ledger, ask()), _draw(tmp_path, ledger, ask(), YOU)
    assert (_found(ledger), _found(ledger, YOU)) == ([mine], [yours])
    nobody_s = _draw(tmp_path, ledger, ask(), "")
    assert _found(ledger, "") == [], "a browser without a name yet"
    with pytest.raises(MissingImage):
        ledger.pictures.get(ME, yours)
    ledger.pictures.delete(ME, [yours])
    ledger.marks.act(ME, [yours], "favour")
    assert _found(ledger, YOU) == [yours]
    assert not ledger.pictures.get(YOU, yours).marks["favourite"]
    ledger.close()
    single = Ledger(tmp_path / "many", everybody=True)
    assert set(_found(single, "anybody")) == {mine, yours, nobody_s}
    single.close()


def test_what_is_deleted_can_be_brought_back_until_the_bin_is_emptied(tmp_path: Path, ledger: Ledger) -> None:
    one, two = (_draw(tmp_path, ledger, ask(seed=seed)) for seed in (1, 2))
    pictures = Store(tmp_path).folder
    ledger.pictures.delete(ME, [one, two])
    assert (_found(ledger), _found(ledger, deleted=True)) == ([], [two, one])
    ledger.pictures.restore(ME, [one])
    ledger.empty_bin(pictures, time.time() - KEPT_IN_BIN)
    assert (pictures / f"{two}.png").is_file()
    ledger.empty_bin(pictures, time.time() + 1)
    assert not (pictures / f"{two}.png").exists()
    assert (pictures / f"{one}.png").is_file()
    assert (_found(ledger), _found(ledger, deleted=True), _found(ledger, words="house")) == ([one], [], [one])


def test_a_picture_whose_row_was_lost_is_adopted_and_is_its_job_s_owner_s(tmp_path: Path) -> None:
    store, ledger = open_gallery(tmp_path)
    asked = ask("a lost house", seed=5, count=3)
    ledger.jobs.accept("job", ME, asked)
    lost = store.add(Pixels(1, 1, b"rgb"), Recipe(asked.alone(1), "abc"))
    (store.folder / "half.1234.part").write_bytes(b"half")
    (store.folder / f"{'f' * 32}.png").write_bytes(b"no picture")
    gone = _draw(tmp_path, ledger, ask("a gone house"))
    (store.folder / f"{gone}.png").unlink()
    ledger.close()
    _, again = open_gallery(tmp_path)
    adopted, missing = again.pictures.get(ME, lost.stem), again.pictures.get(ME, gone)
    assert (adopted.text, adopted.request, adopted.is_missing) == ("a lost house", asked.alone(1), False)
    assert missing.is_missing
    assert not list(store.folder.glob("*.part"))
    assert [each.request for each in again.jobs.interrupted(ME)] == [asked]
    again.close()


def test_jobs_that_had_not_ended_are_offered_to_whoever_asked(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for job, state in (("a", ""), ("b", "running"), ("c", "done"), ("d", "failed"), ("e", "cancelled")):
        ledger.jobs.accept(job, ME, ask(job))
        if state:
            ledger.jobs.note(job, state)
    assert ledger.jobs.interrupted(ME) == [], "they are under way"
    ledger.repair(tmp_path)
    assert {each.job for each in ledger.jobs.interrupted(ME)} == {"a", "b"}
    assert ledger.jobs.interrupted(YOU) == []
    ledger.jobs.dismiss(YOU, "a")
    ledger.jobs.dismiss(ME, "b")
    assert [each.job for each in ledger.jobs.interrupted(ME)] == ["a"]
    ledger.close()


@pytest.mark.parametrize("precision", ["", "exact"], ids=["as asked", "filled in by the engine"])
@pytest.mark.parametrize("lost", [0, 1, 3], ids=lambda lost: f"{lost} rows lost")
def test_a_job_all_of_whose_pictures_are_here_is_not_offered_again(tmp_path: Path, lost: int, precision: str) -> None:
    """The studio was killed between the last picture, which everybody has been told of, and the job's last word."""
    store, ledger = open_gallery(tmp_path)
    asked = ask("three houses", seed=5, count=3)
    for job, pictures in (("whole", (0, 1, 2)), ("half", (0, 2)), ("twice the same", (1, 1, 1)), ("none", ())):
        ledger.jobs.accept(job, ME, replace(asked, prompt=job))
        ledger.jobs.note(job, "running")
        for number, index in enumerate(pictures):
            recipe = Recipe(replace(asked, prompt=job, precision=precision).alone(index), "abc")
            path = store.add(Pixels(1, 1, b"rgb"), recipe)
            if number >= lost:
                ledger.pictures.add(Entry(path, recipe, "", job))
    ledger.close()
    _, again = open_gallery(tmp_path)
    assert {each.job for each in again.jobs.interrupted(ME)} == {"half", "twice the same", "none"}
    assert again.pictures.count(ME, PictureFilter()) == 8, "each is whoever's who asked for it"
    again.close()


def test_pictures_without_a_row_are_shared_out_among_jobs_that_asked_for_the_same(tmp_path: Path) -> None:
    store, ledger = open_gallery(tmp_path)
    asked = ask("a house", seed=5, count=2)
    for job in ("a", "b"):
        ledger.jobs.accept(job, ME, asked)
        for index in range(2):
            store.add(Pixels(1, 1, b"rgb"), Recipe(asked.alone(index), "abc"))
    ledger.close()
    _, again = open_gallery(tmp_path)
    assert again.jobs.interrupted(ME) == []
    again.close()


def test_a_second_studio_on_the_same_folder_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    code = f"from pathlib import Path; from studio.gallery.ledger import Ledger; Ledger(Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Another studio is using the folder" in done.stderr
    ledger.close()
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    database = sqlite3.connect(tmp_path / FILE)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StudioError, match="newer version"):
        Ledger(tmp_path)


def test_what_cannot_be_written_is_an_error_that_says_so_and_leaves_nothing_half(
    tmp_path: Path, ledger: Ledger
) -> None:
    path = Store(tmp_path).add(Pixels(1, 1, b"rgb"), Recipe(ask(), "abc"))
    entry = Entry(path, Recipe(ask(), "abc"), "", owner=ME)
    ledger.pictures.add(entry)
    with pytest.raises(LedgerError, match="cannot be written"):
        ledger.pictures.add(entry)  # twice
    assert len(_found(ledger)) == 1
    ledger.marks.act(ME, [path.stem], "favour")
    assert _found(ledger, marks={"favourites": True}) == [path.stem]


def test_a_request_that_no_version_can_make_any_more_is_left_out(tmp_path: Path, ledger: Ledger) -> None:
    kept, odd = _draw(tmp_path, ledger, ask()), _draw(tmp_path, ledger, ask(seed=2))
    database = sqlite3.connect(tmp_path / FILE)
    database.execute("UPDATE pictures SET request = '{\"task\": 7}' WHERE id = ?", (odd,))
    database.commit()
    database.close()
    assert _found(ledger) == [kept]


def test_the_largest_seed_is_kept_exactly(tmp_path: Path, ledger: Ledger) -> None:
    id_ = _draw(tmp_path, ledger, replace(ask(), seed=2**63 - 1))
    assert ledger.pictures.get(ME, id_).seed == 2**63 - 1


def test_what_a_person_says_of_a_picture_leaves_its_star(tmp_path: Path, ledger: Ledger) -> None:
    """The page that sends a note may not know of a star that was set since."""
    id_ = _draw(tmp_path, ledger, ask("a house"))
    ledger.marks.act(ME, [id_], "favour")
    ledger.marks.change(ME, id_, {"note": "mine"})
    assert ledger.pictures.get(ME, id_).marks == Marks(favourite=True, note="mine")


def test_what_leaves_the_bin_for_good_leaves_nothing_behind(tmp_path: Path, ledger: Ledger) -> None:
    id_ = _draw(tmp_path, ledger, ask("a house"))
    store = Store(tmp_path)
    small = store.thumbnails / f"{id_}.webp"
    small.parent.mkdir(exist_ok=True)
    small.write_bytes(b"small")
    ledger.pictures.delete(ME, [id_])
    ledger.empty_bin(store.folder, time.time() + 1)
    assert not store.path(id_).exists()
    assert not small.exists()


def test_a_file_whose_name_is_no_text_does_not_keep_the_studio_from_starting(tmp_path: Path, ledger: Ledger) -> None:
    id_ = _draw(tmp_path, ledger, ask("a house"))
    folder = Store(tmp_path).folder
    (folder / os.fsdecode(b"caf\xe9.png")).hardlink_to(folder / f"{id_}.png")
    ledger.repair(folder)
    assert _found(ledger) == [id_]


def test_a_damaged_ledger_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StudioError, match=r"ledger.db cannot be read .* The pictures are safe"):
        Ledger(tmp_path)
