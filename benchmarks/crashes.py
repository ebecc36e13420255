"""Kills the process that keeps pictures, again and again, while it saves, exports, imports and deletes, and looks at
what is left.

    python -m benchmarks.crashes --kills 300

The process is the page's as far as its disk goes: the recorder, the ledger, exports and imports, fed with finished
pictures as fast as they can be written; each is printed once it has been acknowledged. After each kill the gallery is
opened again, as a start of the studio does, and must hold every picture that was acknowledged and not thrown away for
good, whole, with its recipe and its row; and offer every job that had not ended, but none whose pictures were all
acknowledged.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from studio.events import Drawn, Finished, Started
from studio.gallery import open_gallery
from studio.gallery.containers import read_recipe
from studio.gallery.database import FILE
from studio.gallery.exports import Options, find_form
from studio.gallery.importing import Archive, Importer
from studio.gallery.recorder import Recorder
from studio.gallery.wanted import PictureFilter
from studio.images.pixels import Pixels
from studio.models.registry import find_pack
from studio.requests.text_to_image import TextToImage

ROOT = Path(__file__).parents[1]
OWNER = "a" * 32
LIFE_SECONDS = (0.05, 1.2)  # of a process, once it has begun to write
KEPT = 400  # pictures; what is older is deleted for good, so that the galleries stay small
JOBS_OF_A_LIFE = 40
PICTURES_OF_A_JOB = 2


@dataclass
class Found:
    """What the kills have shown. ``lost`` pictures, rows without a file and bad files must be none."""

    kills: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    jobs: int = 0
    unoffered: list[str] = field(default_factory=list)
    offered_again: list[str] = field(default_factory=list)
    parts: int = 0


def live(data: Path, seed: int) -> None:
    """The process that is killed. Says what has been acknowledged, a line each."""
    store, ledger = open_gallery(data)
    recorder = Recorder(store, ledger)
    rng = np.random.default_rng(seed)
    said = threading.Lock()

    def say(**line: object) -> None:
        with said:
            print(json.dumps(line), flush=True)

    def export_and_import() -> None:
        while True:
            names = ledger.pictures.names(OWNER, PictureFilter())[:20]
            path = data / "exports" / "all.zip"
            path.parent.mkdir(exist_ok=True)
            with path.open("w+b") as file:
                find_form("archive").write(iter(ledger.pictures.get_all(OWNER, names)), store, file, Options())
                for _ in Importer(store, ledger, "b" * 32, [find_pack("storybook")]).take(Archive(file)):
                    pass

    def delete() -> None:
        while True:
            old = ledger.pictures.names(OWNER, PictureFilter())[KEPT // 2 :]
            ledger.pictures.delete(OWNER, old[:5])
            ledger.pictures.restore(OWNER, old[:2])
            time.sleep(0.01)

    say(ready=True)
    for work in (export_and_import, delete):
        threading.Thread(target=work, daemon=True).start()
    for number in range(JOBS_OF_A_LIFE):
        job = f"{seed}-{number}"
        request = TextToImage(
            prompt=f"house {job}", pack="storybook", width=64, height=64, seed=number, count=PICTURES_OF_A_JOB
        )
        recorder.accept(job, OWNER, request)
        say(job=job)
        recorder(Started(job))
        for index in range(PICTURES_OF_A_JOB):
            pixels = Pixels.of(rng.integers(256, size=(64, 64, 3), dtype=np.uint8))
            drawn = recorder(Drawn(job, index, request.alone(index), "0123456789", 0.1, pixels=pixels))
            assert isinstance(drawn, Drawn)
            say(picture=Path(str(drawn.path)).stem, seed=request.alone(index).seed, of=job)
        recorder(Finished(job))
        say(ended=job)
    time.sleep(60)


def kill_again_and_again(kills: int, data: Path, seed: int = 0) -> Found:
    """``kills`` lives and deaths over one data folder."""
    chance, found = random.Random(seed), Found()
    acknowledged: dict[str, int] = {}
    for number in tqdm(range(kills), disable=kills < 20):
        begun, ended, whole = _one_life(data, seed * 1_000_000 + number, chance.uniform(*LIFE_SECONDS), acknowledged)
        found.kills += 1
        found.jobs += len(begun)
        _look(data, found, acknowledged, begun, ended, whole)
    found.acknowledged = len(acknowledged)
    return found


def _one_life(
    data: Path, seed: int, seconds: float, acknowledged: dict[str, int]
) -> tuple[set[str], set[str], set[str]]:
    """The jobs that it began, that it ended, and of which every picture was acknowledged."""
    command = [sys.executable, "-m", "benchmarks.crashes", "--live", str(data), "--seed", str(seed)]
    begun, ended, drawn = set(), set(), Counter[str]()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "ready" in process.stdout.readline()
        killer = threading.Timer(seconds, process.send_signal, [signal.SIGKILL])
        killer.start()
        for line in process.stdout:
            if not line.endswith("\n"):
                break  # cut off: not acknowledged
            line_read = json.loads(line)
            if "picture" in line_read:
                acknowledged[line_read["picture"]] = line_read["seed"]
                drawn[line_read["of"]] += 1
            begun |= {line_read["job"]} if "job" in line_read else set()
            ended |= {line_read["ended"]} if "ended" in line_read else set()
        killer.join()
    return begun, ended, {job for job, pictures in drawn.items() if pictures == PICTURES_OF_A_JOB}


def _look(
    data: Path, found: Found, acknowledged: dict[str, int], begun: set[str], ended: set[str], whole: set[str]
) -> None:
    store, ledger = open_gallery(data)
    try:
        found.parts += len(list(data.rglob("*.part")))
        rows = {each.id: each for each in ledger.pictures.get_all(OWNER, list(acknowledged))}
        for name, seed in acknowledged.items():
            row = rows.get(name)
            if row is None or row.is_missing:
                found.lost.append(name)
            elif read_recipe(store.path(name)).request != row.request or row.seed != seed:
                found.bad.append(name)
        offered = {each.job for each in ledger.jobs.interrupted(OWNER)}
        # what had ended by its own last word may be in the ledger or not; what had not must be offered, up to its limit
        missing = begun - ended - offered
        found.unoffered += sorted(missing)[1:]  # one may have ended with its last word unsaid
        found.offered_again += sorted(offered & whole)
        for job in offered:
            ledger.jobs.dismiss(OWNER, job)
        with contextlib.closing(sqlite3.connect(data / FILE)) as database:
            (damaged,) = database.execute("PRAGMA integrity_check").fetchone()
        found.bad += [] if damaged == "ok" else [damaged]
    finally:
        ledger.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--live", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.live:
        live(options.live, options.seed)
        return
    data = Path(tempfile.mkdtemp(prefix="latent-studio-crashes-"))
    found = kill_again_and_again(options.kills, data, options.seed)
    shutil.rmtree(data)
    lost, bad, unoffered = len(found.lost), len(found.bad), len(found.unoffered)
    print(f"{found.kills} kills, {found.acknowledged} pictures acknowledged: {lost} lost, {bad} bad")
    print(f"{found.jobs} jobs: {unoffered} that had not ended were not offered again; {found.parts} parts left over")
    print(f"{len(found.offered_again)} jobs were offered again although all of their pictures had been acknowledged")
    sys.exit(bool(found.lost or found.bad or found.unoffered or found.offered_again or found.parts))


if __name__ == "__main__":
    main()
