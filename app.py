"""Latent Studio: settings -> engine and gallery -> page. ``python app.py``, or the entry point on Spaces."""

import contextlib
import os
import signal
import sys
import threading


def main() -> int:
    """Serves the page until it is stopped; returns the exit code."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing calls home
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # the guard says whose word for an address counts, not the server
    # Imported here, because the engine's process imports this file too, and has no use for a page.
    from studio.errors import StudioError
    from studio.hosting.opening import opened_studio
    from studio.logs import write_log
    from studio.settings import read_settings

    with contextlib.ExitStack() as ends:
        try:
            settings = read_settings(os.environ)
            write_log(settings.log)
            studio = ends.enter_context(opened_studio(settings))
            from tabs.page import build_page, launch_options  # takes seconds, in which the engine's process starts

            page, options = build_page(studio), launch_options(studio)
        except (StudioError, OSError) as error:
            print(f"Latent Studio cannot start: {error}", file=sys.stderr)
            return 2
        is_over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: is_over.set())
        try:
            page.launch(prevent_thread_lock=True, quiet=True, **options)
        except OSError:
            print(f"Port {settings.port} is taken; set STUDIO_PORT to another one.", file=sys.stderr)
            return 2
        print(f"Latent Studio is at http://{settings.host}:{settings.port}", flush=True)
        is_over.wait()
        studio.client.drain(settings.grace)
        page.close(verbose=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
