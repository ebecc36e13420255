"""A graph of ComfyUI, and what comes out of its nodes, slot by slot: nothing is drawn, and nothing in it is run.

Whatever the graph, each question takes one walk over it at most: texts, which may be joined from others, are made in
the order of their dependence, everything else is followed along a chain. What goes in circles gives nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from studio.errors import NoRecipe
from studio.gallery.foreign.comfyui.nodes import (
    COMBINED,
    COMMA,
    HANDED_ON,
    NUMBERED,
    REROUTE,
    SEPARATORS,
    SWITCHES,
    TEXTS,
    VALUES,
    ZEROED,
)
from studio.requests.limits import LONGEST_PROMPT

MOST_NODES, MOST_INPUTS = 2000, 1000


class Plug(NamedTuple):
    """One output of a node."""

    node: str
    slot: int


@dataclass(frozen=True)
class Node:
    """``kind`` is its class; an input is a plain value or the `Plug` of another node."""

    name: str
    kind: str
    inputs: Mapping[str, Any]

    @cached_property
    def plugs(self) -> dict[str, Plug]:
        return {name: value for name, value in self.inputs.items() if isinstance(value, Plug)}

    def first(self, names: Sequence[str]) -> str | None:
        """The first of ``names`` that it has an input of."""
        return next((name for name in names if self.inputs.get(name) is not None), None)


class Graph:
    """Nodes by their names. ``taken`` are the inputs that were used, by node and name; ``unknown`` are those that were
    asked for and lead to where nothing can be known, by name, with the class that they lead to."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.nodes = nodes
        self.taken: set[tuple[str, str]] = set()
        self.unknown: dict[str, str] = {}

    @classmethod
    def of(cls, sent: Mapping[str, Any]) -> Graph:
        """From the form that is ``sent`` to the server; a node of a subgraph is called by both names, ``57:8``. Raises
        `NoRecipe` for one that is too large."""
        kept = {str(name): node for name, node in sent.items() if isinstance(node, dict)}
        if len(kept) > MOST_NODES:
            raise NoRecipe("The graph in this picture is too large.")
        nodes = {}
        for name, node in kept.items():
            inputs = node.get("inputs")
            items = islice(inputs.items(), MOST_INPUTS) if isinstance(inputs, dict) else ()
            kind = str(node.get("class_type", ""))
            nodes[name] = Node(name, kind, {str(key): _plugged(value, kept) for key, value in items})
        return cls(nodes)

    def at(self, value: Any) -> Node | None:
        """The node that a plug leads to."""
        return self.nodes.get(value.node) if isinstance(value, Plug) else None

    def value(self, value: Any, name: str) -> str:
        """A plain value, followed through whatever hands it on; ``name`` is what it is called where it is used. Empty
        where it cannot be known."""
        place, seen = None, set[Plug]()
        while isinstance(value, Plug):
            node = self.at(value)
            if node is None or value in seen:
                return ""
            seen.add(value)
            handed = handed_on(node, value.slot, (name, *VALUES))
            if handed is None:
                return ""
            place, value = (node.name, handed), node.inputs.get(handed)
        if value is None or isinstance(value, (dict, list)):
            return ""
        self.taken |= {place} if place else set()
        return str(value)

    def take(self, node: Node | None, *names: str) -> str:
        """The value of the first of a node's inputs called one of ``names``."""
        name = node.first(names) if node else None
        if node is None or name is None:
            return ""
        self.taken.add((node.name, name))
        value = self.value(node.inputs[name], name)
        if not value and isinstance(node.inputs[name], Plug):
            self.unknown[name] = self.kind_at(node.inputs[name])
        return value

    def kind_at(self, value: Any) -> str:
        """The class of the node that a plug leads to."""
        node = self.at(value)
        return (node.kind or node.name) if node else "?"

    def is_used(self, node: Node) -> bool:
        return any((node.name, name) in self.taken for name in node.inputs)

    def end(self, value: Any, along: Sequence[str], until: Sequence[str] = ()) -> Node | None:
        """Where a chain along inputs called ``along`` begins: the first node with an input called one of ``until``, or
        the last that there is."""
        last, seen = None, set[Plug]()
        while (node := self.at(value)) is not None and value not in seen:
            seen.add(value)
            last = node
            if node.first(until) is not None:
                break
            handed = handed_on(node, value.slot, along)
            value = node.inputs[handed] if handed else None
        return last

    def upstream(self, starts: Collection[str], seen: set[str], without: Collection[str] = ()) -> Iterator[Node]:
        """The nodes called ``starts`` and all that feed them, the nearest first, but for those in ``seen``, and not
        along inputs called one of ``without``."""
        waiting = deque(name for name in starts if name in self.nodes)
        while waiting:
            name = waiting.popleft()
            if name in seen:
                continue
            seen.add(name)
            yield self.nodes[name]
            waiting += [
                plug.node for key, plug in self.nodes[name].plugs.items()
                if key not in without and plug.node in self.nodes and plug.node not in seen
            ]  # fmt: skip

    def in_order(self) -> Iterator[Node]:
        """Each node after all that feed it; those in circles, and behind them, never."""
        fed: dict[str, list[str]] = {}
        open_plugs = {}
        for node in self.nodes.values():
            sources = {plug.node for plug in node.plugs.values() if plug.node in self.nodes}
            open_plugs[node.name] = len(sources)
            for source in sources:
                fed.setdefault(source, []).append(node.name)
        ready = deque(name for name, count in open_plugs.items() if not count)
        while ready:
            name = ready.popleft()
            yield self.nodes[name]
            for user in fed.get(name, ()):
                open_plugs[user] -= 1
                if not open_plugs[user]:
                    ready.append(user)


class Texts:
    """What each output says as text, where it is wanted as ``role``, which is "positive" or "negative": a node of an
    unknown class with an input of each hands on that one."""

    def __init__(self, graph: Graph, role: str) -> None:
        self._graph, self._role = graph, role
        self._texts: dict[Plug, str | None] = {}
        self._parts: dict[Plug, Sequence[str]] = {}
        self._joints: set[Plug] = set()
        plugged: dict[str, set[int]] = {}
        for node in graph.nodes.values():
            for plug in node.plugs.values():
                plugged.setdefault(plug.node, set()).add(plug.slot)
        for node in graph.in_order():
            usual = None if node.kind in (*COMBINED, *HANDED_ON) else self._parts_of(node, 0)
            for slot in plugged.get(node.name, ()):
                self._make(node, Plug(node.name, slot), self._parts_of(node, slot) if usual is None else usual)

    def text(self, value: Any) -> str | None:
        """None where it cannot be known; nothing where it was zeroed out."""
        if isinstance(value, Plug):
            return self._texts.get(value)
        is_text = isinstance(value, (str, int, float)) and not isinstance(value, bool)
        return str(value)[: LONGEST_PROMPT + 1] if is_text else None

    def take(self, value: Any) -> tuple[str | None, set[str], str]:
        """The text, whose parts then count as taken; the names of the nodes that join conditionings for it; and the
        class of the one that it comes from, of several any."""
        waiting, seen, joints, origin = [value], set[Plug](), set[str](), ""
        while waiting:
            plug = waiting.pop()
            node, origin = self._graph.at(plug), self._graph.kind_at(plug)
            if node is None or plug in seen:
                continue
            seen.add(plug)
            joints |= {node.name} if plug in self._joints else set()
            for name in (*self._parts.get(plug, ()), *SEPARATORS):
                if isinstance(part := node.inputs.get(name), Plug):
                    waiting.append(part)
                else:
                    self._graph.taken.add((node.name, name))
        return self.text(value), joints, origin

    def _make(self, node: Node, plug: Plug, parts: Sequence[str]) -> None:
        texts = [text for name in parts if (text := self.text(node.inputs[name])) is not None]
        separator_input = node.first(SEPARATORS)
        if len(parts) > 2 or separator_input is None:
            texts = [text for text in texts if text] or texts[:1]
        separator = COMMA if separator_input is None else self.text(node.inputs[separator_input]) or ""
        if separator_input is None:
            texts = list(dict.fromkeys(texts))
            self._joints |= {plug} if len(texts) > 1 else set()
        joined = separator.join(texts)[: LONGEST_PROMPT + 1] if texts else None
        self._texts[plug] = "" if node.kind in ZEROED else joined
        self._parts[plug] = () if node.kind in ZEROED else parts

    def _parts_of(self, node: Node, slot: int) -> Sequence[str]:
        """The inputs that an output's text is made of."""
        if node.kind in COMBINED:
            return [name for name in COMBINED[node.kind].get(slot, ()) if node.inputs.get(name) is not None]
        numbered = [name for name in node.inputs if NUMBERED.fullmatch(name) and node.inputs[name] is not None]
        if len(numbered) > 1 and node.kind not in HANDED_ON:
            return numbered
        roles = (self._role,) if node.first(("positive",)) and node.first(("negative",)) else ()
        handed = handed_on(node, slot, (*roles, *TEXTS))
        return numbered if handed is None else [handed]


def handed_on(node: Node, slot: int, wanted: Sequence[str]) -> str | None:
    """The input whose value an output hands on, by what is known of its class or else the first of ``wanted`` names."""
    if node.kind.startswith(REROUTE):
        return next(iter(node.inputs), None)
    if node.kind in HANDED_ON:
        name = HANDED_ON[node.kind].get(slot)
        return name if name is not None and node.inputs.get(name) is not None else None
    if node.kind in SWITCHES:
        name = SWITCHES[node.kind][node.inputs.get("switch") is True]
        return name if name in node.inputs else None
    return node.first(wanted)


def _plugged(value: Any, nodes: Collection[str]) -> Any:
    """A list of a node's name and a slot is a plug; one of two numbers is a plug only where there is such a node."""
    if not (isinstance(value, list) and len(value) == 2 and type(value[1]) is int):
        return value
    name = value[0]
    is_plug = isinstance(name, str) or (isinstance(name, int) and str(name) in nodes)
    return Plug(str(name), value[1]) if is_plug else value
