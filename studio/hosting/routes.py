"""Every route of the running app, and who may call it: nobody, anybody, or whoever has logged in; with so large a
body, for so long.

What is not in the table is closed. A test starts the app, asks it for its routes and fails for one without a row, so a
new version of gradio cannot open a door unseen.
"""

from __future__ import annotations

from dataclasses import dataclass

KILOBYTE, MEGABYTE = 2**10, 2**20
LARGEST_PICTURE = 65 * MEGABYTE  # a file of the largest size that is taken, and a little for what is around it
LARGEST_ARCHIVE = 200 * MEGABYTE  # larger ones by the command line
LARGEST_EVENT = 12 * MEGABYTE  # what a page sends with an event: a painted mask, as text
READ = ("GET", "HEAD")


@dataclass(frozen=True)
class Access:
    """Who may call a route, and how.

    body:         bytes, at most
    seconds:      until the answer begins; None for streams, which end when their reader goes
    is_public:    also without logging in, where there are accounts
    counts_tries: an answer of 400 is a wrong try, and too many of them shut the door
    is_event:     it sets one of the page's handlers to work, so one address has it only so often (`pacing.py`)
    """

    methods: tuple[str, ...] = READ
    body: int = 0
    seconds: float | None = 30.0
    is_public: bool = False
    counts_tries: bool = False
    is_event: bool = False


OPEN: dict[str, Access] = {
    # the page
    "/": Access(is_public=True),
    "/config": Access(),
    "/config/": Access(),
    "/theme.css": Access(is_public=True),
    "/favicon.ico": Access(is_public=True),
    "/robots.txt": Access(is_public=True),
    "/manifest.json": Access(is_public=True),
    "/assets/{path:path}": Access(is_public=True),
    "/static/{path:path}": Access(is_public=True),
    "/svelte/{path:path}": Access(is_public=True),
    "/gradio_api/theme.css": Access(is_public=True),
    "/gradio_api/info": Access(),
    "/gradio_api/info/": Access(),
    # its events
    "/gradio_api/queue/join": Access(("POST",), LARGEST_EVENT, is_event=True),
    "/gradio_api/run/{api_name}": Access(("POST",), LARGEST_EVENT, is_event=True),  # events that wait in no queue
    "/gradio_api/queue/data": Access(("GET",), 0, None),
    "/gradio_api/heartbeat/{session_hash}": Access(("GET",), 0, None),
    "/gradio_api/cancel": Access(("POST",), 64 * KILOBYTE),
    # programs that draw, by plain HTTP: an event's name, then what it brings
    "/gradio_api/call/{api_name}": Access(("POST",), LARGEST_EVENT, is_event=True),
    "/gradio_api/call/v2/{api_name}": Access(("POST",), LARGEST_EVENT, is_event=True),
    "/gradio_api/call/{api_name}/{event_id}": Access(("GET",), 0, None),
    # our own
    "/studio/pictures/{name}": Access(),
    "/studio/thumbnails/{name}.webp": Access(READ, 0, 60.0),
    "/studio/recipes": Access(("POST",), LARGEST_PICTURE, 60.0),
    "/studio/imports": Access(("POST",), LARGEST_ARCHIVE, 120.0),
    "/studio/errands/{name}": Access(),
    "/studio/errands/{name}/stop": Access(("POST",), KILOBYTE),
    "/studio/errands/{name}/file": Access(),
    "/studio/health": Access(READ, 0, 60.0, is_public=True),
    "/metrics": Access(is_public=True),
    "/studio/mcp": Access(("POST",), LARGEST_EVENT, None, is_event=True),
    "/studio/deviation.png": Access(READ, 0, 120.0),
    "/studio/animations/{kind}": Access(READ, 0, 300.0),
    "/studio/sources": Access(("POST",), LARGEST_PICTURE, 120.0),
    "/studio/sources/{digest}/mask": Access(("POST",), LARGEST_PICTURE, 120.0),
    "/studio/sources/{digest}/extended": Access(("POST",), KILOBYTE, 120.0),
    "/studio/sources/{digest}.jpg": Access(READ, 0, 120.0),
}

# Where there are accounts, these too.
OPEN_TO_LOG_IN: dict[str, Access] = {
    "/login": Access(("POST",), 4 * KILOBYTE, is_public=True, counts_tries=True),
    "/logout": Access(is_public=True),
}

# gradio's routes that this page has no use for. Some keep what is sent to them on the disk, fetch what they are told
# to, or run a handler past the queue.
CLOSED: tuple[str, ...] = (
    "/login/",
    "/openapi.json",
    "/pwa_icon",
    "/pwa_icon/{size}",
    "/monitoring",
    "/monitoring/summary",
    "/monitoring/{key}",
    "/gradio_api/deep_link",
    "/gradio_api/api/{api_name}",
    "/gradio_api/api/{api_name}/",
    "/gradio_api/app_id",
    "/gradio_api/app_id/",
    "/gradio_api/call/{api_name}/",
    "/gradio_api/call/v2/{api_name}/",
    "/gradio_api/call/v2/{api_name}/{event_id}",
    "/gradio_api/component_server",
    "/gradio_api/component_server/",
    "/gradio_api/custom_component/{id}/{environment}/{type}/{file_name}",
    "/gradio_api/dev/reload",
    "/gradio_api/file/{path:path}",
    "/gradio_api/file={path_or_url:path}",
    "/gradio_api/login_check",
    "/gradio_api/login_check/",
    "/gradio_api/openapi.json",
    "/gradio_api/process_recording",
    "/gradio_api/profiling/clear",
    "/gradio_api/profiling/summary",
    "/gradio_api/profiling/traces",
    "/gradio_api/proxy={url_path:path}",
    "/gradio_api/queue/status",
    "/gradio_api/reset",
    "/gradio_api/reset/",
    "/gradio_api/run-history/buckets",
    "/gradio_api/run-history/connect",
    "/gradio_api/run-history/records",
    "/gradio_api/run-history/records/{endpoint}/{record_id}/assets/{asset_id}",
    "/gradio_api/run/{api_name}/",
    "/gradio_api/runs",
    "/gradio_api/runs/",
    "/gradio_api/startup-events",
    "/gradio_api/stream/{event_id}",
    "/gradio_api/stream/{event_id}/close",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
    "/gradio_api/token",
    "/gradio_api/token/",
    "/gradio_api/undo-vibe-edit",
    "/gradio_api/undo-vibe-edit/",
    "/gradio_api/upload",
    "/gradio_api/upload_progress",
    "/gradio_api/user",
    "/gradio_api/user/",
    "/gradio_api/vibe-code",
    "/gradio_api/vibe-code/",
    "/gradio_api/vibe-edit",
    "/gradio_api/vibe-edit/",
    "/gradio_api/vibe-starter-queries",
    "/gradio_api/vibe-starter-queries/",
)
