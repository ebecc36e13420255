"""A reverse proxy that shows a studio below a path of its own, as people put in front of their servers.

``python -m tests.hosting.proxy http://127.0.0.1:7860 /art/studio 8080``: the path is cut off, and what comes back is
passed on as it comes.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.parent import tied
from tests.running import ROOT
from tests.waiting import wait_until

HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "host", "content-length"}


@contextlib.contextmanager
def proxied(url: str, root: str) -> Iterator[str]:
    """The address, below ``root``, at which a proxy shows what is at ``url``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = ("-m", "tests.hosting.proxy", url, root, str(port))
    with subprocess.Popen(tied(program), cwd=ROOT) as process:
        try:
            wait_until(lambda: _is_open(port), "the proxy")
            yield f"http://127.0.0.1:{port}{root}"
        finally:
            process.kill()


def _is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def app(url: str, root: str) -> Starlette:
    client = httpx.AsyncClient(timeout=None)

    async def forward(request: Request) -> StreamingResponse:
        headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
        headers |= {
            "Host": httpx.URL(url).netloc.decode(), "X-Forwarded-Host": request.headers["host"],
            "X-Forwarded-Proto": "http", "X-Forwarded-For": request.client.host if request.client else "",
        }  # fmt: skip
        target = url + request.url.path.removeprefix(root) + (f"?{request.url.query}" if request.url.query else "")
        asked = client.build_request(request.method, target, headers=headers, content=await request.body())
        answer = await client.send(asked, stream=True)

        async def passed() -> AsyncIterator[bytes]:
            try:
                async for chunk in answer.aiter_raw():
                    yield chunk
            finally:
                await answer.aclose()

        kept = {name: value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
        return StreamingResponse(passed(), answer.status_code, kept)

    return Starlette(routes=[Route(root + "/{path:path}", forward, methods=["GET", "POST", "HEAD"])])


if __name__ == "__main__":
    uvicorn.run(app(sys.argv[1], sys.argv[2]), host="127.0.0.1", port=int(sys.argv[3]), log_level="error")
