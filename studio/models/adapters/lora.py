"""LoRAs (Hu et al. 2022): small files that change what a pack draws, several at once, and none for who did not ask.

What they add is computed beside the pack's layers, by hooks, and never merged, so that whoever draws without gets the
base to the bit; switching them costs a walk through the layers. Only the files that lie in one folder can be asked for.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from studio.errors import InvalidRequest, PackError
from studio.message import Clause, Message
from studio.models.adapters.lora_files import WIDTHS, LoraFile, family_of, read_lora
from studio.models.adapters.lora_folder import find_lora
from studio.models.adapters.lora_layers import Difference, Layer, difference
from studio.models.adapters.lora_names import LayerNames
from studio.models.text.embeddings import teach
from studio.models.text.encoders import TextEncoder
from studio.models.weights.inspection import first_line
from studio.models.weights.networks import BUILDING
from studio.prompts import Lora

logger = logging.getLogger(__name__)

KEPT = 12  # files whose layers stay beside the models
OWN = Lora("<few steps>")  # the pack's, by a name that no prompt can say
LONGEST_NAME = 80  # of a layer, in a message


@dataclass(frozen=True, eq=False)
class Change:
    """Of one ``layer``, in the U-Net or a text encoder."""

    layer: Layer
    difference: Difference
    is_text: bool


@dataclass(frozen=True, eq=False)
class Adapter:
    """What a file makes of the models; ``words`` of one's own that it brings, for each text encoder, and how they are
    written there."""

    changes: tuple[Change, ...]
    words: tuple[Mapping[str, str], ...] = ()


@dataclass(eq=False)
class Loras:
    """Those in ``folder``, for a ``unet`` and the text encoders in ``towers``, and the pack's ``own`` file. One set of
    them is on at a time; none at first. ``words`` are, for each tower, those that the LoRAs brought which are on."""

    folder: Path | None
    unet: Any
    towers: Sequence[TextEncoder]
    own: Path | None = None
    words: Sequence[dict[str, str]] = ()
    _loaded: OrderedDict[str, Adapter] = field(default_factory=OrderedDict)
    _on: tuple[Lora, ...] = ()
    _hooks: list[RemovableHandle] = field(default_factory=list)
    _count: int = 0

    def find(self, name: str) -> Path:
        """Raises `InvalidRequest` for a name that no file in the folder has."""
        if name == OWN.name and self.own is not None:
            return self.own
        if self.folder is None:
            raise InvalidRequest("lora", name, "nothing, as there is no folder for LoRAs here")
        return find_lora(self.folder, name)

    def set_adapters(self, loras: tuple[Lora, ...]) -> None:
        """Makes ``loras``, and no others, act from now on. Raises `InvalidRequest` for one that is not there or is for
        other models; then none acts."""
        if loras == self._on:
            return
        self._take_off()
        adapters = [self._load(lora.name) for lora in loras]
        acting: dict[Layer, list[tuple[Difference, float]]] = defaultdict(list)
        for lora, adapter in zip(loras, adapters, strict=True):
            text_scale = lora.scale if lora.text_scale is None else lora.text_scale
            for change in adapter.changes:
                acting[change.layer].append((change.difference, text_scale if change.is_text else lora.scale))
            for words, brought in zip(self.words, adapter.words, strict=True):
                words.update(brought)
        self._hooks = [layer.register_forward_hook(_adding(differences)) for layer, differences in acting.items()]
        self._on = loras

    def _take_off(self) -> None:
        self._on = ()
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        for words in self.words:
            words.clear()

    def _load(self, name: str) -> Adapter:
        if name not in self._loaded:
            file = self.find(name)
            try:
                self._loaded[name] = self._read(file)
            except Exception as error:
                reason = Clause.of(error.message) if isinstance(error, PackError) else first_line(error).rstrip(".")
                logger.info("the LoRA %s cannot be loaded: %s", name, reason)
                raise InvalidRequest("lora", name, "a LoRA for this pack's models ({reason})", reason=reason) from None
            self.unet.had_loras = True
            if len(self._loaded) > KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(name)
        return self._loaded[name]

    def _read(self, file: Path) -> Adapter:
        held, names = read_lora(file), LayerNames(self.unet, [tower.model for tower in self.towers])
        places = {name: names.find(name) for name in held.layers}
        lacking = [name for name, place in places.items() if place is None]
        if len(lacking) == len(places):
            raise PackError(
                self._stranger(file, held) or Message("{file} fits none of this pack's models.", file=file.name)
            )
        changes: dict[Layer, Change] = {}  # of a layer that is there under two names, the first counts
        for name, place in places.items():
            if place is not None and place[1] not in changes:
                changes[place[1]] = Change(place[1], self._difference(file, held, name, place[1]), place[0] > 0)
        if lacking:
            some = Message(
                "{file} has {count} layers that this pack lacks, such as {name}.",
                file=file.name,
                count=len(lacking),
                name=lacking[0][:LONGEST_NAME],
            )
            raise PackError(self._stranger(file, held) or some)
        return Adapter(tuple(changes.values()), self._taught(held))

    def _difference(self, file: Path, held: LoraFile, name: str, layer: Layer) -> Difference:
        shown = name[:LONGEST_NAME]
        try:
            return difference(held.layers[name], layer)
        except KeyError as missing:
            raise PackError(
                "{file} is not whole: {part} of {name} is missing.", file=file.name, part=missing.args[0], name=shown
            ) from None
        except (ValueError, RuntimeError, IndexError):
            other = Message(
                "{file} was made for other models: {name} is of another shape in this pack.", file=file.name, name=shown
            )
            raise PackError(self._stranger(file, held) or other) from None

    def _stranger(self, file: Path, held: LoraFile) -> Message | None:
        """What is said of a file for another family of models, if it tells which."""
        family, width = family_of(held), self.unet.config.cross_attention_dim
        if not family or (isinstance(width, int) and family == WIDTHS.get(width)):
            return None
        return Message(
            "{file} was made for {family}, and this pack is of another family.", file=file.name, family=family
        )

    def _taught(self, held: LoraFile) -> tuple[Mapping[str, str], ...]:
        """The words that a file brings, as tokens of their own: another file may bring others of the same names."""
        if not held.words:
            return tuple({} for _ in self.towers)
        self._count += 1
        named = {f"{self._count} {word}": vectors for word, vectors in held.words.items()}
        with BUILDING:
            taught = [teach(tower.model, tower.tokenizer, named) for tower in self.towers]
        return tuple({word.partition(" ")[2]: tokens for word, tokens in each.items()} for each in taught)


def _adding(differences: Sequence[tuple[Difference, float]]) -> Callable[..., torch.Tensor]:
    """A hook that adds ``differences``, each with its scale, to what a layer gives."""

    def add(layer: Layer, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        changes = (scale * each(layer, inputs[0], output) for each, scale in differences)
        return output + torch.stack([change.to(output.dtype) for change in changes]).sum(0)

    return add
