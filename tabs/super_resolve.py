"""Super-resolution: a person brings a picture, or sends one here, and gets it with more pixels, as often as they like:
each drawing invents its own details, and where they differ is shown."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.backends.client import EngineClient
from studio.errors import InvalidRequest, StudioError
from studio.gallery.store import Store
from studio.images.pixels import Pixels
from studio.requests.request import Request
from studio.requests.super_resolve import SCALES, SuperResolve
from tabs.components.controls import SamplingControls, count_slider
from tabs.components.examples import Examples
from tabs.components.generation import QUICK, BuiltTab, FormValues, GenerationPanel, SessionJobs, Update
from tabs.components.picker import ModelPicker
from tabs.components.picture_editor import PictureEditor, showing_note, showing_picture
from tabs.components.seed import SeedControls
from tabs.locale.catalogue import in_language
from tabs.locale.words import say
from tabs.request_context import BrowserName, language_of

TITLE = "super_resolve"
ORDER = 4


class _Form:
    """What a person fills in, how it becomes a request, and back."""

    def __init__(self, store: Store, picker: ModelPicker) -> None:
        """Draws what stands above the buttons; `add_choices` draws the rest."""
        self._store, self._picker = store, picker
        self.editor = PictureEditor(elem_id="picture")

    def add_choices(self) -> None:
        self.scale = gr.Radio(
            [(f"×{each}", each) for each in SCALES], value=SCALES[0], label=say("scale"), elem_id="scale"
        )
        count = count_slider()
        consistent = gr.Checkbox(
            SuperResolve.consistent, label=say("consistent"), info=say("consistent_hint"), elem_id="consistent"
        )
        self._fields = {"scale": self.scale, "count": count, "consistent": consistent}
        self.sampling = SamplingControls(self._picker, is_guided=False)
        with gr.Accordion(say("more"), open=False, elem_id="more"):
            self.sampling.add_finer_points()
            self.seed = SeedControls()

    @property
    def components(self) -> set[gr.Component]:
        return {self.editor, *self._fields.values(), *self.sampling.inputs(), *self.seed.inputs()}

    def connect(self) -> None:
        self.sampling.connect()
        for changed in (self.editor.input, self.scale.input):
            changed(self._note, [self.editor, self.scale, self._picker.dropdown], self.editor, **QUICK)

    def read(self, filled: FormValues) -> SuperResolve:
        picture = _picture(filled[self.editor], self._store)
        values = {name: filled[component] for name, component in self._fields.items()}
        return _request(picture, **values, seed=self.seed.read(filled), **self.sampling.read(filled))

    def write(self, request: SuperResolve) -> Update:
        (picture,) = self._store.sources_of(request)
        assert isinstance(picture, Pixels)
        values = {component: getattr(request, name) for name, component in self._fields.items()}
        shown = {self.editor: showing_picture(picture, _note(request))}
        return {**shown, **values, **self.sampling.write(request), **self.seed.write(request)}

    def receive(self, picture: Pixels, request: Request) -> Update:
        return {self.editor: showing_picture(picture, is_settled=False), **self.seed.renew()}

    def _note(self, digest: str | None, scale: int, pack: str, page: gr.Request) -> object:
        """What will come out, as soon as there is a picture."""
        if digest is None:
            return gr.skip()
        try:
            return showing_note(_note(_request(_picture(digest, self._store), pack=pack, scale=scale)))
        except StudioError as error:
            return showing_note(in_language(error.message, language_of(page)))


def build(client: EngineClient, sessions: SessionJobs, browser: BrowserName, picker: ModelPicker) -> BuiltTab:
    """Draws the tab inside the tabs that are open, and wires it."""
    with gr.Row(equal_height=False, elem_classes="studio-room"):
        with gr.Column(scale=2, min_width=320, elem_classes="studio-desk"):
            form = _Form(sessions.store, picker)
            job = GenerationPanel(TITLE, client, sessions, browser)
            examples = Examples(SuperResolve.TASK)
            form.add_choices()
            gr.Markdown(say("tab_super_resolve_about"), elem_classes="studio-about")
        with gr.Column(scale=3, min_width=320, elem_classes="studio-view"):
            job.add_view()
    job.connect(form.components, form.read, form.write, form.seed)
    examples.connect(form.components, form.write, sessions.store, picker, job.undo)
    form.connect()
    return BuiltTab(TITLE, {form.editor, *form.seed.inputs()}, form.receive, job, form.sampling.follow)


def _picture(digest: str | None, store: Store) -> Pixels:
    """The picture as it was brought. Raises `InvalidRequest` where there is none."""
    picture = store.source(digest) if digest else None
    if not isinstance(picture, Pixels):
        raise InvalidRequest("image", None, "a picture: choose one, or drop one on the frame")
    return picture


def _request(picture: Pixels, *, scale: int, **values: Any) -> SuperResolve:
    if isinstance(scale, bool) or scale not in SCALES:  # before anything is multiplied by it
        raise InvalidRequest("scale", scale, "one of: {names}", names=", ".join(map(str, SCALES)))
    return SuperResolve(
        image=picture.digest, scale=scale, width=picture.width * scale, height=picture.height * scale,
        **values,
    )  # fmt: skip


def _note(request: SuperResolve) -> str:
    """ "128 × 96 → 512 × 384", and by how many tiles, where there are several; the same in every language."""
    tiles = len(request.tiling.places)
    sizes = f"{request.width // request.scale} × {request.height // request.scale} → {request.width} × {request.height}"
    return f"{sizes} · {tiles} ▦" if tiles > 1 else sizes
