"""Every program and version of which docs/recipes.md says that it is read, by a file laid out as that version does it.

What each should give is written beside the file; what has no place here must be named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.gallery.foreign.files import (
    COMMENT,
    MAKE,
    MODEL,
    NOTE,
    SOFTWARE,
    comfy,
    png,
    read,
    with_exif,
    with_piexif,
)
from tests.gallery.foreign.graphs import basic
from tests.gallery.foreign.test_workflow import laid_out

DOCUMENT = Path(__file__).parents[3] / "docs" / "recipes.md"
FOX = {"prompt": "a red fox", "negative": "blurry", "seed": 1234567890, "steps": 30, "width": 512, "height": 768}
A1111 = """a red fox
Negative prompt: blurry
Steps: 30, Sampler: DPM++ 2M{old}, {new}CFG scale: 6.5, Seed: 1234567890, Size: 512x768, Model hash: 6ce0161689, \
Model: v1-5, Denoising strength: 0.6, Clip skip: 2, Hires upscale: 2, Hires upscaler: Latent, \
Lora hashes: "fox: 1a2b3c4d5e6f, fur: 0a0b0c0d0e0f", Version: {version}"""
NEW = A1111.format(old="", new="Schedule type: Karras, ", version="v1.10.1")
OLD = A1111.format(old=" Karras", new="", version="v1.6.0")
FORGE = A1111.format(old="", new="Schedule type: Karras, ", version="f2.0.1v1.10.1-previous-665-gae278f79")
OLD_NEXT = (
    "a red fox\nNegative prompt: blurry\nSteps: 30 | Seed: 1234567890 | Sampler: DPM++ 2M Karras | CFG scale: 6.5 | "
    "Size: 512x768 | Parser: Full parser | Model: v1-5 | Model hash: 6ce0161689 | App: SD.Next | Version: 1a2b3c4 | "
    'Operations: "txt2img; hires"'
)
NEXT = (
    "a red fox\nNegative prompt: blurry\nSteps: 30, Size: 512x768, Sampler: DPM++ 2M, Seed: 1234567890, "
    "CFG scale: 6.5, CFG true: 6.5, Model: v1-5, Model hash: 6ce0161689, App: SD.Next, Version: 1a2b3c4, "
    'Operations: "txt2img; hires", Pipeline: StableDiffusionPipeline'
)
NEXT_ENDS = {**FOX, "sampler": "DPM++ 2M Karras", "guidance": 6.5}
FOOOCUS = json.dumps({
    "adaptive_cfg": 7.0, "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8", "base_model_hash": "aeb7e9e",
    "clip_skip": 2, "full_negative_prompt": ["blurry", "ugly"], "full_prompt": ["a red fox, cinematic", "sharp"],
    "guidance_scale": 6.5, "lora_combined_1": "offset : 0.1", "loras": [["offset", 0.1, "4852686"]],
    "metadata_scheme": "fooocus", "negative_prompt": "blurry", "performance": "Speed", "prompt": "a red fox",
    "prompt_expansion": "", "refiner_model": "None", "refiner_switch": 0.5, "resolution": "(512, 768)",
    "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "1234567890", "sharpness": 2.0, "steps": 30,
    "styles": "['Fooocus V2']", "vae": "Default (model)", "version": "Fooocus v2.5.5",
})  # fmt: skip
FOOOCUS_A1111 = (
    "a red fox\nNegative prompt: blurry\nSteps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 1234567890, Size: 512x768, "
    'CFG scale: 6.5, Sharpness: 2.0, ADM Guidance: "(1.5, 0.8, 0.3)", Model: juggernautXL_v8, Model hash: aeb7e9e, '
    "Performance: Speed, Scheduler: karras, VAE: Default (model), Raw prompt: a fox, Raw negative prompt: blurry, "
    'Lora hashes: "offset: 4852686", Lora weights: "offset: 0.1", Version: Fooocus v2.5.5'
)
FOOOCUS_FOX = {**FOX, "sampler": "DPM++ 2M SDE Karras", "guidance": 6.5}
INVOKE = {
    "app_version": "5.6.0", "generation_mode": "txt2img", "positive_prompt": "a red fox", "negative_prompt": "blurry",
    "width": 512, "height": 768, "seed": 1234567890, "rand_device": "cpu", "cfg_scale": 6.5,
    "cfg_rescale_multiplier": 0, "steps": 30, "scheduler": "dpmpp_2m_k", "seamless_x": False, "seamless_y": False,
    "model": {"key": "f7c2", "hash": "blake3:" + 64 * "a", "name": "dreamshaper", "base": "sd-1", "type": "main"},
    "loras": [{"model": {"key": "k", "hash": "blake3:" + 64 * "b", "name": "fur", "base": "sd-1", "type": "lora"},
               "weight": 0.5}],
}  # fmt: skip
INVOKE_3 = {**INVOKE, "app_version": "3.4.0", "clip_skip": 1, "controlnets": [], "vae": None, "strength": None,
            "model": {"model_name": "dreamshaper", "base_model": "sd-1", "model_type": "main"},
            "loras": [{"lora": {"model_name": "fur", "base_model": "sd-1"}, "weight": 0.5}]}  # fmt: skip
INVOKE_5 = {**INVOKE, "canvas_v2_metadata": {"controlLayers": [], "rasterLayers": [{"id": 1}]}}
INVOKE_2 = {
    "model": "stable diffusion", "model_weights": "dreamshaper", "model_hash": 64 * "c", "app_id": "invoke-ai/InvokeAI",
    "app_version": "2.3.5", "image": {
        "prompt": [{"prompt": "a red fox [blurry]", "weight": 1}], "steps": 30, "cfg_scale": 6.5, "threshold": 0,
        "perlin": 0.1, "height": 768, "width": 512, "seed": 1234567890, "seamless": False, "hires_fix": False,
        "type": "txt2img", "postprocessing": None, "sampler": "k_euler_a", "variations": []},
}  # fmt: skip
DREAM = '"a red fox [blurry]" -s 30 -S 1234567890 -W 512 -H 768 -C 6.5 -A k_euler_a -v 0.2'
SWARM = {"sui_image_params": {
    "prompt": "a red fox", "negativeprompt": "blurry", "model": "dreamshaper", "seed": 1234567890, "steps": 30,
    "cfgscale": 6.5, "aspectratio": "Custom", "width": 512, "height": 768, "sampler": "dpmpp_2m", "scheduler": "karras",
    "loras": ["fur"], "loraweights": ["0.5"], "swarm_version": "0.9.6.2"},
    "sui_extra_data": {"date": "2026-01-01", "generation_time": "3 sec"},
    "sui_models": [{"name": "dreamshaper.safetensors", "param": "model", "hash": "0x1"}]}  # fmt: skip
COMFY_FOX = {"prompt": "a bottle", "negative": "watermark", "seed": 156680208700286, "steps": 20, "width": 512,
             "height": 768, "sampler": "Euler Karras", "guidance": 8.0}  # fmt: skip
KARRAS = {**FOX, "sampler": "DPM++ 2M Karras", "guidance": 6.5}
ANCESTRAL = {**FOX, "sampler": "Euler a", "guidance": 6.5}


def _piexif(text: str) -> bytes:
    return b"UNICODE\0" + text.encode("utf-16-be")


def _fooocus(text: str, scheme: str) -> dict[int, Any]:
    return {COMMENT: text, SOFTWARE: "Fooocus v2.5.5", NOTE: scheme}


@dataclass(frozen=True)
class Written:
    """A file, the fields that its request should have, and what should be named."""

    program: str
    file: Callable[[], bytes]
    request: Mapping[str, Any]
    lost: tuple[str, ...]


WEBUI = ("model: v1-5", "Clip skip: 2", "Denoising strength: 0.6", "Hires upscale: 2",
         "Lora hashes: fox: 1a2b3c4d5e6f, fur: 0a0b0c0d0e0f")  # fmt: skip
NEXT_LOST = ("model: v1-5", "Operations: txt2img; hires")
FOOOCUS_LOST = ("model: juggernautXL_v8", "lora_combined_1: offset : 0.1", "styles: ['Fooocus V2']", "sharpness: 2.0",
                'full_prompt: ["a red fox, cinematic", "sharp"]')  # fmt: skip
FOOOCUS_A1111_LOST = ("model: juggernautXL_v8", "Raw prompt: a fox", "Lora weights: offset: 0.1", "Sharpness: 2.0")
INVOKE_LOST = ("model: dreamshaper", "loras: fur 0.5")
SWARM_LOST = ("model: dreamshaper", 'loras: ["fur"]', 'loraweights: ["0.5"]')

# By program and version, as the document has them.
WRITTEN: dict[tuple[str, str], tuple[Written, ...]] = {
    ("AUTOMATIC1111", "before 1.9"): (
        Written("AUTOMATIC1111", lambda: png(parameters=OLD), KARRAS, WEBUI),
        Written("AUTOMATIC1111", lambda: with_piexif("JPEG", _piexif(OLD)), KARRAS, WEBUI),
    ),
    ("AUTOMATIC1111", "1.9, 1.10"): (
        Written("AUTOMATIC1111", lambda: png(parameters=NEW), KARRAS, WEBUI),
        Written("AUTOMATIC1111", lambda: with_piexif("JPEG", _piexif(NEW)), KARRAS, WEBUI),
        Written("AUTOMATIC1111", lambda: with_piexif("WEBP", _piexif(NEW)), KARRAS, WEBUI),
    ),
    ("Forge, reForge", "all"): (
        Written("Forge", lambda: png(parameters=FORGE), KARRAS, WEBUI),
        Written("Forge", lambda: with_piexif("JPEG", _piexif(FORGE)), KARRAS, WEBUI),
    ),
    ("SD.Next", "with pipes"): (
        Written("SD.Next", lambda: png(parameters=OLD_NEXT), NEXT_ENDS, NEXT_LOST),
        Written("SD.Next", lambda: with_piexif("JPEG", _piexif(OLD_NEXT)), NEXT_ENDS, NEXT_LOST),
    ),
    ("SD.Next", "with commas"): (
        Written("SD.Next", lambda: with_piexif("JPEG", _piexif(NEXT)), {**NEXT_ENDS, "sampler": "DPM++ 2M Karras"},
                NEXT_LOST),
        Written("SD.Next", lambda: with_piexif("WEBP", _piexif(NEXT)), NEXT_ENDS, NEXT_LOST),
    ),
    ("Fooocus", "2, scheme fooocus"): (
        Written("Fooocus", lambda: png(parameters=FOOOCUS, fooocus_scheme="fooocus"), FOOOCUS_FOX, FOOOCUS_LOST),
        Written("Fooocus", lambda: with_exif("JPEG", _fooocus(FOOOCUS, "fooocus")), FOOOCUS_FOX, FOOOCUS_LOST),
        Written("Fooocus", lambda: with_exif("WEBP", _fooocus(FOOOCUS, "fooocus")), FOOOCUS_FOX, FOOOCUS_LOST),
    ),
    ("Fooocus", "2, scheme a1111"): (
        Written("Fooocus", lambda: png(parameters=FOOOCUS_A1111, fooocus_scheme="a1111"), FOOOCUS_FOX,
                FOOOCUS_A1111_LOST),
        Written("Fooocus", lambda: with_exif("JPEG", _fooocus(FOOOCUS_A1111, "a1111")), FOOOCUS_FOX,
                FOOOCUS_A1111_LOST),
        Written("Fooocus", lambda: with_exif("WEBP", _fooocus(FOOOCUS_A1111, "a1111")), FOOOCUS_FOX,
                FOOOCUS_A1111_LOST),
    ),
    ("InvokeAI", "1"): (Written("InvokeAI", lambda: png(Dream=DREAM), ANCESTRAL, ("-v: 0.2",)),),
    ("InvokeAI", "2"): (
        Written("InvokeAI", lambda: png(**{"Dream": DREAM, "sd-metadata": json.dumps(INVOKE_2)}), ANCESTRAL,
                ("model: dreamshaper", "perlin: 0.1")),
    ),
    ("InvokeAI", "3"): (
        Written("InvokeAI", lambda: png(invokeai_metadata=json.dumps(INVOKE_3)), KARRAS, (*INVOKE_LOST, "clip_skip: 1")),
    ),
    ("InvokeAI", "4"): (
        Written("InvokeAI", lambda: png(invokeai_metadata=json.dumps({**INVOKE, "app_version": "4.2.0"})), KARRAS,
                INVOKE_LOST),
    ),
    ("InvokeAI", "5, 6"): (
        Written("InvokeAI", lambda: png(invokeai_metadata=json.dumps(INVOKE_5), invokeai_graph="{}"), KARRAS,
                (*INVOKE_LOST, 'canvas_v2_metadata: {"controlLayers": [], "rasterLayers": [{"id": 1}]}')),
    ),
    ("SwarmUI", "0.6 on"): (
        Written("SwarmUI", lambda: png(parameters=json.dumps(SWARM)), KARRAS, SWARM_LOST),
        Written("SwarmUI", lambda: with_piexif("JPEG", _piexif(json.dumps(SWARM))), KARRAS, SWARM_LOST),
    ),
    ("ComfyUI", "all, the graph that was sent"): (
        Written("ComfyUI", lambda: comfy(basic(), workflow="{}"), COMFY_FOX, ("model: v1-5",)),
        Written("ComfyUI", lambda: with_exif("WEBP", {MODEL: f"prompt:{json.dumps(basic())}", MAKE: "workflow:{}"}),
                COMFY_FOX, ("model: v1-5",)),
    ),
    ("ComfyUI", "all, the graph on the page"): (
        Written("ComfyUI", lambda: png(workflow=json.dumps(laid_out())), COMFY_FOX, ("model: v1-5",)),
    ),
}  # fmt: skip
FILES = [
    (f"{program} {version} {at}", each)
    for (program, version), files in WRITTEN.items()
    for at, each in enumerate(files)
]


@pytest.mark.parametrize("written", [each for _, each in FILES], ids=[name for name, _ in FILES])
def test_what_each_program_writes_is_read(written: Written) -> None:
    reading, request = read(written.file())
    assert reading.program == written.program
    assert {name: getattr(request, name) for name in written.request} == dict(written.request)
    assert set(map(str, written.lost)) <= set(map(str, reading.lost))


def test_the_document_has_every_program_and_version_that_is_read() -> None:
    rows = [line.split("|")[1:3] for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    assert [(program.strip(), version.strip()) for program, version in rows[1:]] == list(WRITTEN)
