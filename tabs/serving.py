"""The page as an application, for a server of our own.

gradio's `launch` serves a page by itself, and then asks it over the network whether it is there; on a busy machine the
answer comes too late, and it gives up. `launch` is still called, as Spaces does its own work there, but finds that the
page is being served.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.routes import App
from gradio.state_holder import SessionState, StateHolder

from studio.hosting.serving import Server


def application(page: gr.Blocks, options: dict[str, Any]) -> App:
    """gradio's application of ``page``. It begins its work with its lifespan, see `begun`."""
    page.is_running, page.is_colab = True, False
    page.local_url = ""  # type: ignore[assignment]  # of gradio's declarations, which know no page that is served by others
    page.launch(
        prevent_thread_lock=True, quiet=True, share=False, inbrowser=False, inline=False, _frontend=False, **options
    )
    return page.app


def serve(page: gr.Blocks, server: Server) -> None:
    """Serves until `page.close`. Raises `StudioError`."""
    page.server = server  # type: ignore[assignment]  # it has what gradio asks of one
    server.start()


@contextlib.asynccontextmanager
async def begun(app: App) -> AsyncIterator[None]:
    """A lifespan in which the page's events are worked on: gradio begins that when it asks itself over the network."""
    blocks = app.get_blocks()
    app.state_holder = Sessions()
    app.state_holder.set_blocks(blocks)
    blocks._queue.set_server_app(app)
    blocks.run_startup_events()
    await blocks.run_extra_startup_events()
    app.startup_events_triggered = True
    yield


class Sessions(StateHolder):
    """What gradio keeps of each page that is open, without the half megabyte of settings of every component: they are
    for links into a page, which this one has not, and writing them took 40 ms of everybody's time for each page."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = _Session(self.blocks)
        return super().__getitem__(session_id)


class _Session(SessionState):
    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))  # type: ignore[arg-type]

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass
