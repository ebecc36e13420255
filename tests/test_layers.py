"""Imports point one way, and each library has its rooms. The house stays as ARCHITECTURE.md draws it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A room may import from itself and from any room before it.
ROOMS = (
    ("studio.message", "studio.errors", "studio.addresses"),
    ("studio.images", "studio.prompts"),
    ("studio.sampling.catalogue",),
    ("studio.requests",),
    ("studio.logs", "studio.settings", "studio.events"),
    ("studio.models.catalogue", "studio.models.weights.folder"),
    ("studio.gallery",),
    ("studio.sampling", "studio.models"),
    ("studio.engine.row", "studio.engine.effort"),
    ("studio.tasks",),
    ("studio.engine.scheduler",),
    ("studio.backends.messages",),
    ("studio.engine",),
    ("studio.backends",),
    ("studio.gallery.recorder", "studio.gallery.indexer"),
    ("studio.hosting",),
    ("studio.cli", "studio.__main__"),
    ("tabs",),
    ("app",),
    ("storybook",),  # trains what ships; nothing that ships knows of it
)
OWNERS = {
    "gradio": ("app", "tabs"),
    "sqlite3": ("studio.gallery",),
    "ray": ("studio.backends",),
    "spaces": ("studio.backends",),
}
FILES = [*ROOT.glob("studio/**/*.py"), *ROOT.glob("tabs/**/*.py"), ROOT / "app.py", *ROOT.glob("storybook/**/*.py")]


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _room(module: str) -> int:
    """The most particular room that ``module`` lies in."""
    fits = [(len(room), at) for at, rooms in enumerate(ROOMS) for room in rooms if f"{module}.".startswith(f"{room}.")]
    assert fits, f"{module} has no room; give it one here and in ARCHITECTURE.md"
    return max(fits)[1]


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_imports_point_one_way(file: Path) -> None:
    module = _name(file)
    if file.read_text() == "":
        return  # bare packages, without code
    for imported in _imports(file):
        if imported.split(".")[0] in ("studio", "tabs", "storybook"):
            assert _room(imported) <= _room(module), f"{module} imports {imported}, which lies above it"


def test_training_knows_no_page() -> None:
    for file in ROOT.glob("storybook/**/*.py"):
        assert not any(imported.split(".")[0] in ("tabs", "app", "gradio") for imported in _imports(file)), file


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_each_library_stays_in_its_rooms(file: Path) -> None:
    module = _name(file)
    for imported in _imports(file):
        rooms = OWNERS.get(imported.split(".")[0])
        assert rooms is None or module.startswith(rooms), f"{module} imports {imported}"


def test_the_page_and_its_client_import_no_torch() -> None:
    """A busy thread beside the U-Net slows it ninefold, so the models live in another process; keep them there."""
    code = "import sys, app, tabs.page, studio.backends.local, studio.gallery.recorder, studio.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_studio_imports_without_gradio() -> None:
    code = """
import importlib, pkgutil, sys
sys.modules["gradio"] = None
import studio
for module in pkgutil.walk_packages(studio.__path__, "studio."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
