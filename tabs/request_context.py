"""The door: what comes from a browser is checked here, and what a person may be told of an error goes out here.

A browser may send anything as a component's value. Handlers raise `StudioError`; whatever else they raise was not
foreseen, and is told to the person as one sentence and to the log as one line.
"""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse

from studio.errors import InvalidRequest, MissingImage, StudioError, forget_frames
from studio.hosting.accounts import Accounts
from studio.hosting.guard import PERSON
from studio.message import Message
from tabs.locale.catalogue import LANGUAGES, in_language

logger = logging.getLogger(__name__)

BROWSER_NAME = re.compile(r"[0-9a-f]{32}")
LONGEST_LOGGED = 200  # characters of what went wrong
NOT_UNDERSTOOD = Message("The studio could not make sense of what this page sent. Please load the page again.")


class BrowserName(gr.BrowserState):
    """Who a browser is: its right to see its own jobs. It keeps the name from visit to visit."""

    is_template = True  # in the browser it is gradio's own

    def __init__(self, **options: Any) -> None:
        kept = {"default_value": "", "storage_key": "latent-studio-browser", "secret": "latent-studio"}
        super().__init__(**{**kept, **options})  # gradio makes components again, with options of its own

    def preprocess(self, payload: Any) -> str:
        """The name; empty where there is none yet. Raises `InvalidRequest` for anything else."""
        if not payload:
            return ""
        if not isinstance(payload, str) or not BROWSER_NAME.fullmatch(payload):
            raise InvalidRequest("browser", payload, "the name that this studio gave it; please load the page again")
        return payload


def address_of(page: gr.Request) -> str:
    """Where a person asks from, as the guard found it; empty where that is not known."""
    return page.client.host if page.client else ""


def person_of(page: gr.Request | HttpRequest | None) -> str:
    """The name of who has logged in; empty where nobody needs to."""
    if isinstance(page, gr.Request):
        return page.username or ""
    return str(page.scope.get(PERSON, "")) if page is not None else ""


def language_of(page: gr.Request | HttpRequest | None) -> str:
    """The page's language, as its browser asks for it."""
    return first_language(page.headers.get("accept-language", "") if page else "")


def first_language(wanted: str) -> str:
    """The first in an Accept-Language header that the page has; English for all others."""
    known = (part.strip()[:2].lower() for part in wanted.split(","))
    return next((language for language in known if language in LANGUAGES), LANGUAGES[0])


def answer_of(error: StudioError, page: HttpRequest) -> JSONResponse:
    """What a route of our own answers where it could not do what was asked, in the page's language."""
    logger.info("refused: %s", error.logged[:LONGEST_LOGGED])
    forget_frames(error)
    status = 404 if isinstance(error, MissingImage) else 400
    return JSONResponse({"error": in_language(error.message, language_of(page))}, status_code=status)


class StudioBlocks(gr.Blocks):
    """A page all of whose handlers speak to people through this door. Where there are accounts, whoever has logged in
    is one browser wherever they are, whatever their browser calls itself."""

    accounts: Accounts | None = None

    async def process_api(self, block_fn: Any, inputs: list[Any], *rest: Any, **options: Any) -> dict[str, Any]:
        given = options.get("request")
        page = given if isinstance(given, gr.Request) else None
        try:
            if self.accounts is not None:
                identity = self.accounts.identity(person_of(page))
                inputs = [
                    identity if isinstance(component, BrowserName) else value
                    for component, value in zip(block_fn.inputs, inputs, strict=False)
                ]
            return await super().process_api(block_fn, inputs, *rest, **options)
        except (Exception, SystemExit) as error:  # SystemExit would leave a server that answers nobody
            failure = refused(error, page)
            forget_frames(error)
        # gradio holds the failure in a circle with all that was sent, until somebody collects the garbage
        asyncio.get_running_loop().call_soon(failure.with_traceback, None)
        raise failure


def refused(error: BaseException, page: gr.Request | None) -> gr.Error:
    """What the page shows of ``error``, in its language; one line of it goes to the log."""
    while isinstance(error, ValueError) and error.__cause__ is not None:  # gradio's wrapper around a component's error
        error = error.__cause__
    if isinstance(error, StudioError):
        logger.info("refused: %s", error.logged[:LONGEST_LOGGED])
        message = in_language(error.message, language_of(page))
    elif isinstance(error, gr.Error):
        logger.info("refused: %s", str(error.message)[:LONGEST_LOGGED])
        message = str(error.message)
    else:
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
        logger.error("not understood: %s at %s: %s", type(error).__name__, place, repr(error)[:LONGEST_LOGGED])
        message = in_language(NOT_UNDERSTOOD, language_of(page))
    return gr.Error(message, print_exception=False)
