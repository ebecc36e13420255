"""ComfyUI's graph as it lies on the page is read where the one that was sent is missing or damaged."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from studio.errors import NoRecipe
from tests.gallery.foreign.files import png, read

Sheet = dict[str, Any]
CONTROL = "randomize"


def on_page(number: int, kind: str, values: Any, inputs: list[Sheet] | None = None, **more: Any) -> Sheet:
    return {
        "id": number,
        "type": kind,
        "mode": 0,
        "inputs": inputs or [],
        "outputs": [],
        "widgets_values": values,
        **more,
    }


def into(*inputs: tuple[str, str, int]) -> list[Sheet]:
    """Inputs by name, type and link."""
    return [{"name": name, "type": kind, "link": link} for name, kind, link in inputs]


def laid_out() -> Sheet:
    """What the first page holds."""
    sampler = into(("model", "MODEL", 1), ("positive", "CONDITIONING", 4), ("negative", "CONDITIONING", 6),
                   ("latent_image", "LATENT", 2))  # fmt: skip
    return {
        "last_node_id": 9, "last_link_id": 9, "version": 0.4, "groups": [], "nodes": [
            on_page(3, "KSampler", [156680208700286, CONTROL, 20, 8, "euler", "karras", 1], sampler),
            on_page(4, "CheckpointLoaderSimple", ["v1-5.safetensors"]),
            on_page(5, "EmptyLatentImage", [512, 768, 1]),
            on_page(6, "CLIPTextEncode", ["a bottle"], into(("clip", "CLIP", 3))),
            on_page(7, "CLIPTextEncode", ["watermark"], into(("clip", "CLIP", 5))),
            on_page(8, "VAEDecode", [], into(("samples", "LATENT", 7), ("vae", "VAE", 8))),
            on_page(9, "SaveImage", ["ComfyUI"], into(("images", "IMAGE", 9))),
            on_page(10, "Note", ["how to use this"]),
        ], "links": [
            [1, 4, 0, 3, 0, "MODEL"], [2, 5, 0, 3, 3, "LATENT"], [3, 4, 1, 6, 0, "CLIP"], [4, 6, 0, 3, 1, "CONDITIONING"],
            [5, 4, 1, 7, 0, "CLIP"], [6, 7, 0, 3, 2, "CONDITIONING"], [7, 3, 0, 8, 0, "LATENT"], [8, 4, 2, 8, 1, "VAE"],
            [9, 8, 0, 9, 0, "IMAGE"]],
    }  # fmt: skip


def _with(*nodes: Sheet, links: list[Any], changed: dict[int, dict[str, int]]) -> Sheet:
    """The page with further nodes and links, and other links into some of its inputs."""
    sheet = laid_out()
    for node in sheet["nodes"]:
        for each in node["inputs"]:
            each["link"] = changed.get(node["id"], {}).get(each["name"], each["link"])
    return {**sheet, "nodes": [*sheet["nodes"], *nodes], "links": [*sheet["links"], *links]}


def _request(sheet: Sheet) -> Any:
    return read(png(workflow=json.dumps(sheet)))[1]


def _control(mode: int) -> Sheet:
    """A ControlNetApplyAdvanced before both of the sampler's prompts."""
    inputs = into(("positive", "CONDITIONING", 20), ("negative", "CONDITIONING", 21), ("image", "IMAGE", 24))
    node = on_page(12, "ControlNetApplyAdvanced", [0.8, 0, 1], inputs, mode=mode, outputs=[
        {"name": "positive", "type": "CONDITIONING"}, {"name": "negative", "type": "CONDITIONING"}])  # fmt: skip
    links = [[20, 6, 0, 12, 0, "C"], [21, 7, 0, 12, 1, "C"], [22, 12, 0, 3, 1, "C"], [23, 12, 1, 3, 2, "C"]]
    return _with(node, links=links, changed={3: {"positive": 22, "negative": 23}})


def test_the_page_says_what_the_graph_says() -> None:
    reading, request = read(png(workflow=json.dumps(laid_out()), prompt='{"damaged'))
    assert (request.prompt, request.negative, request.seed) == ("a bottle", "watermark", 156680208700286)
    assert (request.steps, request.guidance, request.sampler) == (20, 8, "Euler Karras")
    assert (request.width, request.height, reading.lost) == (512, 768, ("model: v1-5",))


@pytest.mark.parametrize(
    ("mode", "prompts"), [(0, ("a bottle", "watermark")), (4, ("a bottle", "watermark")), (2, ("", ""))]
)
def test_what_is_bypassed_hands_on_and_what_is_muted_gives_nothing(mode: int, prompts: tuple[str, str]) -> None:
    request = _request(_control(mode))
    assert (request.prompt, request.negative) == prompts
    lost = read(png(workflow=json.dumps(_control(mode))))[0].lost
    assert any("ControlNetApplyAdvanced: strength 0.8" in each for each in lost) == (mode == 0)


def test_bypassed_in_a_circle() -> None:
    sheet = _control(4)
    sheet["links"] = [[20, 12, 0, 12, 0, "C"] if link[0] == 20 else link for link in sheet["links"]]
    assert _request(sheet).negative == "watermark"


def test_primitives_and_reroutes() -> None:
    text = [{"name": "text", "type": "STRING", "link": 30, "widget": {"name": "text"}}]
    sheet = laid_out()
    sheet["nodes"][3]["inputs"] += text
    sheet["nodes"] += [on_page(20, "Reroute", None, [{"name": "", "type": "*", "link": 31}]),
                       on_page(21, "PrimitiveNode", ["a fox", "fixed"])]  # fmt: skip
    sheet["links"] += [[30, 20, 0, 6, 1, "STRING"], [31, 21, 0, 20, 0, "STRING"]]
    assert _request(sheet).prompt == "a fox"


def test_values_of_a_class_that_nobody_knows_go_by_the_names_in_the_file() -> None:
    shown = [{"name": name, "type": "INT", "link": None, "widget": {"name": name}} for name in ("width", "height")]
    sheet = laid_out()
    sheet["nodes"][2] = on_page(5, "SomebodysLatent", [640, 320], shown)
    request = _request(sheet)
    assert (request.width, request.height) == (640, 320)


def _in_subgraph(typed: list[Any]) -> Sheet:
    """The text encoder inside a subgraph, with its text shown outside."""
    kind = "5b1f3c1e-0000-4000-8000-000000000000"
    inside = {
        "id": kind, "name": "Words", "inputNode": {"id": -10}, "outputNode": {"id": -20},
        "inputs": [{"name": "clip", "type": "CLIP", "linkIds": [1]}],
        "outputs": [{"name": "CONDITIONING", "type": "CONDITIONING", "linkIds": [2]}],
        "nodes": [on_page(6, "CLIPTextEncode", ["inside"], into(("clip", "CLIP", 1)))],
        "links": [
            {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 6, "target_slot": 0, "type": "CLIP"},
            {"id": 2, "origin_id": 6, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "CONDITIONING"}],
    }  # fmt: skip
    sheet = laid_out()
    shown = {"proxyWidgets": [["6", "text"]]} if typed else {}
    sheet["nodes"][3] = on_page(6, kind, typed, into(("clip", "CLIP", 3)), properties=shown)
    return {**sheet, "definitions": {"subgraphs": [inside]}}


def test_subgraphs_are_opened() -> None:
    assert _request(_in_subgraph([])).prompt == "inside"
    assert _request(_in_subgraph(["outside"])).prompt == "outside"


def _nested(depth: int, each: int) -> Sheet:
    """Subgraphs that hold ``each`` of the next."""
    kinds = [
        {"id": f"k{at}", "inputs": [], "outputs": [], "links": [],
         "nodes": [on_page(number, f"k{at + 1}", []) for number in range(each)]}
        for at in range(depth)
    ]  # fmt: skip
    return {**laid_out(), "nodes": [*laid_out()["nodes"], on_page(90, "k0", [])], "definitions": {"subgraphs": kinds}}


def _bypassed_chain(length: int) -> Sheet:
    nodes = [
        on_page(100 + at, "X", [], into(("c", "C", 100 + at)), mode=4, outputs=[{"type": "C"}]) for at in range(length)
    ]
    links = [[100 + at, 99 + at if at else 6, 0, 100 + at, 0, "C"] for at in range(length)]
    last = [99, 99 + length, 0, 3, 1, "C"]
    return _with(*nodes, links=[*links, last], changed={3: {"positive": 99}})


def _itself() -> Sheet:
    sheet = _nested(1, 1)
    sheet["definitions"]["subgraphs"][0]["nodes"][0]["type"] = "k0"
    return sheet


HOSTILE = {
    "subgraphs that double sixteen times": _nested(16, 2),
    "subgraphs that multiply by a thousand": _nested(4, 1000),
    "a subgraph of itself": _itself(),
    "1,900 that are bypassed": _bypassed_chain(1900),
    "100,000 links": {**laid_out(), "links": [[at, 4, 0, 3, 0, "MODEL"] for at in range(100_000)]},
    "no nodes": {"nodes": None},
    "links of strange kinds": {**laid_out(), "links": [[1], "x", None]},
    "nodes of strange kinds": {**laid_out(), "nodes": [1, None, "x"]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_are_read_or_refused_at_once(name: str) -> None:
    file = png(workflow=json.dumps(HOSTILE[name]))
    began = time.process_time()
    refusal = ""
    try:
        read(file)
    except NoRecipe as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert time.process_time() - began < 1.5, "0.3 s is the aim of the processor, with room for a slow one"


def test_a_chain_of_what_is_bypassed_is_followed_to_its_end() -> None:
    assert _request(HOSTILE["1,900 that are bypassed"]).prompt == "a bottle"
