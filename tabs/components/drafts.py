"""Drafts while typing, where somebody switches them on: beneath the prompt, about what it says so far would become.

A draft is a job of a few steps at the size that the model draws best, a job as any other to the engine. A model with
layers of its own for few steps draws it whole; else it is stopped once one can see where it is heading. Nothing of it
is kept.
"""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from studio.backends.client import EngineClient
from studio.errors import StudioError
from studio.events import Drawn, Previewed
from studio.images.jpeg import encoded
from studio.models.catalogue import PackInfo
from studio.requests.text_to_image import TextToImage
from tabs.components.generation import FormValues, SessionJobs
from tabs.components.scripted import Scripted
from tabs.locale.words import words_of
from tabs.request_context import BrowserName, address_of

STEPS, ENOUGH = 12, 7  # of a draft, and after which it is shown
QUICK_SAMPLER = "LCM"
STEP_OF_SIDES, LEAST_SIDE = 32, 64
PATIENCE_SECONDS = 10.0  # with a model that is loaded; a draft that comes later is of words that have long changed
HEARTBEAT_SECONDS = 0.2
QUALITY = 90  # of a draft that was drawn to its end


class Drafts(Scripted):
    """The switch, and the latest draft. Make it beneath the prompt, then `connect` it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            "drafts",
            {"picture": ""},
            words=words_of("draft"),
            elem_id="drafts",
            **options,
        )

    def connect(
        self,
        client: EngineClient,
        sessions: SessionJobs,
        browser: BrowserName,
        form: set[gr.Component],
        read: Callable[[FormValues], TextToImage],
        pack_of: Callable[[str], PackInfo],
    ) -> None:
        """``read`` makes the request of the values of ``form``, whose pack ``pack_of`` finds; what it makes is drawn
        with a seed that stays the same while one types."""

        def look(filled: FormValues, page: gr.Request) -> Any:
            try:
                request = read(filled)
                request = draft_of(request, pack_of(request.pack))
            except StudioError:  # of a form that is half filled in; whoever generates is told
                return {"picture": ""}
            jpeg = drawn(
                client, request, sessions.name(browser.preprocess(filled[browser]), page.session_hash), address_of(page)
            )
            if jpeg is None:  # too busy for drafts; the last one stays
                return gr.skip()
            return {"picture": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"}

        self.draft(
            look, form | {browser}, self, trigger_mode="always_last", preprocess=False, show_progress="hidden",
            api_visibility="private", concurrency_limit=None,
        )  # fmt: skip


def draft_of(request: TextToImage, pack: PackInfo) -> TextToImage:
    """What is drawn in place of ``request`` while one types: one picture of its shape, small and from noise alone."""
    scale = pack.size / math.sqrt(request.width * request.height)
    width, height = (
        max(LEAST_SIDE, round(side * scale / STEP_OF_SIDES) * STEP_OF_SIDES) for side in (request.width, request.height)
    )
    draft = replace(
        request, width=width, height=height, steps=max(STEPS, request.fewest_steps), count=1, cascade=False, image="",
        strength=TextToImage.strength, variation=0.0, trajectory=True,
    )  # fmt: skip  # with its steps kept, what it is heading for is decoded in full
    if not pack.is_quick_with(QUICK_SAMPLER):
        return draft
    steps, guidance = pack.steps_with(QUICK_SAMPLER), pack.guidance_with(QUICK_SAMPLER)
    return replace(draft, sampler=QUICK_SAMPLER, schedule="", steps=steps, guidance=guidance)


def drawn(client: EngineClient, request: TextToImage, owner: str, address: str) -> bytes | None:
    """Where ``request`` is heading after ENOUGH of its steps, as a JPEG, or the picture itself where it was drawn
    before anybody looked; None where neither is known in time, which is counted from when the engine is there: the
    first draft of all waits for it. The job is stopped in any case."""
    job, begun = client.submit(request, owner, (), address, keep=False), math.inf
    try:
        for news in client.events(job, HEARTBEAT_SECONDS):
            if news:
                begun = min(begun, time.monotonic())
            for event in news:
                if isinstance(event, Previewed) and event.step >= min(ENOUGH, event.steps):
                    return event.jpeg
                if isinstance(event, Drawn) and event.pixels is not None:
                    return encoded(event.pixels.array, QUALITY)
            if time.monotonic() - begun > PATIENCE_SECONDS:
                break
    finally:
        client.cancel(job)
    return None
