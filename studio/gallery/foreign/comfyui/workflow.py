"""ComfyUI's graph as it is laid out on the page, brought into the form that is sent to the server: nodes of subgraphs
where those stand, without nodes that are muted, bypassed, or there for the page alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from studio.errors import NoRecipe
from studio.gallery.foreign.comfyui.graph import MOST_NODES, Graph, Node, Plug

MUTED, BYPASSED = 2, 4
OUTSIDE_IN, OUTSIDE_OUT = -10, -20  # the nodes that stand for a subgraph's inputs and outputs
NOWHERE = Plug("", 0)
DEEPEST = 16  # subgraphs in one another
MOST_PARTS = 40_000  # nodes and links of all sheets
MOST_SLOTS = 100  # of a node that is bypassed
CONTROLS = ("fixed", "increment", "decrement", "randomize")  # a value behind a seed that is the page's own
NOTES = ("Note", "MarkdownNote")
# The values of a node by their order, which older files do not name; behind a seed is the page's own.
WIDGETS: Mapping[str, Sequence[str]] = {
    "KSampler": ("seed", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("add_noise", "noise_seed", "steps", "cfg", "sampler_name", "scheduler", "start_at_step",
                         "end_at_step", "return_with_leftover_noise"),
    "SamplerCustom": ("add_noise", "noise_seed", "cfg"), "RandomNoise": ("noise_seed",), "CFGGuider": ("cfg",),
    "DualCFGGuider": ("cfg_conds", "cfg_cond2_negative", "style"), "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"), "KarrasScheduler": ("steps", "sigma_max", "sigma_min", "rho"),
    "CLIPTextEncode": ("text",), "CLIPTextEncodeSDXL": ("width", "height", "crop_w", "crop_h", "target_width",
                                                        "target_height", "text_g", "text_l"),
    "CheckpointLoaderSimple": ("ckpt_name",), "UNETLoader": ("unet_name", "weight_dtype"), "VAELoader": ("vae_name",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"), "LoraLoaderModelOnly": ("lora_name",
                                                                                           "strength_model"),
    "CLIPSetLastLayer": ("stop_at_clip_layer",), "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"), "LoadImage": ("image",),
    "LatentUpscale": ("upscale_method", "width", "height", "crop"), "LatentUpscaleBy": ("upscale_method", "scale_by"),
    "ControlNetLoader": ("control_net_name",), "ControlNetApply": ("strength",),
    "ControlNetApplyAdvanced": ("strength", "start_percent", "end_percent"), "InpaintModelConditioning":
    ("noise_mask",), "ConditioningAverage": ("conditioning_to_strength",), "StringConcatenate": ("string_a", "string_b",
                                                                                               "delimiter"),
    "PrimitiveNode": ("value",), "PrimitiveInt": ("value",), "PrimitiveFloat": ("value",), "PrimitiveString":
    ("value",), "PrimitiveStringMultiline": ("value",), "FluxGuidance": ("guidance",),
    "SaveImage": ("filename_prefix",),
}  # fmt: skip


@dataclass
class Sheet:
    """One sheet of nodes: the page's, or one instance of a subgraph. ``inputs`` lead outside: by slot, the sheet and
    link that comes in; ``values`` are what was typed on the instance, by the node inside and the input's name. Links
    are by their numbers: from which node and slot each comes."""

    graph: Mapping[str, Any]
    prefix: str = ""
    inputs: Sequence[tuple[str, Any]] = ()
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    links: dict[Any, Plug] = field(default_factory=dict)
    outputs: dict[Any, Plug] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes: dict[str, Mapping[str, Any]] = {str(node["id"]): node for node in self.graph["nodes"]}
        for link in self.graph.get("links") or []:
            number, source, slot, target, into = (
                (link["id"], link["origin_id"], link["origin_slot"], link["target_id"], link["target_slot"])
                if isinstance(link, dict) else link[:5]
            )  # fmt: skip
            self.links[number] = Plug(str(source), int(slot))
            if target == OUTSIDE_OUT:
                self.outputs[into] = Plug(str(source), int(slot))


def graph_of(graph: Mapping[str, Any]) -> Graph:
    """Raises what damaged files raise, and `NoRecipe` for one that is too large."""
    kinds = {each["id"]: each for each in (graph.get("definitions") or {}).get("subgraphs") or []}
    sheets: dict[str, Sheet] = {}
    size, waiting = _size(graph), [Sheet(graph)] if _size(graph) <= MOST_PARTS else []
    while waiting:
        sheet = waiting.pop()
        sheets[sheet.prefix] = sheet
        for name, node in sheet.nodes.items():
            if node["type"] in kinds and node.get("mode", 0) not in (MUTED, BYPASSED):
                size += _size(kinds[node["type"]])
                if size > MOST_PARTS or sheet.prefix.count(":") >= DEEPEST:
                    break
                waiting.append(_inside(sheet, name, kinds[node["type"]]))
    if size > MOST_PARTS or sum(len(sheet.nodes) for sheet in sheets.values()) > MOST_NODES:
        raise NoRecipe("The graph in this picture is too large.")
    sources, nodes = Sources(sheets), {}
    for sheet in sheets.values():
        for name, node in sheet.nodes.items():
            if node["type"] not in (*kinds, *NOTES) and node.get("mode", 0) not in (MUTED, BYPASSED):
                full = f"{sheet.prefix}{name}"
                nodes[full] = Node(full, str(node["type"]), _inputs(sources, sheet, name))
    return Graph(nodes)


def _size(graph: Mapping[str, Any]) -> int:
    return 1 + sum(len(graph.get(name) or ()) for name in ("nodes", "links", "inputs", "outputs"))


def _inside(sheet: Sheet, name: str, kind: Mapping[str, Any]) -> Sheet:
    """The sheet of a subgraph's instance; what was typed on the instance goes to the nodes inside."""
    node = sheet.nodes[name]
    plugged = {each["name"]: each.get("link") for each in node.get("inputs") or []}
    inputs = [(sheet.prefix, plugged.get(each["name"])) for each in kind.get("inputs") or []]
    shown = (node.get("properties") or {}).get("proxyWidgets") or []
    typed = node.get("widgets_values") or []
    values: dict[str, dict[str, Any]] = {}
    if len(shown) == len(typed):  # in other files they belong to each other in ways that cannot be told
        for (inner, key), value in zip(shown, typed, strict=True):
            values.setdefault(str(inner), {})[str(key)] = value
    return Sheet(kind, f"{sheet.prefix}{name}:", inputs, values)


class Sources:
    """Follows a link to the node that makes what comes along it, over the borders of sheets, through what is
    bypassed."""

    def __init__(self, sheets: Mapping[str, Sheet]) -> None:
        self._sheets = sheets
        self._found: dict[tuple[str, Plug], Plug | None] = {}

    def source(self, prefix: str, link: Any) -> Plug | None:
        """The plug by its full name; None where nothing comes."""
        plug = self._sheets[prefix].links.get(link)
        passed: list[tuple[str, Plug]] = []
        while plug is not None and (prefix, plug) not in self._found:
            passed.append((prefix, plug))
            self._found[prefix, plug] = None  # which it stays where it goes in circles
            prefix, plug, is_made = self._next(prefix, plug)
            if is_made:
                break
        else:
            plug = self._found[prefix, plug] if plug is not None else None
        self._found |= dict.fromkeys(passed, plug)
        return plug

    def _next(self, prefix: str, plug: Plug) -> tuple[str, Plug | None, bool]:
        """One step back: the sheet and plug there, and whether that is the end, with the plug by its full name."""
        sheet = self._sheets[prefix]
        inner = f"{prefix}{plug.node}:"
        if plug.node == str(OUTSIDE_IN):
            outer, link = sheet.inputs[plug.slot] if plug.slot < len(sheet.inputs) else (prefix, None)
            return outer, self._sheets[outer].links.get(link), False
        if inner in self._sheets:
            return inner, self._sheets[inner].outputs.get(plug.slot), False
        node = sheet.nodes.get(plug.node, {"mode": MUTED})
        if node.get("mode", 0) == BYPASSED:
            return prefix, sheet.links.get(_bypass(node, plug.slot)), False
        return prefix, None if node.get("mode", 0) == MUTED else Plug(f"{prefix}{plug.node}", plug.slot), True


def _bypass(node: Mapping[str, Any], slot: int) -> Any:
    """The link of the first input of the same type as an output, that of the same place before all."""
    inputs, outputs = (node.get("inputs") or [])[:MOST_SLOTS], node.get("outputs") or []
    if slot >= len(outputs):
        return None
    ordered = [*inputs[slot : slot + 1], *inputs]
    return next((each.get("link") for each in ordered if each.get("type") == outputs[slot].get("type")), None)


def _inputs(sources: Sources, sheet: Sheet, name: str) -> dict[str, Any]:
    """A node's inputs: what was typed, over it what is plugged in."""
    node = sheet.nodes[name]
    values = dict(_typed(node))
    values |= sheet.values.get(name, {})
    for each in node.get("inputs") or []:
        if each.get("link") is not None:
            values[each["name"]] = sources.source(sheet.prefix, each["link"]) or NOWHERE
    return values


def _typed(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What was typed into a node, by name: named in its inputs by newer files, by its class in others."""
    values = node.get("widgets_values") or []
    if isinstance(values, dict):
        yield from values.items()
        return
    shown = [each["widget"]["name"] for each in node.get("inputs") or [] if isinstance(each.get("widget"), dict)]
    names = list(WIDGETS.get(str(node["type"]), shown))
    at = 0
    for name in names:
        if at < len(values):
            yield name, values[at]
        at += 1
        if name in ("seed", "noise_seed") and at < len(values) and values[at] in CONTROLS:
            at += 1
    for number, value in enumerate(values[at:]):
        yield f"value {number + 1}", value
