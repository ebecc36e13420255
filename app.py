"""Latent Studio: settings -> engine and gallery -> page. ``python app.py``, or the entry point on Spaces."""

import contextlib
import os
import signal
import sys
import threading


def main() -> int:
    """Serves the page until it is stopped; returns the exit code."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing calls home
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))  # after each event it would sum up all others
    # Imported here, because the engine's process imports this file too, and has no use for a page.
    from studio.errors import StudioError
    from studio.hosting.bootstrap import opened_studio
    from studio.hosting.serving import Connections, Server, bound_sockets, most_connections, raise_descriptor_limit
    from studio.logs import write_log
    from studio.settings import Settings, read_settings

    with contextlib.ExitStack() as ends:
        try:
            settings: Settings = read_settings(os.environ)
            write_log(settings.log)
            connections = Connections(most_connections(raise_descriptor_limit()), by_address=not settings.proxies)
            sockets = bound_sockets(settings.host, settings.port)
            studio = ends.enter_context(opened_studio(settings))
            # takes seconds, in which the engine's process starts
            from tabs.page import build_page, launch_options
            from tabs.serving import application, serve

            page = build_page(studio)
            serve(page, Server(application(page, launch_options(studio)), sockets, connections))
        except (StudioError, OSError) as error:
            print(f"Latent Studio cannot start: {error}", file=sys.stderr)
            return 2
        is_over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: is_over.set())
        print(f"Latent Studio is at http://{settings.shown_host}:{settings.port}", flush=True)
        is_over.wait()
        studio.client.drain(settings.grace)
        page.close(verbose=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
