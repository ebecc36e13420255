"""The studio for programs: every endpoint draws what its tab draws, with the same limits, in Python and in plain HTTP."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from studio.images.pixels import Mask
from studio.requests import kinds
from tests.images.icc import painted_masks, saved
from tests.running import ROOT, Studio

SMALL = {"width": 64, "height": 64, "steps": 2, "seed": 7}


@pytest.fixture(scope="module")
def client(studio: Studio) -> Client:
    return Client(studio.url, verbose=False, analytics_enabled=False)


def _text(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _fetched(studio: Studio, picture: dict[str, Any]) -> np.ndarray:
    answer = httpx.get(studio.url + picture["url"])
    assert answer.headers["content-type"] == "image/png"
    return np.array(PIL.Image.open(io.BytesIO(answer.content)))


@pytest.fixture(scope="module")
def house(client: Client) -> dict[str, Any]:
    """A picture that was drawn by words, with the answer that it came in."""
    return client.predict("a red house by the sea at night", api_name="/text_to_image", **SMALL)


def test_words_become_pictures_with_all_that_is_known_of_them(studio: Studio, client: Client, house: dict) -> None:
    (picture,) = house["pictures"]
    assert house["state"] == "done"
    assert _fetched(studio, picture).shape == (64, 64, 3)
    assert picture["seed"] == 7
    assert picture["request"]["prompt"] == "a red house by the sea at night"
    again = client.predict(picture["request"], api_name="/draw")
    assert np.array_equal(_fetched(studio, again["pictures"][0]), _fetched(studio, picture)), "the same to the bit"


def test_an_answer_tells_how_far_it_is(client: Client) -> None:
    job = client.submit("a green tree", api_name="/text_to_image", width=64, height=64, steps=12)
    answers = list(job)
    states = [(each["state"], each["step"]) for each in answers]
    assert states[-1] == ("done", 12)
    shares = [each["progress"] for each in answers]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert all(share < 1 for share in shares[:-1])
    assert ("drawing", 12) in states or ("drawing", 11) in states


def test_every_tab_has_an_endpoint(studio: Studio, client: Client, house: dict) -> None:
    name = house["pictures"][0]["name"]
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[20:50, 20:50] = 255
    boxes = [{"phrase": "a red house", "box": [0.1, 0.3, 0.5, 0.9]}]
    drawn = {
        "layout": client.predict(boxes, "by the sea", api_name="/layout_to_image", **SMALL),
        "inpaint": client.predict(name, _text(mask), "a blue boat", api_name="/inpaint", steps=2),
        "super": client.predict(name, scale=2, api_name="/super_resolve", steps=2),
        "vary": client.predict(name, api_name="/vary", **SMALL),
        "interpolate": client.predict(image=name, other=name, count=2, api_name="/interpolate", **SMALL),
        "forward": client.predict(name, count=2, seed=7, api_name="/forward_process"),
    }
    sizes = {kind: _fetched(studio, answer["pictures"][0]).shape[:2] for kind, answer in drawn.items()}
    assert sizes == {"layout": (64, 64), "inpaint": (64, 64), "super": (128, 128), "vary": (64, 64),
                     "interpolate": (64, 64), "forward": (128, 256)}  # fmt: skip
    assert [len(drawn[kind]["pictures"]) for kind in ("interpolate", "forward")] == [2, 2]
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert {f"/{kind.TASK.replace('-', '_')}" for kind in kinds().values()} <= set(named), "and every task"
    before, after = _fetched(studio, house["pictures"][0]), _fetched(studio, drawn["inpaint"]["pictures"][0])
    assert np.array_equal(before[mask == 0], after[mask == 0]), "what is not under the mask stays"
    assert not np.array_equal(before, after)


def test_a_mask_is_what_is_light_and_opaque_however_it_comes(studio: Studio, client: Client) -> None:
    """One with transparency used to have everything outside of it repainted, a red one counted over the API alone."""
    image = np.random.default_rng(1).integers(0, 255, (80, 120, 3), np.uint8)
    digest = httpx.post(f"{studio.url}/studio/sources", content=base64.b64decode(_text(image))).json()["digest"]
    expected = np.zeros((80, 120), np.uint8)
    expected[20:40, 20:60] = 255
    for number, painted in enumerate(painted_masks()[:3]):
        file = saved(painted.resize((120, 80), 0))
        kept = httpx.post(f"{studio.url}/studio/sources/{digest}/mask", content=file).json()["digest"]
        given = kept if number == 0 else base64.b64encode(file).decode()
        answer = client.predict(digest, given, "a boat", api_name="/inpaint", steps=1)
        assert answer["pictures"][0]["request"]["mask"] == kept == Mask.of(expected).digest
    with pytest.raises(AppError, match="POST /studio/sources/DIGEST/mask"):
        client.predict(digest, digest, "a boat", api_name="/inpaint", steps=1)
    with pytest.raises(AppError, match="a mask of the picture's shape, 120x80"):
        client.predict(digest, _text(image[:, :80]), "a boat", api_name="/inpaint", steps=1)


def test_a_picture_is_taken_as_text_or_data_url_or_digest(studio: Studio, client: Client) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    text = _text(pixels)
    digest = httpx.post(f"{studio.url}/studio/sources", content=base64.b64decode(text)).json()["digest"]
    answers = [
        client.predict(image, api_name="/vary", **SMALL) for image in (text, f"data:image/png;base64,{text}", digest)
    ]
    assert len({answer["pictures"][0]["request"]["image"] for answer in answers}) == 1


def test_the_gallery_is_searched_and_exported(studio: Studio, client: Client, house: dict) -> None:
    names = [picture["name"] for picture in house["pictures"]]
    found = client.predict("red house", api_name="/search_gallery", most=5)
    assert set(names) <= {each["name"] for each in found}
    *_, export = client.submit(names, api_name="/export_pictures")
    archive = zipfile.ZipFile(io.BytesIO(httpx.get(studio.url + export["url"]).content))
    assert any(name.endswith(".png") for name in archive.namelist())
    (storybook, *_) = client.predict(api_name="/list_models")
    assert storybook["name"] == "storybook"
    assert {"text-to-image", "inpaint"} <= set(storybook["tasks"])


@pytest.mark.parametrize(
    ("endpoint", "values", "told"),
    [
        ("/text_to_image", {"prompt": "a", "width": 63}, "width"),
        ("/text_to_image", {"prompt": "a", "count": 10**400}, "count"),
        ("/text_to_image", {"prompt": ["a"]}, "prompt"),
        ("/text_to_image", {"prompt": "a", "seed": "7"}, "seed"),
        ("/text_to_image", {"prompt": "a", "guidance": "nan"}, "guidance"),
        ("/text_to_image", {"prompt": "a", "pack": {"a": 1}}, "pack"),
        ("/text_to_image", {"prompt": "a", "pack": "nothing"}, "pack"),
        ("/text_to_image", {"prompt": "a", "owner": "x"}, "owner"),
        ("/text_to_image", {"prompt": "a", "owner": ["x"]}, "owner"),
        ("/text_to_image", {"prompt": "a", "sampler": "none"}, "sampler"),
        ("/text_to_image", {"prompt": "a", "sampler": "DDIM", "steps": 1}, "2 to 150 with DDIM"),
        ("/text_to_image", {"prompt": "a", "sampler": "DDIM", "schedule": "Uniform"}, "one of: SGM Uniform"),
        ("/layout_to_image", {"boxes": "all"}, "boxes"),
        ("/layout_to_image", {"boxes": [{"phrase": "a", "box": [0, 0, 2, 1]}]}, "box"),
        ("/inpaint", {"image": "!", "mask": "!", "prompt": "a"}, "image"),
        ("/inpaint", {"image": 5, "mask": "", "prompt": "a"}, "image"),
        ("/super_resolve", {"image": "aGVsbG8="}, "picture"),
        ("/super_resolve", {"image": "0" * 32 + ".png"}, "picture"),
        ("/super_resolve", {"image": "0" * 64}, "picture"),
        ("/vary", {"image": ""}, "picture"),
        ("/interpolate", {"prompt": "a"}, "two pictures, or words at both ends"),
        ("/interpolate", {"image": "!", "other": "!"}, "image"),
        ("/forward_process", {"image": ""}, "picture"),
        ("/draw", {"request": {"task": "nothing"}}, "task"),
        ("/draw", {"request": 5}, "request"),
        ("/search_gallery", {"most": 10**6}, "most"),
        ("/search_gallery", {"words": {"$ne": 1}}, "words"),
        ("/search_gallery", {"owner": "../x"}, "owner"),
        ("/export_pictures", {"names": ["0" * 32 + ".png"]}, "picture"),
        ("/export_pictures", {"names": "all"}, "names"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_that_names_it(
    client: Client, endpoint: str, values: dict[str, Any], told: str
) -> None:
    with pytest.raises(AppError) as refusal:
        client.predict(api_name=endpoint, **values)
    assert told in str(refusal.value)
    assert "Traceback" not in str(refusal.value)


def test_an_export_of_unknown_form_is_refused(client: Client, house: dict) -> None:
    with pytest.raises(AppError, match="form"):
        client.predict([house["pictures"][0]["name"]], "exe", api_name="/export_pictures")


def test_who_stops_listening_stops_the_drawing(studio: Studio, client: Client) -> None:
    """A program that went away must not keep the engine busy."""
    job = client.submit("a windmill by a pond", api_name="/text_to_image", width=512, height=512, steps=150, count=16)
    while not any(each["state"] == "drawing" for each in job.outputs()):
        pass
    job.cancel()
    done = client.predict("a boat", api_name="/text_to_image", **SMALL)
    assert done["state"] == "done", "the next one's picture still comes"
    assert not client.predict("pond", api_name="/search_gallery"), "of the others, some may show windmills"


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [("nothing", {}), ("text_to_image", {}), ("text_to_image", {"prompt": "a", "colour": "red"})],
)
def test_what_names_no_endpoint_or_argument_is_refused(studio: Studio, endpoint: str, values: dict[str, Any]) -> None:
    answer = httpx.post(f"{studio.url}/gradio_api/call/v2/{endpoint}", json=values)
    assert answer.status_code == 400
    assert answer.json() == {"error": "The studio could not make sense of this request."}
    assert "Traceback" not in studio.log


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the client leaves its sockets open
def test_the_documented_example_in_python_runs(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = example("python").replace("http://127.0.0.1:7860", studio.url)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "api.md", "exec"), {})
    with PIL.Image.open(tmp_path / "house.png") as picture:
        assert picture.size == (512, 512)


def test_endpoints_answer_plain_http(studio: Studio) -> None:
    """What the JavaScript example does, which a browser runs in `tests/browser/test_api.py`."""
    values = {"prompt": "a red house", **SMALL}
    event = httpx.post(f"{studio.url}/gradio_api/call/v2/text_to_image", json=values).json()["event_id"]
    with httpx.stream("GET", f"{studio.url}/gradio_api/call/text_to_image/{event}", timeout=60) as stream:
        told = [json.loads(line[5:]) for line in stream.iter_lines() if line.startswith("data:")]
    assert told[-1][0]["state"] == "done"


def example(language: str) -> str:
    """The example for programs in this language in docs/api.md."""
    _, _, rest = (ROOT / "docs" / "api.md").read_text().partition("## For programs")
    _, _, code = rest.partition(f"```{language}\n")
    example, _, _ = code.partition("```")
    assert example, f"docs/api.md has no example in {language}"
    return example
