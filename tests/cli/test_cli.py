"""The command line: pictures and one JSON line each; exit code 2 and one line for what cannot be asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.cli import main
from studio.gallery.containers import read_recipe
from studio.requests.interpolate import Interpolate
from studio.requests.layout_to_image import LayoutToImage
from studio.requests.super_resolve import SuperResolve
from studio.requests.vary import Vary
from studio.sampling.catalogue import SAMPLERS
from tests.animations import frames_of


def _draw(pack: Path, out: Path, *more: str) -> int:
    given = ["text-to-image", "a red house", "--pack", str(pack), "--steps", "3", "--seed", "7", "--out", str(out)]
    return main([*given, *more])


def test_pictures_are_written_with_one_json_line_each_and_can_be_made_again(
    toy_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _draw(toy_pack, tmp_path, "--count", "2", "--sampler", "euler a") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(line["path"] for line in lines) == [str(tmp_path / "0.png"), str(tmp_path / "1.png")]
    assert sorted(line["seed"] for line in lines) == [7, 8]
    request = read_recipe(tmp_path / "1.png").request
    assert (request.prompt, request.seed, request.sampler, request.count) == ("a red house", 8, "Euler a", 1)

    assert main(["replay", str(tmp_path / "1.png"), "--pack", str(toy_pack)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["same_model"] is True
    assert (
        report["largest_difference"] <= 3
    )  # of a toy that exaggerates: it was one of two in a batch, and is now alone


def test_several_pictures_are_made_again_one_after_the_other(
    toy_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _draw(toy_pack, tmp_path, "--count", "2") == 0
    capsys.readouterr()
    pictures = [str(tmp_path / f"{number}.png") for number in (1, 0)]
    replay = ["replay", *pictures, "--pack", str(toy_pack), "--out", str(tmp_path / "again")]
    assert main(replay) == 0
    assert [json.loads(line)["picture"] for line in capsys.readouterr().out.splitlines()] == pictures
    for number in (0, 1):
        before, after = (read_recipe(folder / f"{number}.png") for folder in (tmp_path, tmp_path / "again"))
        assert after.request == before.request
    assert main(["replay", pictures[0], *replay[1:]]) == 2
    assert "same name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--steps", "0", "steps is 0"), ("--steps", "many", "steps is 'many'"), ("--guidance", "nan", "guidance is nan"),
        ("--width", "100", "width is 100"), ("--seed", "-1", "seed is -1"), ("--sampler", "Restart", "sampler is 'Restart'"),
        ("--count", "17", "count is 17"),  ("--pack", "nowhere", "no pack 'nowhere'"),
        ("--sampler", "DPM2 a", "steps is 3; expected 9 to 150 with DPM2 a."),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_one_line_and_exit_code_2(
    toy_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    assert _draw(toy_pack, tmp_path, option, value) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert said.err.count("\n") == 1


def test_an_option_that_is_none_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["text-to-image", "a red house", "--hat", "1"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_picture_without_a_recipe_cannot_be_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.png").write_bytes(b"not a picture")
    assert main(["replay", str(tmp_path / "a.png")]) == 1
    assert "a.png" in capsys.readouterr().err


def test_samplers_and_packs_are_listed_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samplers"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()] == list(SAMPLERS)
    assert main(["packs"]) == 0
    assert capsys.readouterr().out.startswith("storybook\t")


BOXES = [{"phrase": "a red house", "box": [0.1, 0.3, 0.5, 0.9]}, {"phrase": "蓝船", "box": [0.6, 0.5, 0.9, 0.8]}]


def _lay_out(pack: Path, boxes: Path, *more: str) -> int:
    given = ["layout-to-image", "--boxes", str(boxes), "--pack", str(pack), "--steps", "3", "--seed", "7"]
    return main([*given, "--out", str(boxes.with_name("out.png")), *more])


def test_a_layout_is_drawn_and_made_again_from_its_recipe(
    toy_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "boxes.json").write_text(json.dumps(BOXES), encoding="utf-8")
    assert _lay_out(toy_pack, tmp_path / "boxes.json", "--grounding", "0.7") == 0
    request = read_recipe(tmp_path / "out.png").request
    assert isinstance(request, LayoutToImage)
    assert [each.phrase for each in request.boxes] == ["a red house", "蓝船"]
    assert (request.grounding, request.prompt) == (0.7, "")
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.text["parameters"].startswith("a red house, 蓝船\n")  # type: ignore[attr-defined]
    capsys.readouterr()
    assert main(["replay", str(tmp_path / "out.png"), "--pack", str(toy_pack)]) == 0
    assert json.loads(capsys.readouterr().out)["largest_difference"] <= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"no json", "a JSON list"), (b"[]", "1 to 30"), (b"\xff\xfe", "UTF-8"), (None, "No such file"),
        (b'[{"phrase": "a", "box": [10, 20, 300, 400]}]', "not pixels"),
    ],
)  # fmt: skip
def test_what_is_no_layout_is_one_line(
    toy_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: bytes | None, message: str
) -> None:
    if text is not None:
        (tmp_path / "boxes.json").write_bytes(text)
    assert _lay_out(toy_pack, tmp_path / "boxes.json") in (1, 2)
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph and a mask of another size, in a folder that is the data folder, too."""
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    mask = np.full((180, 240, 4), 255, np.uint8)  # white all over; what is opaque counts
    mask[:, :, 3] = 0
    mask[40:80, 60:120, 3] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path / "photo.png"


def _inpaint(pack: Path, photo: Path, *more: str) -> int:
    given = ["inpaint", "a red house", "--pack", str(pack), "--steps", "3", "--seed", "7", "--image", str(photo)]
    return main([*given, "--out", str(photo.with_name("out.png")), *more])


def test_a_picture_is_inpainted_at_its_own_size_and_made_again_from_its_recipe(
    toy_pack: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _inpaint(toy_pack, photo, "--mask", str(photo.with_name("mask.png")), "--only-masked", "--grow", "2") == 0
    before, after = (np.asarray(Image.open(path)) for path in (photo, photo.with_name("out.png")))
    changed = (before != after).any(axis=2)
    assert changed[25:35, 35:55].mean() > 0.9
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert 18 <= rows[0] < 22
    assert 38 < rows[-1] <= 42
    assert 28 <= columns[0] < 32
    capsys.readouterr()
    assert main(["replay", str(photo.with_name("out.png")), "--pack", str(toy_pack)]) == 0
    assert json.loads(capsys.readouterr().out)["largest_difference"] <= 1


def test_a_picture_is_drawn_on_beyond_its_edges(toy_pack: Path, photo: Path) -> None:
    assert _inpaint(toy_pack, photo, "--extend", "40,0,8,16") == 0
    before, after = (np.asarray(Image.open(path)) for path in (photo, photo.with_name("out.png")))
    assert after.shape == (106, 168, 3)
    assert np.array_equal(after[:90, 40:160], before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--mask FILE"), (("--mask", "PHOTO/nothing.png"), "No such file"), (("--extend", "1,2"), "extend"),
        (("--mask", "PHOTO/mask.png", "--grow", "-500"), "painted over"), (("--mask", "PHOTO/mask.png", "--fill", "x"), "fill"),
        (("--mask", "PHOTO/tall.png"), "of the picture's shape"), (("--mask", "PHOTO/no.txt"), "The file is text"),
    ],
)  # fmt: skip
def test_what_cannot_be_inpainted_is_one_line(
    toy_pack: Path, photo: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    Image.new("L", (20, 200)).save(photo.with_name("tall.png"))
    photo.with_name("no.txt").write_text("no picture")
    try:
        code = _inpaint(toy_pack, photo, *(option.replace("PHOTO", str(photo.parent)) for option in options))
    except SystemExit as ended:
        code = int(str(ended.code))
    said = capsys.readouterr()
    assert code in (1, 2)
    assert message in said.err
    assert said.err.count("\n") == 1


def test_a_picture_gets_more_pixels(toy_pack: Path, tmp_path: Path, photo: Path) -> None:
    given = ["super-resolve", "--image", str(photo), "--pack", str(toy_pack), "--scale", "2", "--samples", "2"]
    assert main([*given, "--steps", "2", "--seed", "3", "--out", str(tmp_path)]) == 0
    with Image.open(photo) as before, Image.open(tmp_path / "1.png") as after:
        assert after.size == (before.width * 2, before.height * 2)
    request = read_recipe(tmp_path / "1.png").request
    assert isinstance(request, SuperResolve)
    assert (request.scale, request.seed, request.count, request.consistent) == (2, 4, 1, True)


def test_what_cannot_be_enlarged_is_one_line(toy_pack: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["super-resolve", "--image", str(photo), "--pack", str(toy_pack)]
    for option, value, message in (("--scale", "3", "scale is 3"), ("--samples", "17", "count is 17")):
        assert main([*given, option, value]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


def _picture(path: Path, colour: tuple[int, int, int]) -> str:
    Image.new("RGB", (90, 60), colour).save(path)
    return str(path)


def test_a_way_from_one_picture_to_another_is_drawn_and_filmed(
    toy_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = [_picture(tmp_path / "a.png", (200, 60, 40)), _picture(tmp_path / "b.png", (40, 60, 200))]
    given = ["--pack", str(toy_pack), "--steps", "2", "--seed", "3", "--out", str(tmp_path / "way"), "--film"]
    assert main(["interpolate", *ends, "--frames", "3", *given]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    request = read_recipe(tmp_path / "way" / "1.png").request
    assert isinstance(request, Interpolate)
    assert (request.positions, request.seed, request.width, request.height) == ((0.5,), 3, 80, 64)
    assert len(frames_of((tmp_path / "way" / "way.webp").read_bytes())) == 3
    assert (tmp_path / "way" / "way.webm").stat().st_size > 500
    with Image.open(tmp_path / "way" / "way.png") as strip:
        assert strip.size == (3 * 80 + 2 * 4, 64)
    assert len(frames_of((tmp_path / "way" / "1.film.webp").read_bytes())) == 2, "one frame a step"


def test_a_variation_is_drawn_and_made_again_from_its_recipe(
    toy_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    source = _picture(tmp_path / "a.png", (200, 60, 40))
    given = ["--pack", str(toy_pack), "--steps", "4", "--seed", "3", "--out", str(tmp_path / "b.png")]
    assert main(["vary", "a house", "--image", source, "--strength", "0.5", "--likeness", "0.7", *given]) == 0
    request = read_recipe(tmp_path / "b.png").request
    assert isinstance(request, Vary)
    assert (request.prompt, request.strength, request.likeness) == ("a house", 0.5, 0.7)
    capsys.readouterr()
    assert main(["replay", str(tmp_path / "b.png"), "--pack", str(toy_pack)]) == 0
    assert json.loads(capsys.readouterr().out)["largest_difference"] <= 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["interpolate", "only.png"], "two of them, or none"),
        (["interpolate"], "two pictures, or words at both ends"),
        (["interpolate", "--prompt", "a house"], "two pictures, or words at both ends"),
        (["vary", "--image", "only.png", "--strength", "0"], "strength is 0"),
        (["vary", "--image", "only.png", "--likeness", "much"], "likeness is 'much'"),
        (["vary", "--image", "nowhere.png"], "nowhere.png"),
    ],
)
def test_what_cannot_be_varied_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, given: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    _picture(tmp_path / "only.png", (1, 2, 3))
    assert main(given) in (1, 2)
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
