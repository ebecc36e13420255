"""LoRAs (Hu et al. 2022): small files that change what a pack draws, several at once, and none for who did not ask.

Their layers stand beside those of the pack's models and are never merged, so that whoever draws without gets the base
to the bit; switching them costs a walk through the modules. Only the files that lie in one folder can be asked for.
"""

from __future__ import annotations

import logging
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders import StableDiffusionLoraLoaderMixin, StableDiffusionXLLoraLoaderMixin
from diffusers.utils.peft_utils import delete_adapter_layers, set_adapter_layers, set_weights_and_activate_adapters
from safetensors.torch import load_file

from studio.errors import InvalidRequest, PackError
from studio.packs.inspection import check_tensors, first_line
from studio.packs.parts import BUILDING
from studio.prompts import Lora

logger = logging.getLogger(__name__)

KEPT = 12  # files whose layers stay beside the models
OWN = Lora("<few steps>")  # the pack's, by a name that no prompt can say


@dataclass(eq=False)
class Loras:
    """Those in ``folder``, for a ``unet`` and its ``text_encoders``, and the pack's ``own`` file. One set of them is on
    at a time; none at first."""

    folder: Path | None
    unet: Any
    text_encoders: Sequence[Any]
    own: Path | None = None
    _loaded: OrderedDict[str, str] = field(default_factory=OrderedDict)  # name -> what its layers are called
    _on: tuple[Lora, ...] = ()
    _count: int = 0

    def find(self, name: str) -> Path:
        """Raises `InvalidRequest` for a name that no file in the folder has."""
        if name == OWN.name and self.own is not None:
            return self.own
        if self.folder is None:
            raise InvalidRequest("lora", name, "nothing, as there is no folder for LoRAs here")
        files = {file.stem: file for file in loras_in(self.folder)}
        if name not in files:
            known = ", ".join(sorted(files)) or "none"
            raise InvalidRequest("lora", name, f"a file in the folder for LoRAs, which holds: {known}")
        return files[name]

    def put_on(self, loras: tuple[Lora, ...]) -> None:
        """Makes ``loras``, and no others, act from now on. Raises `InvalidRequest` for one that is not there or is for
        other models; then none acts."""
        if loras == self._on:
            return
        self._take_off()
        if not loras:
            return
        for lora in loras:
            self._load(lora.name)
        names, scales = [self._loaded[lora.name] for lora in loras], [lora.scale for lora in loras]
        for model in self._models:
            own = [(name, scale) for name, scale in zip(names, scales, strict=True) if _has(model, name)]
            if own:
                set_adapter_layers(model, enabled=True)
                set_weights_and_activate_adapters(model, [name for name, _ in own], [scale for _, scale in own])
        self._on = loras

    @property
    def _models(self) -> tuple[Any, ...]:
        return self.unet, *self.text_encoders

    def _take_off(self) -> None:
        self._on = ()
        for model in self._models:
            set_adapter_layers(model, enabled=False)

    def _load(self, name: str) -> None:
        if name in self._loaded:
            self._loaded.move_to_end(name)
            return
        file, self._count = self.find(name), self._count + 1
        layers = f"lora_{self._count}"
        try:
            check_tensors(file)
            with BUILDING, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # several at once are meant
                self._add(file, layers)
        except Exception as error:
            self._delete(layers)
            reason = (str(error) if isinstance(error, PackError) else first_line(error)).rstrip(".")
            logger.info("the LoRA %s cannot be loaded: %s", name, reason)
            raise InvalidRequest("lora", name, f"a LoRA for this pack's models ({reason})") from None
        finally:
            self._take_off()
        self._loaded[name] = layers
        if len(self._loaded) > KEPT:
            self._delete(self._loaded.popitem(last=False)[1])

    def _add(self, file: Path, layers: str) -> None:
        weights = load_file(file)
        for name, value in weights.items():
            if not torch.isfinite(value).all():
                raise PackError(f"{file.name} is damaged: {name} is not finite.")
        is_xl = len(self.text_encoders) > 1
        kind: Any = StableDiffusionXLLoraLoaderMixin if is_xl else StableDiffusionLoraLoaderMixin
        state, alphas = kind.lora_state_dict(weights, unet_config=self.unet.config)
        if not state or not all("lora" in name for name in state):
            raise PackError(f"{file.name} holds no LoRA.")
        plainly: dict[str, Any] = {"adapter_name": layers, "low_cpu_mem_usage": False}
        kind.load_lora_into_unet(state, alphas, self.unet, **plainly)
        for number, encoder in enumerate(self.text_encoders):
            prefix = "text_encoder" if number == 0 else f"text_encoder_{number + 1}"
            if any(name.startswith(f"{prefix}.") for name in state):
                kind.load_lora_into_text_encoder(state, alphas, encoder, prefix=prefix, **plainly)
        if not any(_has(model, layers) for model in self._models):
            raise PackError(f"{file.name} fits none of this pack's models.")

    def _delete(self, layers: str) -> None:
        for model in self._models:
            delete_adapter_layers(model, layers)
            (getattr(model, "peft_config", None) or {}).pop(layers, None)


def loras_in(folder: Path) -> list[Path]:
    """The files that can be asked for, by name."""
    try:
        return sorted(file for file in folder.iterdir() if file.suffix == ".safetensors" and file.is_file())
    except OSError:
        return []


def _has(model: Any, layers: str) -> bool:
    return layers in (getattr(model, "peft_config", None) or {})
