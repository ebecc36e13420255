"""Latent Studio: settings -> engine and gallery -> page. ``python app.py``, or the entry point on Spaces."""

import os
import sys


def main() -> int:
    """Serves the page until it is stopped; returns the exit code."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing calls home
    # Imported here, because the engine's process imports this file too, and has no use for a page.
    from studio.client import LocalClient
    from studio.errors import StudioError
    from studio.gallery.store import Store
    from studio.recorder import Recorder
    from studio.settings import read_settings
    from tabs.page import build_page, launch_options

    try:
        settings = read_settings(os.environ)
        store = Store(settings.data)
        client = LocalClient(settings, Recorder(store))
    except StudioError as error:
        print(f"Latent Studio cannot start: {error}", file=sys.stderr)
        return 2
    with client:
        page = build_page(client)
        print(f"Latent Studio is at http://{settings.host}:{settings.port}", flush=True)
        page.launch(server_name=settings.host, server_port=settings.port, quiet=True, **launch_options(store))
    return 0


if __name__ == "__main__":
    sys.exit(main())
