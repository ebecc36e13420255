"""The model picker in the page's header: what draws, in all tabs. Their first values and shapes follow it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.backends.client import EngineClient
from studio.errors import InvalidRequest
from studio.models.catalogue import PackInfo, PackState
from tabs.locale.words import say, words_in


class ModelPicker:
    """Make it where it belongs; ``dropdown`` is an input of whatever makes a request. ``stages`` is how many a picture
    has at first, where its pack has two."""

    def __init__(self, client: EngineClient, stages: int = 1) -> None:
        self._client, self._stages = client, stages
        self.dropdown = gr.Dropdown(
            self._choices(), value=self.first.name, label=say("model"), elem_id="model", filterable=False,
            container=False, min_width=160, scale=0,
        )  # fmt: skip

    @property
    def first(self) -> PackInfo:
        """What is chosen on a page that is new."""
        return self._client.packs()[0].info

    def find(self, name: Any) -> PackInfo | None:
        return next((state.info for state in self._client.packs() if state.info.name == name), None)

    def info(self, name: Any) -> PackInfo:
        """The pack of that name. Raises `InvalidRequest` for what is none."""
        found = self.find(name)
        if found is None:
            known = ", ".join(state.info.name for state in self._client.packs())
            raise InvalidRequest("model", name, "one of: {names}", names=known)
        return found

    def cascades(self, info: PackInfo) -> bool:
        """Whether pictures of ``info`` are drawn in two stages, until somebody says otherwise."""
        return info.cascades and self._stages == 2

    @property
    def loras(self) -> list[str]:
        return self._client.loras()

    def refreshed(self, name: str = "") -> Any:
        """The packs that there are now, and which is chosen, if one is named."""
        names = [state.info.name for state in self._client.packs()]
        chosen: dict[str, Any] = {"value": name} if name in names else {}
        return gr.update(choices=self._choices(), **chosen)

    def served_by(self, task: str) -> list[str]:
        """The titles of the packs that can do ``task``."""
        return [state.info.title for state in self._client.packs() if _can(state, task)]

    def notice(self, info: PackInfo, task: str, language: str) -> Any:
        """What a tab says where ``info`` cannot do what it is for: who can."""
        if task in info.tasks:
            return gr.update(visible=False)
        others = ", ".join(self.served_by(task)) or "—"
        text = words_in("model_cannot", language).replace("{model}", info.title).replace("{others}", others)
        return gr.update(value=text, visible=True)

    def _choices(self) -> list[tuple[str, str]]:
        return [(_label(state), state.info.name) for state in self._client.packs()]


def _label(state: PackState) -> str:
    """A pack that may have to be downloaded first says how large it is."""
    is_far = state.status == "available" and state.info.gigabytes
    return f"{state.info.title} · {state.info.gigabytes:g} GB" if is_far else state.info.title


def _can(state: PackState, task: str) -> bool:
    return state.status != "failed" and task in state.info.tasks
