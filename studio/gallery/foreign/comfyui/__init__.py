"""ComfyUI: the graph that drew the picture, from which the first pass becomes facts and all else is named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from studio.errors import NoRecipe
from studio.gallery.foreign.comfyui import workflow
from studio.gallery.foreign.comfyui.graph import Graph, Node, Plug, Texts
from studio.gallery.foreign.comfyui.nodes import (
    CHECKPOINTS,
    MODELS,
    NO_LATENTS,
    OF_NO_WEIGHT,
    PLUMBING,
    POSITIVE,
    REROUTE,
    SAMPLERS,
    SCHEDULES,
    SEEDS,
    USUAL,
)
from studio.gallery.foreign.facts import Facts, mapping, parsed, plain

LORA = ("lora_name", "strength_model", "strength_clip")
# What was sent to the server, and the same as it was laid out, which says less: by their keys.
FORMS: Mapping[str, Callable[[Mapping[str, Any]], Graph]] = {"prompt": Graph.of, "workflow": workflow.graph_of}


def read(texts: Mapping[str, str]) -> Facts | None:
    """Raises what damaged files raise, or `NoRecipe`, where neither form of the graph can be read."""
    failed: Exception | None = None
    for key, graph_of in FORMS.items():
        if not texts.get(key, "").lstrip("\ufeff \t\r\n").startswith("{"):
            continue
        try:
            facts = facts_in(graph_of(mapping(parsed(texts[key]))))
        except (NoRecipe, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            failed = failed or error
        else:
            if facts is not None:
                return facts
    if failed is not None:
        raise failed
    return None


@dataclass(frozen=True)
class Pass:
    """One sampling: the node that does it, and those that say what it is steered by, from which noise, at which noise
    levels; mostly they are one."""

    sampler: Node
    guider: Node
    noise: Node | None
    sigmas: Node | None

    @classmethod
    def of(cls, graph: Graph, node: Node) -> Pass:
        def said(name: str, *until: str) -> Node | None:
            return graph.end(node.inputs[name], (name, ""), until) if name in node.inputs else node

        return cls(node, said("guider", *POSITIVE) or node, said("noise", *SEEDS), said("sigmas", "steps"))


def facts_in(graph: Graph) -> Facts | None:
    """What the first of the passes that led to the picture is told to do; None for a graph that samples nothing."""
    end, last = _last_pass(graph)
    if last is None:
        return None
    one = Pass.of(graph, [node for node in graph.upstream([last.name], set(), NO_LATENTS) if _samples(node)][-1])
    sized = next((node for node in graph.upstream([one.sampler.name], set(), NO_LATENTS)
                  if node.first(("width",)) and node.first(("height",))), None)  # fmt: skip
    prompt, negative, other = _prompts(graph, one.guider)
    steps, denoise = graph.take(one.sigmas, "steps"), graph.take(one.sigmas, "denoise")
    facts = Facts(
        "ComfyUI",
        prompt=prompt,
        negative=negative,
        seed=graph.take(one.noise, *SEEDS),
        steps=steps,
        sampler=_sampler(graph, one),
        schedule=_schedule(graph, one),
        guidance="1" if one.guider.kind == "BasicGuider" else graph.take(one.guider, "cfg", "cfg_conds"),
        width=graph.take(sized, "width"),
        height=graph.take(sized, "height"),
        model=_model(graph, one.guider),
    )
    other |= graph.unknown
    other |= {} if denoise in ("", "1", "1.0") else {"Denoise": denoise}
    return replace(facts, other={**other, **_beside(graph, end, one.sampler, steps)})


def _samples(node: Node) -> bool:
    """Whether it has a sampler's inputs; of those, muted nodes leave some out."""
    inputs = node.inputs.keys()
    return (
        ("sampler_name" in inputs and not inputs.isdisjoint(("positive", "negative", "latent_image", "steps")))
        or ("sampler" in inputs and not inputs.isdisjoint(("positive", "negative")))
        or inputs >= {"guider", "sigmas"}
    )


def _last_pass(graph: Graph) -> tuple[str, Node | None]:
    """What ends the graph, and the sampling that is nearest to it: of several ends the first that saves a picture."""
    plugged = {plug.node for node in graph.nodes.values() for plug in node.plugs.values()}
    ends = [node for node in graph.nodes.values() if node.name not in plugged]
    seen: set[str] = set()
    for end in sorted(ends, key=lambda node: "save" not in node.kind.casefold()):
        for node in graph.upstream([end.name], seen):
            if _samples(node):
                return end.name, node
    last = next((node for node in graph.nodes.values() if _samples(node)), None)  # it goes in circles
    return last.name if last else "", last


def _prompts(graph: Graph, guider: Node) -> tuple[str, str, dict[str, str]]:
    """Prompt and negative prompt, and what has to be said of them."""
    found, other = [], {}
    for role, fact, names in (("positive", "prompt", POSITIVE), ("negative", "negative", ("negative",))):
        name = guider.first(names)
        if name is None:
            found.append("")
            continue
        text, joints, origin = Texts(graph, role).take(guider.inputs[name])
        graph.taken.add((guider.name, name))
        if text is None:
            other[fact] = origin
        other |= {graph.nodes[joint].kind: "" for joint in joints}
        found.append(text or "")
    return found[0], found[1], other


def _sampler(graph: Graph, one: Pass) -> str:
    if one.sampler.first(("sampler_name",)):
        return graph.take(one.sampler, "sampler_name")
    node = graph.end(one.sampler.inputs.get("sampler"), ("sampler", ""), ("sampler_name",))
    return graph.take(node, "sampler_name") or (SAMPLERS.get(node.kind, node.kind) if node else "")


def _schedule(graph: Graph, one: Pass) -> str:
    node = one.sigmas
    scheduler = graph.take(node, "scheduler")
    return scheduler or (SCHEDULES.get(node.kind, node.kind) if node and node is not one.sampler else "")


def _model(graph: Graph, guider: Node) -> str:
    loader = graph.end(guider.inputs.get("model"), MODELS, CHECKPOINTS)
    return re.sub(r"\.(safetensors|ckpt)$", "", graph.take(loader, *CHECKPOINTS))


def _beside(graph: Graph, end: str, sampler: Node, steps: str) -> dict[str, str]:
    """All that led to the picture and is not taken, and passes that led to another one, by the nodes' classes."""
    named: dict[str, str] = {}
    counts = Counter[str]()

    def name(key: str, value: str) -> None:
        counts[key] += 1
        named[f"{key} {counts[key]}" if counts[key] > 1 else key] = value

    reached: set[str] = set()
    for node in graph.upstream([end], reached):
        left = _left(graph, node)
        is_silent = _samples(node) or node.kind in PLUMBING or node.kind.startswith(REROUTE) or bool(left)
        if node is sampler and _is_at_least(left.get("end_at_step"), steps):
            del left["end_at_step"]
        if "lora_name" in left:
            name("LoRA", _lora(graph, node))
            left = {key: value for key, value in left.items() if key not in LORA}
        if "stop_at_clip_layer" in left:
            name("Clip skip", plain(left.pop("stop_at_clip_layer")).removeprefix("-"))
        if left:
            name(node.kind or node.name, ", ".join(f"{key} {plain(value)}" for key, value in left.items()))
        elif not is_silent and not graph.is_used(node):
            name(node.kind, "")
    for node in graph.nodes.values():
        if _samples(node) and node.name not in reached:
            name(
                node.kind or node.name, ", ".join(f"{key} {plain(value)}" for key, value in _left(graph, node).items())
            )
    return named


def _left(graph: Graph, node: Node) -> dict[str, Any]:
    """A node's plain values that are not taken and that change something."""
    return {
        name: value for name, value in node.inputs.items()
        if not isinstance(value, Plug) and (node.name, name) not in graph.taken and name not in OF_NO_WEIGHT
        and value not in (None, "", [], {}, *USUAL.get(name, ())) and value is not False
    }  # fmt: skip


def _is_at_least(value: Any, steps: str) -> bool:
    return isinstance(value, int) and steps.isdecimal() and value >= int(steps)


def _lora(graph: Graph, node: Node) -> str:
    """Its name and strength; that for the words where it is another one."""
    name, strength, clip = (graph.value(node.inputs.get(key), key) for key in LORA)
    return f"{name} {strength}".strip() + (f", clip {clip}" if clip not in ("", strength) else "")
