"""What every tab does with a request: submit it, show it, stop it, and find it again when the page is loaded anew.

A tab says how its form becomes a request and back; `GenerationPanel.connect` does the rest.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.backends.client import EngineClient
from studio.errors import MissingImage, UnknownJob
from studio.gallery.store import Store
from studio.images.pixels import Pixels
from studio.models.catalogue import PackInfo
from studio.requests.request import Request
from tabs.components.editor import Editor, stamped
from tabs.components.live import ENDED, NOT_PREPARING, PREPARING, Followers, LiveView, View, follow
from tabs.components.seed import SeedControls
from tabs.components.undo import Undo
from tabs.locale.words import say
from tabs.request_context import BrowserName, address_of, language_of

FormValues = Mapping[Any, Any]  # component -> value, as gradio hands over a set of inputs
Update = dict[Any, Any]  # component -> value, or what else is updated
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
KEPT_BROWSERS = 10_000
KEPT_JOBS = 20  # of each browser


def new_browser() -> str:
    """An identity for a browser: its right to see its own jobs, so it cannot be guessed."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class _Asked:
    request: Request
    keeps_seed: bool


class SessionJobs:
    """Which browser asked for which jobs, and the ``store`` of what they brought. Safe to use from many threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.followers = Followers()
        self._lock = threading.Lock()
        self._jobs: OrderedDict[tuple[str, str], OrderedDict[str, _Asked]] = OrderedDict()
        self._names: OrderedDict[str, str] = OrderedDict()

    def name(self, browser: str | None, page: str | None) -> str:
        """The browser's identity: its own if it has one, else a new one, the same for all that ``page`` asks.

        A quick hand may generate before the page has been told its browser's name.
        """
        if browser or page is None:
            return browser or new_browser()
        with self._lock:
            name = self._names.setdefault(page, new_browser())
            if len(self._names) > KEPT_BROWSERS:
                self._names.popitem(last=False)
            return name

    def put(self, browser: str, tab: str, job: str, request: Request, *, keeps_seed: bool = False) -> None:
        """``keeps_seed``: somebody has said which seed is drawn."""
        with self._lock:
            jobs = self._jobs.setdefault((browser, tab), OrderedDict())
            jobs[job] = _Asked(request, keeps_seed)
            if len(jobs) > KEPT_JOBS:
                jobs.popitem(last=False)
            self._jobs.move_to_end((browser, tab))
            if len(self._jobs) > KEPT_BROWSERS:
                self._jobs.popitem(last=False)

    def latest(self, browser: str, tab: str) -> tuple[str, Request] | None:
        """The browser's latest job and its request, or None."""
        with self._lock:
            jobs = self._jobs.get((browser, tab))
            job, asked = next(reversed(jobs.items())) if jobs else ("", None)
            return (job, asked.request) if asked else None

    def keeps_seed(self, browser: str, tab: str, job: str) -> bool:
        """Whether the seed of the browser's ``job`` was said by somebody, and not drawn by lot."""
        with self._lock:
            jobs = self._jobs.get((browser, tab))
            asked = jobs.get(job) if jobs else None
            return asked is not None and asked.keeps_seed

    def latest_pack(self, browser: str) -> str:
        """What drew the browser's latest job in any tab; empty where there is none."""
        with self._lock:
            own = [jobs for (name, _), jobs in self._jobs.items() if name == browser]
            return next(reversed(own[-1].values())).request.pack if own else ""

    def owns(self, browser: str, tab: str, job: str) -> bool:
        """Whether the browser asked for ``job`` (lately)."""
        with self._lock:
            return job in self._jobs.get((browser, tab), {})


@dataclass(frozen=True)
class BuiltTab:
    """What a tab that was built offers to the others: its ``job``, whose pictures can be sent on, and, if it takes
    pictures, ``receive``, which gives the values of its ``form`` for a picture and the request that made it. ``follow``
    gives what changes where another pack is chosen."""

    tab: str
    form: set[gr.Component]
    receive: Callable[[Pixels, Request], Update] | None
    job: GenerationPanel
    follow: Callable[[PackInfo], Update]


class GenerationPanel:
    """The buttons, the live view and the state that show one job on one page.

    Make it where the buttons belong, put the live view elsewhere with `add_view`, then `connect` it.
    """

    def __init__(self, tab: str, client: EngineClient, sessions: SessionJobs, browser: BrowserName) -> None:
        self._tab, self._client, self._sessions, self._browser = tab, client, sessions, browser
        with gr.Row(elem_classes="studio-actions"):
            self.go = gr.Button(say("generate"), variant="primary", size="lg", elem_id="generate", min_width=140)
            self.stop = gr.Button(say("stop"), variant="stop", size="lg", visible=False, elem_id="stop", min_width=140)
            self.discard = gr.Button(say("discard"), size="lg", visible=False, elem_id="discard", min_width=100)
        self.undo = Undo()
        self.name = gr.State("")  # what Stop stops: another page of the same browser may show another job
        self.view: LiveView
        self.form: set[gr.Component] = set()
        self.read: Callable[[FormValues], Request]
        self.write: Callable[[Any], Update] = lambda request: {}
        self._seed: SeedControls

    def add_view(self) -> None:
        self.view = LiveView(elem_id="live")

    def connect(
        self,
        form: set[gr.Component],
        read: Callable[[FormValues], Request],
        write: Callable[[Any], Update],
        seed: SeedControls,
    ) -> None:
        """Wires the buttons. ``read`` makes the request from the values of ``form`` (it may raise `StudioError`);
        ``write`` gives the values of the form for a request, and is asked when a page finds its job again. ``seed`` is
        among them: a page that is loaded again keeps one only where the one before did."""
        self.form, self.read, self.write, self._seed = form, read, write, seed
        self.undo.connect(form)
        own: Sequence[gr.Component] = [self.view, self.go, self.stop, self.discard, self.name, self._browser]
        long: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
        # The request refuses what is outside its limits, in words; gradio's components would do so without.
        # Of each output gradio makes a component at every step, changed or not, so that a job shows what it must alone.
        asked = self.go.click(self._generate, form | {self._browser}, own, preprocess=False, **long)
        # Gradio drops a click that comes before it knows that the last answer was the last: Generate comes after it.
        asked.then(lambda: self._running(False), None, [self.go, self.stop, self.discard], **QUICK)
        self.view.ready(self._attach, self._browser, [*own, *(form - {self._browser})], **long)
        self.stop.click(self._keep, [self._browser, self.name], None, **QUICK)
        self.discard.click(self._discard, [self._browser, self.name], None, **QUICK)
        seed.connect(self.view)
        for component in form:
            if isinstance(component, Editor):
                self._connect_editor(component, write)

    def _generate(self, filled: FormValues, page: gr.Request) -> Iterator[Update]:
        """Large pictures take seconds until there is a job, so that something is shown before."""
        yield {self.view: PREPARING, self.go: gr.update(interactive=False)}
        try:
            yield from self._submit(filled, page)
        except Exception:
            yield {self.view: NOT_PREPARING, **self._running(False)}
            raise

    def _submit(self, filled: FormValues, page: gr.Request) -> Iterator[Update]:
        filled = {component: _checked(component, value) for component, value in filled.items()}
        request = self.read(filled)
        images = self._sessions.store.sources_of(request)
        browser = self._sessions.name(filled[self._browser], page.session_hash)
        job = self._client.submit(request, browser, images, address_of(page))
        self._sessions.put(browser, self._tab, job, request, keeps_seed=self._seed.is_kept(filled))
        yield {**self._running(True), self.name: job, self._browser: browser}
        yield from self._show(job, request, page, is_asked=True)

    def _attach(self, browser: str | None, page: gr.Request) -> Iterator[Update]:
        """Gives a new browser its name; shows a known one its latest job, running or finished, with its form."""
        latest = self._sessions.latest(browser, self._tab) if browser else None
        if browser is None or latest is None:
            yield {self._browser: self._sessions.name(browser, page.session_hash), self.view: View().greeting()}
            return
        job, request = latest
        filled = _filled(self.write, request)
        if not self._sessions.keeps_seed(browser, self._tab, job):
            filled |= self._seed.renew()
        values = {component: value for component, value in filled.items() if not isinstance(component, Editor)}
        yield {**self._running(True), self.name: job, **values}
        yield from self._show(job, request, page)

    def _keep(self, browser: str | None, job: str, page: gr.Request) -> None:
        self._cancel(self._sessions.name(browser, page.session_hash), job, keep=True)

    def _discard(self, browser: str | None, job: str, page: gr.Request) -> None:
        self._cancel(self._sessions.name(browser, page.session_hash), job, keep=False)

    def _connect_editor(self, editor: Editor, write: Callable[[Request], Update]) -> None:
        """An editor on a page that was loaded again asks for what it showed: what comes with the rest, while the page
        is still loading, can be lost."""

        def restore(browser: str | None) -> dict[str, Any]:
            latest = self._sessions.latest(browser, self._tab) if browser else None
            value = {} if latest is None else _filled(write, latest[1]).get(editor, {})
            return value if value.get("source") or value.get("boxes") else stamped()

        editor.ready(restore, self._browser, editor, **QUICK)

    def _show(self, job: str, request: Request, page: gr.Request, *, is_asked: bool = False) -> Iterator[Update]:
        """The view's changes. Each tells the buttons, too: of several quick changes gradio may keep the last alone, and
        without its buttons a job could not be stopped. With ``is_asked`` the job counts as running to the last."""
        try:
            for view in follow(self._client, job, request, language_of(page), self._sessions.followers):
                if view is None:
                    yield {self.go: gr.skip()}
                else:
                    yield {self.view: view, **self._running(is_asked or view["state"] not in ENDED)}
        except UnknownJob:  # so long ago that the engine has forgotten it; its pictures are in the data folder
            yield {self.view: View().greeting(), **self._running(is_asked)}

    def _cancel(self, browser: str, job: str, *, keep: bool) -> None:
        if self._sessions.owns(browser, self._tab, job):
            self._client.cancel(job, keep=keep)

    def _running(self, running: bool) -> Update:
        """Generate while nothing runs; stop and discard while something does."""
        return {
            self.go: gr.update(visible=not running, interactive=True),
            self.stop: gr.update(visible=running),
            self.discard: gr.update(visible=running),
        }


def _checked(component: gr.Component, value: Any) -> Any:
    """Our own components check what comes from them, which has many parts; the request checks the rest."""
    return component.preprocess(value) if isinstance(component, (Editor, BrowserName)) else value


def _filled(write: Callable[[Request], Update], request: Request) -> Update:
    """The form for ``request``; nothing of it where somebody has cleared the data folder, as what runs can still be
    shown."""
    try:
        return write(request)
    except MissingImage:
        return {}
