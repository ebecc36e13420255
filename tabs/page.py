"""The page: finds the tabs, puts them together, and says how the page looks and where its pictures are served."""

from __future__ import annotations

import asyncio
import importlib
import logging
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from types import ModuleType
from typing import Any

import gradio as gr
from anyio import to_thread
from starlette.requests import Request as HttpRequest

import tabs
from studio.backends.client import EngineClient
from studio.errors import MissingImage
from studio.gallery.containers import read_recipe
from studio.gallery.store import Store
from studio.hosting.accounts import Accounts
from studio.hosting.bootstrap import Studio
from studio.hosting.guard import People, Policy, guarded_by
from studio.hosting.health import Canary
from studio.hosting.routes import OPEN, OPEN_TO_LOG_IN
from studio.models.catalogue import PackInfo
from studio.requests import kinds
from studio.settings import Settings
from tabs import STATIC
from tabs.components.engine_panel import build_panel
from tabs.components.generation import QUICK, BuiltTab, FormValues, SessionJobs, Update
from tabs.components.picker import ModelPicker
from tabs.gallery import build_gallery
from tabs.locale.catalogue import in_language
from tabs.locale.words import say
from tabs.request_context import BrowserName, StudioBlocks, first_language, language_of
from tabs.routes.animations import animation_routes
from tabs.routes.api import Api, tools_of
from tabs.routes.exports import export_routes
from tabs.routes.pictures import finished_picture, picture_routes
from tabs.routes.sources import source_routes
from tabs.serving import begun

logger = logging.getLogger(__name__)

STREAM_SECONDS = 30.0  # between two signs of life
MOST_EVENTS = 2000  # that wait for a thread of the page's; without a number, gradio makes it 1 on ZeroGPU
KEPT_SESSIONS = 1000  # pages whose state gradio keeps
SPACES_FRAMES = ("https://huggingface.co", "https://*.hf.space")
DUSK = gr.themes.Color(
    name="dusk", c50="#fdf3f1", c100="#fbe3df", c200="#f6c4bd", c300="#ee9c93", c400="#e57c76", c500="#d95d60",
    c600="#c2474f", c700="#a13741", c800="#7f2c39", c900="#5e2233", c950="#381420",
)  # fmt: skip
TWILIGHT = gr.themes.Color(
    name="twilight", c50="#faf9fc", c100="#f2f0f7", c200="#e4e0ee", c300="#cbc5dc", c400="#a49cbd", c500="#7c7399",
    c600="#5f567c", c700="#484063", c800="#2c2642", c900="#1d182e", c950="#130f20",
)  # fmt: skip
FONTS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "sans-serif")


def find_tabs() -> list[ModuleType]:
    """Every module in ``tabs/`` with a ``TITLE``, in their ORDER. Raises where one lacks what a tab needs."""
    found = []
    for file in pkgutil.iter_modules(tabs.__path__):
        module = importlib.import_module(f"tabs.{file.name}")
        if not hasattr(module, "TITLE"):
            continue
        missing = [name for name in ("ORDER", "build") if not hasattr(module, name)]
        if missing:
            raise ImportError(f"tabs/{file.name}.py has a TITLE but no {', '.join(missing)}; a tab needs both.")
        if _task_of(module) not in kinds():
            raise ImportError(f"tabs/{file.name}.py has a TITLE that is no task's: there is no such request.")
        found.append(module)
    return sorted(found, key=lambda module: int(module.ORDER))


def tabs_for(client: EngineClient) -> list[ModuleType]:
    """The tabs for what any pack can be asked for; a tab is called as its task is."""
    infos = [state.info for state in client.packs()]
    served = []
    for tab in find_tabs():
        if any(info.serves(kinds()[_task_of(tab)]) for info in infos):
            served.append(tab)
        else:
            logger.info("the tab %s is not there: no model has %s", tab.TITLE, sorted(kinds()[_task_of(tab)].NEEDS))
    return served


def _task_of(tab: ModuleType) -> str:
    return str(tab.TITLE).replace("_", "-")


def build_page(studio: Studio) -> gr.Blocks:
    """The whole page, ready to become an `application` with `launch_options`."""
    client, library, accounts = studio.client, studio.library, studio.accounts
    sessions = SessionJobs(library.store)
    with StudioBlocks(title="Latent Studio", analytics_enabled=False, fill_width=True) as page:
        page.accounts = accounts
        browser = BrowserName()
        with gr.Row(elem_id="studio-top"):
            gr.HTML((STATIC / "header.html").read_text(), elem_id="studio-header")
            picker = ModelPicker(client, studio.settings.stages)
            if accounts is not None:
                gr.Button(say("log_out"), link="logout", link_target="_self", size="sm", elem_id="log-out", scale=0)
        if not studio.settings.keeps:
            gr.Markdown(say("keeps_nothing"), elem_id="studio-keeps-nothing", elem_classes="studio-notice")
        notices: dict[str, gr.Markdown] = {}
        with gr.Tabs() as tabs_:
            built = []
            for tab in tabs_for(client):
                with gr.Tab(say(f"tab_{tab.TITLE}"), id=tab.TITLE, elem_id=f"tab-{tab.TITLE}"):
                    notices[_task_of(tab)] = gr.Markdown(visible=False, elem_classes="studio-notice")
                    built.append(tab.build(client, sessions, browser, picker))
            with gr.Tab(say("tab_gallery"), id="gallery", elem_id="tab-gallery"):
                build_gallery(client, library, browser, picker, built, tabs_)
        build_panel(client)
        Api(client, library, accounts).add_to_page()
        _connect(built, library.store, tabs_)
        _connect_picker(picker, client, built, notices)

        def greet(name: str, page: gr.Request) -> Update:
            latest = sessions.latest_pack(name)
            drawing = picker.find(latest) or picker.first
            return {picker.dropdown: picker.refreshed(latest), **_said(picker, notices, drawing, page)}

        page.load(greet, browser, [picker.dropdown, *notices.values()], **QUICK)
        page.load(_stay_connected, None, None, queue=True, show_progress="hidden", api_visibility="private")
    page.queue(default_concurrency_limit=None, max_size=MOST_EVENTS, api_open=False)
    return page


async def _stay_connected() -> AsyncIterator[None]:
    """Keeps gradio's stream to the page open for as long as the page is there.

    gradio closes it whenever nothing is going on; what a quick hand asks for while it closes is dropped.
    """
    while True:
        yield
        await asyncio.sleep(STREAM_SECONDS)


def _connect(built: list[BuiltTab], store: Store, tabs_: gr.Tabs) -> None:
    """Lets every tab's finished pictures be sent to every tab that takes some."""
    takers = {each.tab: each for each in built if each.receive is not None}
    for each in built:
        each.job.view.props["takers"] = list(takers)
    outputs = [tabs_, *set().union(*(each.form for each in takers.values())), *(each.job.undo for each in built)]
    forms = set().union(*(each.job.form for each in takers.values()))

    def send(filled: FormValues, event: gr.EventData) -> Update:
        data = event._data if isinstance(event._data, dict) else {}
        to, name = str(data.get("to")), str(data.get("picture"))
        receive = takers[to].receive if to in takers else None
        if receive is None:
            raise MissingImage("There is no such picture (any more).")
        picture = finished_picture(store, name)
        store.keep(picture)
        request = read_recipe(store.folder / name).request
        return {tabs_: gr.Tabs(selected=to), **receive(picture, request), **takers[to].job.undo.offer(filled)}

    for each in built:
        each.job.view.send(send, forms, outputs, preprocess=False, **QUICK)


def _connect_picker(
    picker: ModelPicker, client: EngineClient, built: list[BuiltTab], notices: dict[str, gr.Markdown]
) -> None:
    """Another model, chosen by a person: it is loaded, and every tab takes its first values. However it was chosen,
    the tabs that it cannot serve say who can."""

    def choose(name: str) -> Update:
        info = picker.info(name)
        client.load(info.name)
        return {component: value for each in built for component, value in each.follow(info).items()}

    def warn(name: str, page: gr.Request) -> Update:
        return _said(picker, notices, picker.info(name), page)

    followers = {component for each in built for component in each.follow(picker.first)}
    picker.dropdown.input(choose, picker.dropdown, list(followers), preprocess=False, **QUICK)
    picker.dropdown.change(warn, picker.dropdown, list(notices.values()), preprocess=False, **QUICK)


def _said(picker: ModelPicker, notices: dict[str, gr.Markdown], info: PackInfo, page: gr.Request) -> Update:
    """What every tab says of the pack that is chosen."""
    return {notice: picker.notice(info, task, language_of(page)) for task, notice in notices.items()}


def policy_of(settings: Settings, accounts: Accounts | None = None) -> Policy:
    """Whom the guard in front of the page lets in."""
    return Policy(
        hosts=frozenset(settings.hosts),
        any_host=settings.is_space,  # behind Spaces' own proxy, whose names for it are not written down anywhere
        proxies=settings.proxies,
        frames=SPACES_FRAMES if settings.is_space else (),
        people=partial(_people, accounts) if accounts is not None else None,
        routes=OPEN if accounts is None else {**OPEN, **OPEN_TO_LOG_IN},
        translate=lambda refusal, languages: in_language(refusal.message, first_language(languages)),
    )


def _people(accounts: Accounts, app: Any) -> People:
    """Who has logged in on gradio's ``app``, by its cookie, or says name and password with each request."""
    cookies = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")

    async def person(request: HttpRequest) -> str | None:
        tokens = [request.cookies[cookie] for cookie in cookies if cookie in request.cookies]
        name = next((app.tokens[token] for token in tokens if token in app.tokens), None)
        if name is None and (header := request.headers.get("authorization")):
            name = await to_thread.run_sync(accounts.of_header, header)
        return name if name is not None and accounts.identity(name) else None

    return person


def _asking(accounts: Accounts) -> Callable[[str, str], Awaitable[bool]]:
    async def is_right(name: str, password: str) -> bool:
        return await to_thread.run_sync(accounts.is_right, name, password)

    return is_right


def launch_options(studio: Studio) -> dict[str, Any]:
    """What `gr.Blocks.launch` needs. Raises `StudioError` where the settings ask for what is not installed."""
    client, library, settings, accounts = studio.client, studio.library, studio.settings, studio.accounts
    tools = [tools_of(client, library, accounts)] if settings.mcp else []
    return {
        "auth": None if accounts is None else _asking(accounts),
        "root_path": settings.root or None,
        "theme": _theme(),
        "css_paths": [STATIC / "page.css"],
        "js": (STATIC / "page.js").read_text(),
        "i18n": say,
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "pwa": False,
        "enable_monitoring": False,
        "max_threads": 256,  # every page that follows a job holds one
        "state_session_capacity": KEPT_SESSIONS,
        "app_kwargs": {
            "lifespan": guarded_by(policy_of(settings, accounts), begun, *(each.running for each in tools)),
            "routes": [
                *picture_routes(library.store),
                *animation_routes(library.store),
                *source_routes(library.store),
                *export_routes(client, library.store, library.errands),
                *Canary(client).routes(),
                *(route for each in tools for route in each.routes),
                *studio.routes,
            ],
        },
    }


def _theme() -> gr.themes.Base:
    theme = gr.themes.Base(
        primary_hue=DUSK, secondary_hue=TWILIGHT, neutral_hue=TWILIGHT,
        font=FONTS, font_mono=("ui-monospace", "monospace"),
        radius_size=gr.themes.sizes.radius_lg, spacing_size=gr.themes.sizes.spacing_lg,
    )  # fmt: skip
    return theme.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_shadow="none",
        panel_background_fill="transparent",  # of gradio's login page
        panel_background_fill_dark="transparent",
        input_border_width="1px",
        block_label_text_color="*neutral_600",
        block_title_text_color="*neutral_700",
        block_title_text_weight="600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover_dark="*primary_400",
        button_primary_text_color="white",
        input_background_fill="white",
        input_background_fill_dark="*neutral_950",
    )
