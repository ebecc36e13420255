"""Graphs as ComfyUI sends them to its server and writes them into pictures."""

from __future__ import annotations

from typing import Any

Graph = dict[str, Any]


def node(kind: str, **inputs: Any) -> Graph:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}}


def basic(**changed: Any) -> Graph:
    """What its first page holds, and ``changed`` nodes of it, or further ones."""
    return {
        "3": node("KSampler", seed=156680208700286, steps=20, cfg=8, sampler_name="euler", scheduler="karras",
                  denoise=1, model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0]),
        "4": node("CheckpointLoaderSimple", ckpt_name="v1-5.safetensors"),
        "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
        "6": node("CLIPTextEncode", text="a bottle", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="watermark", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
        **changed,
    }  # fmt: skip


def plugged(graph: Graph, name: str, **inputs: Any) -> Graph:
    """The graph with other inputs of one node."""
    return {**graph, name: {**graph[name], "inputs": {**graph[name]["inputs"], **inputs}}}


def custom(guider: Graph, **changed: Any) -> Graph:
    """SamplerCustomAdvanced with ``guider``."""
    graph = basic(**{
        "3": node("SamplerCustomAdvanced", noise=["20", 0], guider=["21", 0], sampler=["22", 0], sigmas=["23", 0],
                  latent_image=["5", 0]),
        "20": node("RandomNoise", noise_seed=42), "21": guider,
        "22": node("KSamplerSelect", sampler_name="dpmpp_2m"),
        "23": node("BasicScheduler", scheduler="karras", steps=25, denoise=1.0, model=["4", 0]),
    })  # fmt: skip
    return {**graph, **changed}


def in_two_passes(order: str = "first") -> Graph:
    """A second pass on the latents of the first, which stands ``order`` in the file."""
    first = {"3": basic()["3"], "5": basic()["5"]}
    second = {
        "11": node("KSampler", seed=5, steps=10, cfg=6, sampler_name="dpmpp_2m", scheduler="simple", denoise=0.5,
                   model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["10", 0]),
        "10": node("LatentUpscale", upscale_method="nearest-exact", width=1024, height=1536, crop="disabled",
                   samples=["3", 0]),
    }  # fmt: skip
    rest = {name: each for name, each in basic().items() if name not in first}
    rest["8"] = node("VAEDecode", samples=["11", 0], vae=["4", 2])
    return {**first, **second, **rest} if order == "first" else {**second, **rest, **first}
