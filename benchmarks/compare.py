"""Two commits of this repository against each other: how many pictures a second, and how soon one sees something.

    python -m benchmarks.compare HEAD~10 HEAD --users 16 --repeats 3
    make bench COMPARE="HEAD~10 HEAD"

Each commit is checked out beside the repository, and both serve the same people in turns, so that a machine that slows
down slows both. What is not committed is not compared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Runs in a commit's own folder, by its own code; nothing but what has been there since the benchmark has.
SESSION = """
import json, sys
from benchmarks.arms import OurEngine
from benchmarks.models import load
from benchmarks.serving import serve
from benchmarks.workload import visits
try:
    from studio.models.loading import pick_device
except ImportError:
    from studio.packs.loading import pick_device  # as it was called before
given = json.loads(sys.argv[1])
pack = load(given["model"], pick_device("auto"))
for seed, users in ((10**6, min(4, given["users"])), (given["seed"], given["users"])):
    people = visits(pack, users, given["each"], 0.2, seed)
    figures = serve(OurEngine(pack, given["inputs"], together=True), people).figures()
print(json.dumps(figures))
"""
COLUMNS = ("pictures/s", "p50 latency", "p95 latency", "p95 first preview", "GFLOP/s")


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with ``commit`` in it. Raises `subprocess.CalledProcessError` for one that there is not."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "commit"
        _git("worktree", "add", "--detach", "--force", str(path), commit)
        try:
            yield path
        finally:
            _git("worktree", "remove", "--force", str(path))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def session(folder: Path, **options: Any) -> dict[str, float]:
    """What the code in ``folder`` makes of the people that ``given`` says."""
    command = [sys.executable, "-c", SESSION, json.dumps(options)]
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def compare(commits: Sequence[str], repeats: int, **options: Any) -> dict[str, list[dict[str, float]]]:
    """The figures of every repeat of both commits."""
    found: dict[str, list[dict[str, float]]] = {commit: [] for commit in commits}
    with contextlib.ExitStack() as folders:
        paths = {commit: folders.enter_context(checked_out(commit)) for commit in commits}
        for repeat in range(repeats):
            for commit in commits[:: 1 if repeat % 2 else -1]:
                found[commit].append(session(paths[commit], seed=repeat, **options))
                print(f"repeat {repeat + 1}, {commit}: {found[commit][-1]['pictures/s']:.2f} pictures/s", flush=True)
    return found


def as_markdown(found: dict[str, list[dict[str, float]]]) -> str:
    one, other = found
    lines = [f"| median of {len(found[one])} | {one} | {other} | ratio (lowest-highest) |", "|---|---|---|---|"]
    for column in COLUMNS:
        values = [[figures[column] for figures in found[commit]] for commit in (one, other)]
        ratios = sorted(after / before if before else float("nan") for before, after in zip(*values, strict=True))
        medians = " | ".join(f"{statistics.median(each):.2f}" for each in values)
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        lines.append(f"| {column} | {medians} | {spread} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    parser.add_argument("commits", nargs=2, metavar="COMMIT")
    parser.add_argument("--model", default="storybook", help="a pack's name or folder")
    parser.add_argument("--users", type=int, default=16)
    parser.add_argument("--each", type=int, default=1, help="requests of each of them")
    parser.add_argument("--inputs", type=float, default=16, help="model inputs a call")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args(arguments)
    people = {"model": options.model, "users": options.users, "each": options.each, "inputs": options.inputs}
    print(as_markdown(compare(options.commits, options.repeats, **people)))


if __name__ == "__main__":
    main()
