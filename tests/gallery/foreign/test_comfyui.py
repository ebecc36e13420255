"""A graph of ComfyUI says what drew the picture by what is plugged into which slot, and nothing in it goes unsaid.

Each graph is what one of its pages sends to the server; a reader that does not tell a node's outputs apart, or that
takes the first sampler in the file, reads them wrong without a word.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest

from studio.errors import NoRecipe
from tests.gallery.foreign.files import comfy, read
from tests.gallery.foreign.graphs import Graph, basic, custom, in_two_passes, node, plugged

CONTROLLED = {
    "30": node("ControlNetLoader", control_net_name="canny.safetensors"),
    "31": node("LoadImage", image="a.png"),
}


def _prompts(graph: Graph) -> tuple[str, str]:
    request = read(comfy(graph))[1]
    return request.prompt, request.negative


def _behind(name: str, positive: int = 0, negative: int = 1) -> Graph:
    return plugged(basic(), "3", positive=[name, positive], negative=[name, negative])


def _lost(graph: Graph) -> str:
    return "\n".join(read(comfy(graph))[0].lost)


APPLIED: dict[str, Graph] = {
    "ControlNetApplyAdvanced": node(
        "ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0], control_net=["30", 0], image=["31", 0],
        strength=0.8, start_percent=0, end_percent=1),
    "ControlNetApplySD3": node(
        "ControlNetApplySD3", positive=["6", 0], negative=["7", 0], control_net=["30", 0], vae=["4", 2],
        image=["31", 0], strength=0.8, start_percent=0, end_percent=1),
    "InpaintModelConditioning": node(
        "InpaintModelConditioning", positive=["6", 0], negative=["7", 0], vae=["4", 2], pixels=["31", 0],
        mask=["31", 1], noise_mask=True),
    "InstructPixToPixConditioning": node(
        "InstructPixToPixConditioning", positive=["6", 0], negative=["7", 0], vae=["4", 2], pixels=["31", 0]),
    "of a class that nobody knows": node("SomebodysControl", positive=["6", 0], negative=["7", 0], power=2),
}  # fmt: skip


@pytest.mark.parametrize("name", APPLIED)
def test_two_outputs_are_told_apart(name: str) -> None:
    graph = _behind("12") | {"12": APPLIED[name]} | CONTROLLED
    assert _prompts(graph) == ("a bottle", "watermark")
    chained = plugged(graph, "12", positive=["13", 0], negative=["13", 1]) | {"13": APPLIED[name]}
    assert _prompts(chained) == ("a bottle", "watermark")


def test_the_slot_counts_and_not_the_order_of_inputs() -> None:
    crossed = _behind("12", 1, 0) | {"12": APPLIED["ControlNetApplyAdvanced"]} | CONTROLLED
    assert _prompts(crossed) == ("watermark", "a bottle")
    slots = _behind("12", 1, 2) | {"12": node("ApplyInstantID", model=["4", 0], positive=["6", 0], negative=["7", 0])}
    assert _prompts(slots) == ("a bottle", "watermark")


def test_zeroed_out_conditioning_says_nothing() -> None:
    graph = plugged(basic(**{"7": node("ConditioningZeroOut", conditioning=["6", 0])}), "3")
    assert _prompts(graph) == ("a bottle", "")
    behind = _behind("12") | {"12": APPLIED["ControlNetApplyAdvanced"], "7": graph["7"]} | CONTROLLED
    assert _prompts(behind) == ("a bottle", "")


GUIDERS = {
    "BasicGuider": (node("BasicGuider", model=["4", 0], conditioning=["6", 0]), ("a bottle", "", 1.0)),
    "CFGGuider": (node("CFGGuider", model=["4", 0], positive=["6", 0], negative=["7", 0], cfg=6.5),
                  ("a bottle", "watermark", 6.5)),
    "DualCFGGuider": (node("DualCFGGuider", model=["4", 0], cond1=["6", 0], cond2=["24", 0], negative=["7", 0],
                           cfg_conds=5.5, cfg_cond2_negative=2.5, style="regular"), ("a bottle", "watermark", 5.5)),
}  # fmt: skip


@pytest.mark.parametrize("name", GUIDERS)
def test_sampler_custom_advanced(name: str) -> None:
    guider, told = GUIDERS[name]
    reading, request = read(comfy(custom(guider, **{"24": node("CLIPTextEncode", text="between", clip=["4", 1])})))
    assert (request.prompt, request.negative, request.guidance) == told
    assert (request.seed, request.steps, request.sampler) == (42, 25, "DPM++ 2M Karras")
    assert (request.width, request.height) == (512, 768)
    assert reading.lost[0] == "model: v1-5"
    if name == "DualCFGGuider":
        assert "DualCFGGuider: cfg_cond2_negative 2.5, style regular" in reading.lost
        assert "CLIPTextEncode: text between" in reading.lost


def test_sampler_custom() -> None:
    graph = custom(node("Nothing")) | {
        "3": node("SamplerCustom", add_noise=True, noise_seed=7, cfg=4.5, model=["4", 0], positive=["6", 0],
                  negative=["7", 0], sampler=["22", 0], sigmas=["23", 0], latent_image=["5", 0]),
        "22": node("SamplerEulerAncestral", eta=0.9, s_noise=1.0), "23": node("KarrasScheduler", steps=12, sigma_max=14.6),
    }  # fmt: skip
    reading, request = read(comfy({name: each for name, each in graph.items() if name not in ("20", "21")}))
    assert (request.prompt, request.negative, request.guidance) == ("a bottle", "watermark", 4.5)
    assert (request.seed, request.steps, request.sampler) == (7, 12, "Euler a")
    assert "schedule: karras" in reading.lost, "which that sampler does not take here"
    assert "SamplerEulerAncestral: eta 0.9, s_noise 1.0" in reading.lost


@pytest.mark.parametrize("order", ["first", "last"])
def test_of_two_passes_the_one_that_begins_from_noise_counts_wherever_it_stands(order: str) -> None:
    reading, request = read(comfy(in_two_passes(order)))
    assert (request.seed, request.steps, request.guidance) == (156680208700286, 20, 8)
    assert (request.width, request.height, request.sampler) == (512, 768, "Euler Karras")
    named = "\n".join(reading.lost)
    assert "KSampler: seed 5, steps 10, cfg 6, sampler_name dpmpp_2m, scheduler simple, denoise 0.5" in named
    assert "LatentUpscale: upscale_method nearest-exact, width 1024, height 1536" in named


def test_a_base_and_its_refiner() -> None:
    common = {"cfg": 8, "sampler_name": "euler", "scheduler": "normal", "positive": ["6", 0], "negative": ["7", 0]}
    graph = basic(**{
        "11": node("KSamplerAdvanced", add_noise="disable", noise_seed=0, steps=25, start_at_step=20, end_at_step=10000,
                   return_with_leftover_noise="disable", model=["12", 0], latent_image=["10", 0], **common),
        "10": node("KSamplerAdvanced", add_noise="enable", noise_seed=721897303308196, steps=25, start_at_step=0,
                   end_at_step=20, return_with_leftover_noise="enable", model=["4", 0], latent_image=["5", 0], **common),
        "12": node("CheckpointLoaderSimple", ckpt_name="refiner.safetensors"),
        "8": node("VAEDecode", samples=["11", 0], vae=["4", 2]),
    })  # fmt: skip
    del graph["3"]
    reading, request = read(comfy(graph))
    assert (request.seed, request.steps, reading.lost[0]) == (721897303308196, 25, "model: v1-5")
    assert any("end_at_step 20" in each for each in reading.lost)
    assert any("start_at_step 20" in each for each in reading.lost)
    assert any("refiner.safetensors" in each for each in reading.lost)


def test_whatever_is_unlike_the_request_is_named() -> None:
    graph = basic(**{
        "10": node("LoraLoader", lora_name="fur.safetensors", strength_model=0.8, strength_clip=0.5, model=["4", 0],
                   clip=["4", 1]),
        "11": node("LoraLoaderModelOnly", lora_name="hat.safetensors", strength_model=["14", 0], model=["10", 0]),
        "12": node("CLIPSetLastLayer", stop_at_clip_layer=-2, clip=["10", 1]),
        "13": node("FreeU_V2", b1=1.3, b2=1.4, s1=0.9, s2=0.2, model=["11", 0]),
        "14": node("PrimitiveFloat", value=0.6), "15": node("VAELoader", vae_name="mse.safetensors"),
    })  # fmt: skip
    graph = plugged(graph, "3", model=["13", 0], denoise=0.7)
    graph = plugged(plugged(graph, "6", clip=["12", 0]), "8", vae=["15", 0])
    reading, request = read(comfy(graph))
    assert request.prompt == "a bottle"
    assert reading.lost[0] == "model: v1-5"
    for each in (
        "LoRA: hat.safetensors 0.6", "LoRA 2: fur.safetensors 0.8, clip 0.5", "Clip skip: 2", "Denoise: 0.7",
        "FreeU_V2: b1 1.3, b2 1.4, s1 0.9, s2 0.2", "VAELoader: vae_name mse.safetensors",
    ):  # fmt: skip
        assert each in reading.lost
    assert "Clip skip" not in _lost(plugged(graph, "12", stop_at_clip_layer=-1))


def test_texts_sizes_and_numbers_of_primitives() -> None:
    graph = basic(**{
        "20": node("PrimitiveStringMultiline", value="a fox"), "21": node("PrimitiveInt", value=640),
        "22": node("PrimitiveInt", value=99), "23": node("PrimitiveFloat", value=3.5),
        "24": node("String Literal", string="blurry"), "25": node("Reroute", **{"": ["21", 0]}),
        "26": node("Seed (rgthree)", seed=1234),
    })  # fmt: skip
    graph = plugged(graph, "3", steps=["22", 0], cfg=["23", 0], seed=["26", 0])
    graph = plugged(plugged(graph, "6", text=["20", 0]), "7", text=["24", 0])
    reading, request = read(comfy(plugged(graph, "5", width=["25", 0], height=["21", 0])))
    assert (request.prompt, request.negative, request.width, request.height) == ("a fox", "blurry", 640, 640)
    assert (request.steps, request.guidance, request.seed) == (99, 3.5, 1234)
    assert reading.lost == ("model: v1-5",)


JOINED: dict[str, tuple[Graph, str]] = {
    "StringConcatenate": (node("StringConcatenate", string_a="a fox", string_b=["31", 0], delimiter=" in "),
                          "a fox in a wood"),
    "Text Concatenate of another package": (node("Text Concatenate", delimiter=", ", clean_whitespace="true",
                                                 text_a="a fox", text_b=["31", 0], text_c=""), "a fox, a wood"),
    "JoinStrings": (node("JoinStrings", string1="a fox", string2=["31", 0], delimiter="; "), "a fox; a wood"),
}  # fmt: skip


@pytest.mark.parametrize("name", JOINED)
def test_texts_that_are_joined(name: str) -> None:
    joined, text = JOINED[name]
    graph = basic(**{"30": joined, "31": node("PrimitiveString", value="a wood")})
    assert _prompts(plugged(graph, "6", text=["30", 0])) == (text, "watermark")


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("ConditioningCombine", "conditioning_1", "conditioning_2"),
        ("ConditioningConcat", "conditioning_to", "conditioning_from"),
        ("ConditioningAverage", "conditioning_to", "conditioning_from"),
    ],
)
def test_conditioning_that_is_joined(kind: str, first: str, second: str) -> None:
    joint = node(kind, **{first: ["6", 0], second: ["31", 0]})
    graph = plugged(
        basic(**{"30": joint, "31": node("CLIPTextEncode", text="a wood", clip=["4", 1])}), "3", positive=["30", 0]
    )
    assert _prompts(graph) == ("a bottle, a wood", "watermark")
    assert kind in _lost(graph)


def test_encoders_of_several_texts_say_them_once() -> None:
    graph = basic(**{"6": node("CLIPTextEncodeSDXL", text_g="a bottle", text_l="a bottle", clip=["4", 1])})
    assert _prompts(graph)[0] == "a bottle"
    assert _prompts(plugged(graph, "6", text_l="of glass"))[0] == "a bottle, of glass"


def test_what_cannot_be_known_is_named() -> None:
    graph = basic(**{"30": node("Florence2Run", task="caption", image=["31", 0]), "31": node("LoadImage", image="a.png"),
                     "32": node("MathExpression", expression="a * 2", a=256)})  # fmt: skip
    graph = plugged(plugged(graph, "6", text=["30", 2]), "5", width=["32", 0])
    reading, request = read(comfy(graph))
    assert request.prompt == ""
    for each in ("prompt: Florence2Run", "width: MathExpression", "MathExpression: expression a * 2, a 256"):
        assert each in reading.lost


def test_a_picture_to_begin_from_is_named() -> None:
    graph = basic(**{"5": node("VAEEncode", pixels=["31", 0], vae=["4", 2]), "31": node("LoadImage", image="a.png")})
    lost = _lost(plugged(graph, "3", denoise=0.6))
    assert "LoadImage: image a.png" in lost
    assert "Denoise: 0.6" in lost


def test_a_node_that_is_not_in_the_file_leaves_the_rest() -> None:
    """What is muted is not sent."""
    graph = basic()
    del graph["7"], graph["4"]
    assert _prompts(graph) == ("a bottle", "")
    assert "negative: ?" in _lost(graph)


def test_what_is_saved_counts_and_what_led_elsewhere_is_named() -> None:
    other = {**basic()["3"]["inputs"], "seed": 99, "latent_image": ["5", 0]}
    graph = {"50": node("KSampler", **other), "51": node("VAEDecode", samples=["50", 0], vae=["4", 2]),
             "52": node("PreviewImage", images=["51", 0]), **basic()}  # fmt: skip
    reading, request = read(comfy(graph))
    assert request.seed == 156680208700286
    assert any(each.startswith("KSampler: seed 99") for each in reading.lost)


def test_nodes_of_subgraphs_are_called_by_both_names() -> None:
    def inside(value: Any) -> Any:
        return [f"57:{value[0]}", value[1]] if isinstance(value, list) else value

    graph = {
        f"57:{name}": {**each, "inputs": {key: inside(value) for key, value in each["inputs"].items()}}
        for name, each in basic().items()
    }
    assert _prompts(graph) == ("a bottle", "watermark")


def test_a_switch_hands_on_what_it_is_set_to() -> None:
    switch = node("ComfySwitchNode", switch=True, on_false=["7", 0], on_true=["6", 0])
    graph = plugged(basic(**{"30": switch}), "3", positive=["30", 0])
    assert _prompts(graph)[0] == "a bottle"
    assert _prompts(plugged(graph, "30", switch=False))[0] == "watermark"


def _chain(kind: str, key: str, length: int) -> Graph:
    graph = {f"c{at}": node(kind, **{key: [f"c{at - 1}", 0]}) for at in range(1, length)}
    return plugged(basic(**graph, c0=node(kind, **{key: ["6", 0]})), "3", positive=[f"c{length - 1}", 0])


def _doubled(length: int) -> Graph:
    """Each joins the one before with itself."""
    graph = {f"c{at}": node("StringConcatenate", string_a=[f"c{at - 1}", 0], string_b=[f"c{at - 1}", 0], delimiter="-")
             for at in range(1, length)}  # fmt: skip
    text = {"c0": node("PrimitiveString", value="ab")}
    return plugged(basic(**graph, **text), "6", text=[f"c{length - 1}", 0])


def _all_in_all(count: int) -> Graph:
    names = [f"c{at}" for at in range(count)]
    graph = {name: node("ConditioningCombine", **{f"conditioning_{at}": [each, 0] for at, each in enumerate(names)})
             for name in names}  # fmt: skip
    return plugged(basic(**graph), "3", positive=["c0", 0], latent_image=["c0", 0], model=["c0", 0])


def _many(count: int) -> Graph:
    return basic(**{f"s{at}": {**basic()["3"], "inputs": {**basic()["3"]["inputs"], "latent_image": [f"s{at - 1}", 0]}}
                    for at in range(count)})  # fmt: skip


HOSTILE: dict[str, Graph] = {
    "1,900 reroutes in a chain": _chain("Reroute", "", 1900),
    "1,900 joints in a chain": _chain("ConditioningCombine", "conditioning_1", 1900),
    "a text doubled 1,900 times": _doubled(1900),
    "all in all": _all_in_all(150),
    "1,900 samplers in a chain": _many(1900),
    "a node that feeds itself": plugged(basic(), "6", text=["6", 0]),
    "two that feed each other": plugged(plugged(basic(), "6", text=["7", 0]), "7", text=["6", 0]),
    "a sampler that feeds itself": plugged(basic(), "3", latent_image=["3", 0], model=["3", 0], steps=["3", 0]),
    "an end that feeds itself": plugged(basic(), "9", images=["9", 0]),
    "a slot beyond all": plugged(basic(), "3", positive=["6", 10**9], negative=["6", -1]),
    "values of strange kinds": plugged(basic(), "3", steps={"a": [1]}, cfg=[1, 2, 3], seed=None, sampler_name=7),
    "300 ends": basic(**{f"e{at}": node("PreviewImage", images=["8", 0]) for at in range(300)}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_deep_wide_and_circular_graphs_are_read_or_refused_at_once(name: str) -> None:
    file = comfy(HOSTILE[name])
    began = time.process_time()
    lost: tuple[str, ...] = ()
    with contextlib.suppress(NoRecipe):
        lost = read(file)[0].lost
    assert len("".join(lost)) < 10_000
    assert time.process_time() - began < 1.5, "0.3 s is the aim of the processor, with room for a slow one"


def test_a_chain_as_long_as_can_be_is_followed_to_its_end() -> None:
    assert _prompts(HOSTILE["1,900 reroutes in a chain"])[0] == "a bottle"
    assert _prompts(HOSTILE["1,900 joints in a chain"])[0] == "a bottle"


def test_what_is_more_than_can_be_named_is_counted() -> None:
    graph = basic(**{f"f{at}": node("FreeU", b1=1.0 + at, model=[f"f{at - 1}" if at else "4", 0]) for at in range(60)})
    assert read(comfy(plugged(graph, "3", model=["f59", 0])))[0].lost[-1] == "... (+20)"


def test_numbers_that_are_none_do_not_change_the_words() -> None:
    """They were once cut out of the text, wherever it said ": NaN"."""
    graph = plugged(
        basic(**{"6": node("CLIPTextEncode", text="bread: NaN, warm", clip=["4", 1])}), "3", denoise=float("nan")
    )
    assert "NaN" in json.dumps(graph["3"])
    assert _prompts(graph)[0] == "bread: NaN, warm"
