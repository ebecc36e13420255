"""What leaves the studio can be read by others, and comes back whole; what comes from others cannot do harm.

Each form is read by a program that knows nothing of ours.
"""

from __future__ import annotations

import html.parser
import io
import json
import stat
import struct
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from studio.errors import BadPicture, InvalidRequest, LedgerError
from studio.gallery import open_gallery
from studio.gallery.containers import png_text
from studio.gallery.exports import Options, find_form, forms
from studio.gallery.importing import MOST_ENTRIES, Archive, Folder, Importer, Report
from studio.gallery.ledger import Ledger
from studio.gallery.marks import Marks
from studio.gallery.parameters import to_parameters
from studio.gallery.pictures import Entry, Picture
from studio.gallery.recipe import Recipe
from studio.gallery.store import Store
from studio.gallery.wanted import PictureFilter
from studio.images.opening import open_picture
from studio.images.pixels import Pixels
from studio.models.registry import find_pack
from studio.requests.vary import Vary
from tests.miniature import ask

ME = "a" * 32
PROMPTS = (
    "a red house",
    'quotes " \\ and: colons, commas',
    "夜晚海边的红房子 🏠",
    "<script>alert(1)</script> & <img src=x onerror=alert(2)>",
    "two\nlines",
    "x" * 2000,
    "",
)


@dataclass
class Gallery:
    store: Store
    ledger: Ledger

    def draw(self, request: object, marks: Marks = Marks(), owner: str = ME, made: float | None = None) -> str:  # noqa: B008
        rng = np.random.default_rng(len(self.ledger.pictures.names(owner, PictureFilter())))
        pixels = Pixels.of(rng.integers(256, size=(64, 64, 3), dtype=np.uint8))
        recipe = Recipe(request, "0123456789", None, "f" * 16)  # type: ignore[arg-type]
        path = self.store.add(pixels, recipe)
        self.ledger.pictures.add(Entry(path, recipe, pixels.digest, "", owner, made, 1.5, marks))
        return path.stem

    def all(self) -> list[Picture]:
        return self.ledger.pictures.get_all(ME, self.ledger.pictures.names(ME, PictureFilter()))

    def export(self, form: str, **options: object) -> bytes:
        stream = io.BytesIO()
        find_form(form).write(iter(self.all()), self.store, stream, Options(**options))  # type: ignore[arg-type]
        return stream.getvalue()

    def take(self, file: bytes, owner: str = ME) -> Report:
        *_, report = Importer(self.store, self.ledger, owner, [find_pack("storybook")]).take(Archive(io.BytesIO(file)))
        return report


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    opened = Gallery(*open_gallery(tmp_path / "one"))
    yield opened
    opened.ledger.close()


@pytest.fixture
def full(gallery: Gallery) -> Gallery:
    for number, prompt in enumerate(PROMPTS):
        marks = (
            Marks(favourite=number == 0, tags=("tag one", "二"), note='a <note> "of" mine', collection="A & B")
            if number < 3
            else Marks()
        )
        gallery.draw(ask(prompt, seed=number, pack="storybook"), marks, made=1_700_000_000.0 + number)
    return gallery


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Gallery]:
    opened = Gallery(*open_gallery(tmp_path / "other"))
    yield opened
    opened.ledger.close()


def _known(picture: Picture) -> tuple[object, ...]:
    return (
        picture.digest, picture.request, picture.made, picture.seconds, picture.marks, picture.model_hash,
        picture.revision,
    )  # fmt: skip


def test_the_files_that_macos_puts_into_archives_are_no_pictures(full: Gallery, empty: Gallery) -> None:
    content = io.BytesIO(full.export("archive"))
    with zipfile.ZipFile(content, "a") as archive:
        for name in [each for each in archive.namelist() if each.endswith(".png")]:
            path = PurePosixPath(name)
            for beside in (path.with_name(f"._{path.name}"), PurePosixPath("__MACOSX") / f"._{path.name}"):
                archive.writestr(str(beside), b"\0\5\x16\7" + bytes(60))
    report = empty.take(content.getvalue())
    assert (report.added, report.failed, report.refused) == (len(PROMPTS), 0, [])


def test_an_export_makes_an_empty_studio_the_same_gallery(full: Gallery, empty: Gallery) -> None:
    """Pictures, marks, sources, trajectories and lineage; and taking it again changes nothing."""
    source = full.all()[0]
    with Image.open(full.store.path(source.id)) as image:
        digest = full.store.keep(Pixels.of(np.asarray(image)))
    vary = Vary(image=digest, pack="storybook", width=64, height=64, seed=3)
    child = full.draw(vary, made=1_700_000_100.0)
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    full.store.add_trajectory(full.store.path(child), [stream.getvalue()] * 3)
    archive = full.export("archive")
    report = empty.take(archive)
    assert (report.added, report.known, report.failed) == (len(PROMPTS) + 1, 0, 0)
    assert [_known(each) for each in empty.all()] == [_known(each) for each in full.all()]
    taken = empty.all()[0]
    assert [each.picture.request for each in empty.ledger.lineage(ME, taken.id)] == [source.request, vary]
    assert len(empty.store.trajectory(f"{taken.id}.png")) == 3
    assert empty.store.sources_of(vary)[0].digest == digest
    again = empty.take(archive)
    assert (again.added, again.known) == (0, len(PROMPTS) + 1)
    somebody_else = empty.take(archive, owner="b" * 32)
    assert somebody_else.added == len(PROMPTS) + 1, "what one has, another may not know of"


def test_a_picture_whose_own_recipe_is_damaged_is_taken_in_by_what_others_read(empty: Gallery) -> None:
    info, picture, archive = PngInfo(), io.BytesIO(), io.BytesIO()
    info.add_text("latent-studio", "{")
    info.add_text("parameters", to_parameters(Recipe(ask("a red house", seed=5, pack="storybook"))))
    Image.new("RGB", (64, 64)).save(picture, "PNG", pnginfo=info)
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("a.png", picture.getvalue())
    report = empty.take(archive.getvalue())
    assert (report.added, report.refused) == (1, [])
    assert empty.all()[0].request.seed == 5


def test_a_folder_of_pictures_is_taken_in(full: Gallery, empty: Gallery, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(full.export("archive"))) as files:
        files.extractall(tmp_path / "files")
    (tmp_path / "files" / "link.png").symlink_to("/etc/passwd")
    (tmp_path / "files" / "notes.txt").write_text("no picture")
    *_, report = Importer(empty.store, empty.ledger, ME, [find_pack("storybook")]).take(Folder(tmp_path / "files"))
    assert (report.added, report.failed) == (len(PROMPTS), 0)
    assert [_known(each) for each in empty.all()] == [_known(each) for each in full.all()]


@pytest.mark.parametrize(("form", "kind"), [("jpeg", "JPEG"), ("webp", "WEBP")])
def test_jpeg_and_webp_keep_their_recipes_or_lose_them(form: str, kind: str, full: Gallery, empty: Gallery) -> None:
    """Read by Pillow as any program would, by the tag and the coding that others write."""
    with zipfile.ZipFile(io.BytesIO(full.export(form, quality=95))) as files:
        prompts = []
        for name in files.namelist():
            with Image.open(io.BytesIO(files.read(name))) as image:
                assert image.format == kind
                comment = image.getexif().get_ifd(0x8769)[0x9286]
                assert comment.startswith(b"UNICODE\0")
                prompts.append(comment[8:].decode("utf-16-be").rpartition("\nSteps: ")[0])
        assert prompts == [each.request.caption for each in full.all()]
    assert empty.take(full.export(form)).added == len(PROMPTS)
    assert [each.request for each in empty.all()] == [each.request for each in reversed(full.all())]
    with (
        zipfile.ZipFile(io.BytesIO(full.export(form, recipes=False))) as files,
        Image.open(io.BytesIO(files.read(files.namelist()[0]))) as image,
    ):
        assert not image.getexif()


class _Strict(html.parser.HTMLParser):
    """Every element that is opened is closed, in order; collects what matters."""

    EMPTY = ("meta", "img", "input")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.attributes += attributes
        if tag not in self.EMPTY:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]][-1] += data


def test_the_html_gallery_is_whole_and_nothing_in_it_is_markup_of_a_person(full: Gallery) -> None:
    page = full.export("html").decode()
    parser = _Strict()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    captions = [text.removeprefix("★ ") for text in parser.texts["figcaption"]]
    assert captions == [each.text for each in full.all()]
    assert len(parser.texts["script"]) == 1
    assert not any(name.startswith("on") for name, _ in parser.attributes)
    policy = next(value for name, value in parser.attributes if name == "content" and value and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    links = [value for name, value in parser.attributes if name in ("src", "href")]
    assert all((value or "").startswith("data:image/webp;base64,") for value in links)
    assert len(links) == len(PROMPTS)


def test_the_dataset_is_an_imagefolder(full: Gallery, tmp_path: Path) -> None:
    """By its described rules: a metadata.jsonl beside the files that it names, one JSON object a line, a card with
    YAML. (The `datasets` library itself was tried by hand; it would make every newcomer's test run download Arrow.)"""
    with zipfile.ZipFile(io.BytesIO(full.export("dataset"))) as files:
        files.extractall(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "train" / "metadata.jsonl").read_text().splitlines()]
    assert [line["text"] for line in lines] == [each.request.caption for each in full.all()]
    assert {line["file_name"] for line in lines} == {file.name for file in (tmp_path / "train").glob("*.png")}
    assert len({tuple(line) for line in lines}) == 1, "every line has the same columns"
    assert (tmp_path / "README.md").read_text().startswith("---\npretty_name:")


def test_the_contact_sheet_shows_every_picture(full: Gallery) -> None:
    with Image.open(io.BytesIO(full.export("sheet"))) as sheet:
        assert sheet.format == "PNG"
        assert sheet.size == (3 * 240 + 16, 3 * (224 + 44 + 16) + 16)


@pytest.mark.parametrize("form", forms())
def test_what_is_gone_is_left_out_and_nothing_makes_an_empty_file(form: str, full: Gallery, empty: Gallery) -> None:
    gone, damaged = full.all()[:2]
    full.store.path(gone.id).unlink()
    full.store.path(damaged.id).write_bytes(b"no picture")
    assert full.export(form)
    assert empty.export(form)


def test_exports_hold_one_picture_at_a_time(gallery: Gallery) -> None:
    """A thousand pictures take no more memory than ten."""
    import tracemalloc

    ids = [gallery.draw(ask(seed=seed, pack="storybook")) for seed in range(40)]
    pictures = gallery.ledger.pictures.get_all(ME, ids)

    class Nowhere(io.RawIOBase):
        at = 0

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.at += len(data)  # type: ignore[arg-type]
            return len(data)  # type: ignore[arg-type]

        def tell(self) -> int:
            return self.at

    def peak(pictures: list[Picture]) -> int:
        tracemalloc.start()
        find_form("archive").write(iter(pictures), gallery.store, Nowhere(), Options())  # type: ignore[arg-type]
        (_, most) = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(pictures[:2])
    assert peak(pictures * 5) < peak(pictures[:2]) + 200 * 4_000  # a line of each, to the end; a picture has 12 kB


def _zip(**entries: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _picture(gallery: Gallery) -> bytes:
    id_ = gallery.draw(ask("good", seed=99, pack="storybook"))
    return gallery.store.read(id_)


def test_hostile_archives_are_refused_or_safe(gallery: Gallery, empty: Gallery, tmp_path: Path) -> None:
    good = _picture(gallery)
    names = {
        "../../outside.png": good, "/absolute.png": good, "C:\\windows\\x.png": good, "CON.png": good,
        "a\nb.png": good, "🏠.png": good, "bomb.png": b"\0" * (80 * 2**20), "half.png": good[:200], "text.png": b"x",
        "recipes.jsonl": b'{"file": "CON.png", "tags": 5, "note": [], "made": 1e400, "favourite": "yes"}\nno json\n[1]\n'
        + b"[" * 100_000,
        "sources/" + "0" * 64 + ".png": b"not what it says",
        "frames/CON.png/0000.jpg": b"no picture",
    }  # fmt: skip
    report = empty.take(_zip(**names))
    assert (report.added, report.known, report.failed) == (1, 5, 3)
    assert all("\n" not in line and len(line) < 400 for line in report.refused)
    assert not list(tmp_path.rglob("outside.png"))
    assert [each.marks for each in empty.all()] == [Marks()]
    assert not empty.store.has_trajectory(empty.all()[0].id)


def test_links_and_locked_entries_in_an_archive_are_no_pictures(gallery: Gallery, empty: Gallery) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.png", _picture(gallery))
    locked = bytearray(stream.getvalue())
    report = empty.take(bytes(locked))
    assert (report.added, report.failed) == (1, 1)
    at = locked.rfind(b"PK\x01\x02")  # the central entry of the good one
    locked[at + 8] |= 1  # now says that it is encrypted
    assert empty.take(bytes(locked)).failed == 2


@pytest.mark.parametrize("file", [b"", b"PK", b"no zip", b"PK\x05\x06" + b"\x01\x00" * 9])
def test_what_is_no_zip_is_refused_in_a_line(file: bytes, empty: Gallery) -> None:
    with pytest.raises(BadPicture, match="cannot be read as a ZIP"):
        empty.take(file)


def test_a_list_of_files_that_is_too_long_is_refused_before_it_is_read(empty: Gallery) -> None:
    """Two hundred thousand entries of nothing fit into ten megabytes, and take a hundred to read."""
    ending = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 60_000, 60_000, 100, 0, 0)
    long = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 10, 10, 2**30, 0, 0)
    for file in (ending, long):
        with pytest.raises(BadPicture, match="more than"):
            empty.take(file)


def test_what_is_in_the_bin_or_was_lost_comes_back_by_an_import(gallery: Gallery) -> None:
    binned, lost = (gallery.draw(ask("a house", seed=seed, pack="storybook")) for seed in (1, 2))
    archive, before = gallery.export("archive"), gallery.store.read(lost)
    gallery.ledger.pictures.delete(ME, [binned])
    gallery.store.path(lost).unlink()
    gallery.ledger.repair(gallery.store.folder)
    report = gallery.take(archive)
    assert (report.added, report.known) == (2, 0)
    assert {each.id for each in gallery.all() if not each.is_missing} == {binned, lost}
    assert np.array_equal(*(np.array(Image.open(io.BytesIO(file))) for file in (before, gallery.store.read(lost))))
    assert gallery.take(archive).known == 2


def test_whoever_sees_all_pictures_gets_none_twice(tmp_path: Path) -> None:
    """By the command line, say, which has no name of its own."""
    opened = Gallery(*open_gallery(tmp_path / "alone", everybody=True))
    opened.draw(ask("a house", seed=1, pack="storybook"))
    assert opened.take(opened.export("archive"), owner="b" * 32).known == 1
    opened.ledger.close()


def test_one_odd_picture_does_not_keep_the_others_in(gallery: Gallery) -> None:
    """One made before ZIPs can tell, one with damaged frames; as `exports` promises, what cannot be read is left out."""
    old = gallery.draw(ask("a house", seed=1, pack="storybook"), made=86_400.0)
    frames = gallery.draw(ask("a tree", seed=2, pack="storybook"))
    gallery.store.path(frames).with_suffix(".zip").write_bytes(b"broken")
    with zipfile.ZipFile(io.BytesIO(gallery.export("archive"))) as archive:
        assert sum(name.endswith(".png") for name in archive.namelist()) == 2
    assert gallery.store.read(old)


def test_one_picture_with_damaged_exif_does_not_keep_the_others_out(gallery: Gallery, empty: Gallery) -> None:
    """Pillow raises whatever it likes at EXIF that it rewrites; cameras write such. It is turned all the same."""
    exif = bytearray(Image.Exif().tobytes() or b"")
    tags = Image.Exif()
    tags[0x0112], tags[0x011A] = 6, 1.5
    exif = bytearray(tags.tobytes())
    at = exif.find(b"\x01\x1a")
    exif[at + 3] = 2  # says that a fraction is text
    recipe = Recipe(ask("a boat", seed=9, pack="storybook"), "0123456789")
    damaged = io.BytesIO()
    Image.new("RGB", (64, 32)).save(damaged, "PNG", pnginfo=png_text(recipe), exif=bytes(exif))
    assert open_picture(damaged.getvalue()).array.shape[:2] == (64, 32), "turned by a quarter"
    for seed in (1, 2):
        gallery.draw(ask("a house", seed=seed, pack="storybook"))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, zipfile.ZipFile(io.BytesIO(gallery.export("archive"))) as good:
        archive.writestr("0.png", damaged.getvalue())
        for name in good.namelist():
            archive.writestr(name, good.read(name))
    assert empty.take(stream.getvalue()).added == 3


@pytest.mark.parametrize("form", sorted(set(forms()) - {"dataset"}))
def test_without_recipes_nothing_says_what_was_asked_for(form: str, gallery: Gallery) -> None:
    gallery.draw(ask("xyzzy plugh", seed=424_242, pack="storybook"), Marks(note="xyzzy", tags=("xyzzy",)))
    file = gallery.export(form, recipes=False)
    texts = [file]
    if zipfile.is_zipfile(io.BytesIO(file)):
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            texts = [name.encode() + archive.read(name) for name in archive.namelist()]
    for text in texts:
        assert b"xyzzy" not in text
        assert b"424242" not in text


def test_a_dataset_has_recipes_or_is_none(gallery: Gallery) -> None:
    gallery.draw(ask("a house", seed=1, pack="storybook"))
    with pytest.raises(InvalidRequest, match="recipes"):
        gallery.export("dataset", recipes=False)


def test_frames_beyond_what_a_trajectory_has_are_left_out(gallery: Gallery, empty: Gallery) -> None:
    """A ZIP of two megabytes can hold gigabytes of zeros that begin like a JPEG."""
    gallery.draw(ask("a house", seed=1, pack="storybook"))
    stream, jpeg = io.BytesIO(gallery.export("archive")), io.BytesIO()
    Image.new("RGB", (8, 8)).save(jpeg, "JPEG")
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".png"))
        for number in range(20):
            archive.writestr(f"frames/{name}/{number:04d}.jpg", jpeg.getvalue() + b"\0" * 4_000_000)
    assert empty.take(stream.getvalue()).added == 1
    assert not empty.store.has_trajectory(empty.all()[0].id)


def test_an_import_begins_only_where_there_is_room(
    gallery: Gallery, empty: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.draw(ask("a house", seed=1, pack="storybook"))
    file = gallery.export("archive")
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.raises(LedgerError, match="disk of this studio is full"):
        empty.take(file)


def test_an_archive_of_too_many_files_is_refused_at_once(empty: Gallery) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(MOST_ENTRIES + 1):
            archive.writestr(f"{number}.png", b"")
    began = time.perf_counter()
    with pytest.raises(BadPicture, match="in parts"):
        empty.take(stream.getvalue())
    assert time.perf_counter() - began < 5
