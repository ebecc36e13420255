"""Latent Studio: settings -> engine and gallery -> page. ``python app.py``, or the entry point on Spaces."""

import contextlib
import logging
import os
import signal
import sys
import threading


def write_log() -> None:
    """One line for each thing that happened: of the studio all that is worth knowing, of others what went wrong."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    for name in ("studio", "tabs"):
        logging.getLogger(name).setLevel(logging.INFO)


def main() -> int:
    """Serves the page until it is stopped; returns the exit code."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing calls home
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # the guard says whose word for an address counts, not the server
    # Imported here, because the engine's process imports this file too, and has no use for a page.
    from studio.client import LocalClient
    from studio.errors import StudioError
    from studio.gallery import opened
    from studio.hosting.accounts import Accounts
    from studio.hosting.metrics import Metrics
    from studio.indexer import Indexer
    from studio.recorder import Recorder
    from studio.settings import read_settings
    from tabs.page import build_page, launch_options

    write_log()
    with contextlib.ExitStack() as ends:
        try:
            settings = read_settings(os.environ)
            library = ends.enter_context(opened(settings.data, everybody=settings.single))
            recorder, metrics = Recorder(library.store, library.ledger), Metrics()
            client = ends.enter_context(LocalClient(settings, *metrics.around(recorder)))
            ends.enter_context(contextlib.closing(Indexer(client, library.store, library.ledger)))
            accounts = Accounts(settings.accounts) if settings.accounts else None
            page = build_page(client, library, accounts)
            further = metrics.routes(client) if settings.metrics else []
            options = launch_options(client, library, settings, accounts, further)
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
        client.drain(settings.grace)
        page.close(verbose=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
