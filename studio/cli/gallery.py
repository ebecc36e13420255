"""The gallery on the command line; while no studio runs on the same data folder.

python -m studio gallery list --json
python -m studio gallery search "red house" --since 2026-01-01
python -m studio export --form html --out pictures.html --search "red house"
python -m studio import pictures.zip
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from studio.cli import Commands, options
from studio.errors import InvalidRequest, StudioError
from studio.gallery import open_gallery
from studio.gallery.column import Flag
from studio.gallery.columns import filtered
from studio.gallery.exports import Options, find_form, forms
from studio.gallery.importing import Archive, Folder, Importer
from studio.gallery.ledger import Ledger
from studio.gallery.pictures import Picture
from studio.gallery.store import Store
from studio.gallery.wanted import PictureFilter
from studio.models.catalogue import PACKS
from studio.models.registry import find_pack, packs_in
from studio.requests import to_mapping
from studio.settings import Settings

SHOWN = 50  # pictures of a list


def add(commands: Commands) -> None:
    gallery = commands.add_parser("gallery", help="list pictures, or search them")
    kinds = gallery.add_subparsers(required=True, metavar="list|search")
    listing, search = kinds.add_parser("list"), kinds.add_parser("search")
    search.add_argument("words")
    for command in (listing, search):
        command.add_argument("--json", action="store_true", help="one JSON object a line")
        command.add_argument("--most", type=int, default=SHOWN, help=f"how many, {SHOWN} if not given")
        _add_filters(command)
        command.set_defaults(command=show)
    export = commands.add_parser("export", help="write pictures for other programs")
    export.add_argument("--form", default="archive", help=", ".join(forms()))
    export.add_argument("--out", type=Path, required=True, help="the file to write")
    export.add_argument("--search", dest="words", default="", help="only pictures with these words")
    export.add_argument("--quality", type=options.number, default=Options.quality, help="of JPEG and WebP, 1 to 100")
    export.add_argument("--without-recipes", action="store_true", help="pictures without what made them")
    export.add_argument("--push", metavar="OWNER/NAME", help="a dataset: also to the Hub, with the token in HF_TOKEN")
    _add_filters(export)
    export.set_defaults(command=write)
    taking = commands.add_parser("import", help="take in a ZIP or a folder of pictures with recipes")
    taking.add_argument("source", type=Path)
    taking.set_defaults(command=take)


def _add_filters(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--task", default="", help="text-to-image, inpaint ...")
    add("--sampler", default="")
    add("--seed", type=int)
    for column in filtered():
        if isinstance(column.kind, Flag):
            add(f"--{column.filter}", action="store_true", help=column.filter_help)
        else:
            add(f"--{column.filter}", default="", help=column.filter_help)
    add("--since", type=_date, help="a day, as 2026-01-31")
    add("--until", type=_date, help="likewise; that day is not counted")


def _date(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _wanted(arguments: argparse.Namespace) -> PictureFilter:
    return PictureFilter(
        words=getattr(arguments, "words", ""), task=arguments.task, sampler=arguments.sampler, seed=arguments.seed,
        since=arguments.since, until=arguments.until,
        marks={column.filter: getattr(arguments, column.filter) for column in filtered()},
    )  # fmt: skip


@contextlib.contextmanager
def _gallery(settings: Settings) -> Iterator[tuple[Store, Ledger]]:
    """Whoever has the machine sees all pictures."""
    store, ledger = open_gallery(settings.data, everybody=True)
    try:
        yield store, ledger
    finally:
        ledger.close()


def show(arguments: argparse.Namespace, settings: Settings) -> int:
    with _gallery(settings) as (store, ledger):
        for picture in ledger.pictures.find("", _wanted(arguments), arguments.most):
            print(_line(picture, store) if arguments.json else _row(picture))
    return 0


def _row(picture: Picture) -> str:
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(picture.made))
    star = "*" if picture.marks.symbols else " "
    return f"{picture.id}  {made} {star} {picture.task}  {' '.join(picture.text.split())[:100]}"


def _line(picture: Picture, store: Store) -> str:
    values = {
        "id": picture.id, "path": str(store.path(picture.id)), "made": picture.made, "seconds": picture.seconds,
        "model_hash": picture.model_hash, "revision": picture.revision, **picture.marks,
        "missing": picture.is_missing, "request": to_mapping(picture.request),
    }  # fmt: skip
    return json.dumps(values, ensure_ascii=False)


def write(arguments: argparse.Namespace, settings: Settings) -> int:
    form = find_form(arguments.form)
    if arguments.push and arguments.form != "dataset":
        raise InvalidRequest("push", arguments.push, "only with --form dataset")
    chosen = Options(arguments.quality, not arguments.without_recipes)
    with _gallery(settings) as (store, ledger):
        names = ledger.pictures.names("", _wanted(arguments))
        pages = (ledger.pictures.get_all("", names[first : first + 100]) for first in range(0, len(names), 100))
        part = arguments.out.with_name(f"{arguments.out.name}.part")
        try:
            with part.open("wb") as file:
                form.write(itertools.chain.from_iterable(pages), store, file, chosen)
            part.replace(arguments.out)
        finally:
            part.unlink(missing_ok=True)
    print(json.dumps({"path": str(arguments.out), "pictures": len(names)}))
    if arguments.push:
        _push(arguments.out, arguments.push)
    return 0


def _push(archive: Path, name: str) -> None:
    """A dataset's files, to a private repository on the Hub. The token is huggingface_hub's own affair."""
    import tempfile
    import zipfile

    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(archive) as files:  # which we have just written
            files.extractall(folder)
        try:
            api = HfApi()
            api.create_repo(name, repo_type="dataset", private=True, exist_ok=True)
            print(api.upload_folder(repo_id=name, repo_type="dataset", folder_path=folder))
        except (HfHubHTTPError, LocalTokenNotFoundError, OSError, ValueError) as error:
            kind = type(error).__name__
            raise StudioError(
                "The dataset could not be pushed to {name} ({kind}); {archive} has it all.",
                name=name, kind=kind, archive=str(archive),
            ) from None  # fmt: skip


def take(arguments: argparse.Namespace, settings: Settings) -> int:
    first = find_pack(settings.pack)
    packs = [first, *(find_pack(name) for name in PACKS), *(state.info for state in packs_in(settings.models))]
    with _gallery(settings) as (store, ledger), contextlib.ExitStack() as files:
        importer = Importer(store, ledger, "", packs)
        if arguments.source.is_dir():
            collection: Archive | Folder = Folder(arguments.source)
        else:
            collection = Archive(files.enter_context(arguments.source.open("rb")))
        *_, report = importer.take(collection)
    for line in report.refused:
        print(line, file=sys.stderr)
    print(json.dumps({"added": report.added, "known": report.known, "refused": report.failed}))
    return 0 if report.added or report.known or not report.failed else 1
