"""Settings come from the environment and nowhere else; nonsense is refused at the start, by name."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from studio.errors import InvalidRequest
from studio.settings import Settings, definitions, read_settings, table

SAID_BY_SPACES = {"is_space", "is_zero_gpu"}
ROOT = Path(__file__).parents[1]


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_every_setting_is_read() -> None:
    environment = {
        "STUDIO_HOST": "0.0.0.0", "STUDIO_PORT": "80", "STUDIO_PACK": "p", "STUDIO_DEVICE": "cuda:1",
        "STUDIO_DATA": "/tmp/x", "STUDIO_BATCH": "4", "STUDIO_ROWS": "64",
        "STUDIO_QUEUE": "9", "STUDIO_EACH": "3", "STUDIO_EACH_ADDRESS": "5", "STUDIO_PATIENCE": "0",
        "STUDIO_STRICT": "1", "STUDIO_STAGES": "1", "STUDIO_HOSTS": "Studio.example, other.example", "STUDIO_PROXIES": "2",
        "STUDIO_GRACE": "7", "STUDIO_ROOT": "/art/studio/", "STUDIO_METRICS": "1", "STUDIO_MCP": "1",
        "STUDIO_LOG": "json", "STUDIO_LOG_PROMPTS": "1", "STUDIO_PRECISION": "fast", "STUDIO_ENGINE": "ray",
        "STUDIO_COMPILE": "1",
        "STUDIO_REPLICAS": "2-8", "STUDIO_RAY": "ray://cluster:10001",
        "STUDIO_ACCOUNTS": "/etc/studio.json", "STUDIO_MODELS": "/models", "STUDIO_SINGLE": "0",
    }  # fmt: skip
    assert read_settings(environment) == Settings(
        "0.0.0.0", 80, ("studio.example", "other.example"), 2, pack="p", device="cuda:1", data=Path("/tmp/x"),
        batch=4, rows=64, queue=9, each=3, each_address=5, patience=0, strict=True,
        single=False, grace=7, root="/art/studio", metrics=True, mcp=True, log="json", log_prompts=True, stages=1, accounts=Path("/etc/studio.json"),
        models=Path("/models"), precision="fast", compile=True, engine="ray", replicas=(2, 8), ray="ray://cluster:10001",
    )  # fmt: skip
    fields = {field.name for field in dataclasses.fields(Settings)} - SAID_BY_SPACES
    assert {name.removeprefix("STUDIO_").lower() for name in environment} == fields
    assert read_settings({"STUDIO_BATCH": "auto"}).batch is None
    assert read_settings({"STUDIO_REPLICAS": "4"}).replicas == (4, 4)


def test_on_spaces_the_address_is_the_one_that_spaces_says() -> None:
    spaces = {"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "7861"}
    assert read_settings(spaces) == Settings(host="0.0.0.0", port=7861, single=False)
    assert read_settings({**spaces, "STUDIO_HOST": "localhost", "STUDIO_PORT": "80"}) == Settings("localhost", 80)
    assert read_settings({**spaces, "STUDIO_SINGLE": "1"}).single
    for shared in ({"SPACE_ID": "somebody/studio"}, {"STUDIO_PROXIES": "1"}, {"STUDIO_HOSTS": "studio.example"}):
        assert not read_settings(shared).single, "strangers must not see everybody's pictures"
    space = read_settings({**spaces, "SPACE_ID": "somebody/studio", "SPACE_HOST": "somebody-studio.hf.space"})
    assert (space.hosts, space.proxies, space.is_space) == (("somebody-studio.hf.space",), 1, True)
    assert not space.is_zero_gpu
    assert read_settings({"SPACES_ZERO_GPU": "true"}).is_zero_gpu


def test_a_volume_that_spaces_mounts_is_used_and_a_space_without_one_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = {"SPACE_ID": "somebody/studio"}
    monkeypatch.setattr("studio.settings.SPACE_STORAGE", tmp_path)
    settings = read_settings(space)
    assert (settings.data, settings.keeps) == (Path("data"), False)
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path)
    settings = read_settings(space)
    assert (settings.data, settings.keeps) == (tmp_path / "latent-studio", True)
    elsewhere = read_settings({**space, "STUDIO_DATA": "/srv/pictures"})
    assert (elsewhere.data, elsewhere.keeps) == (Path("/srv/pictures"), False)
    assert read_settings({}).keeps, "on a machine of one's own, the disk stays"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "abc"),
        ("PORT", "65536"),
        ("DEVICE", "tpu"),
        ("DEVICE", ""),
        ("BATCH", "1"),
        ("BATCH", "-4"),
        ("BATCH", "automatic"),
        ("ROWS", "²"),
        ("QUEUE", "0"),
        ("STRICT", "yes"),
        ("STAGES", "0"),
        ("STAGES", "3"),
        ("PRECISION", "float32"),
        ("ENGINE", "dask"),
        ("REPLICAS", "0"),
        ("REPLICAS", "8-2"),
        ("REPLICAS", "2-"),
        ("REPLICAS", "1-99999"),
        ("SINGLE", "auto"),
        ("GRACE", "-1"),
        ("HOSTS", "https://studio.example"),
        ("HOSTS", "studio.example:7860"),
        ("PROXIES", "-1"),
        ("ROOT", "studio"),
        ("ROOT", "https://studio.example/art"),
        ("ROOT", "/art//studio"),
        ("METRICS", "yes"),
        ("LOG", "xml"),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest, match=f"STUDIO_{name}"):
        read_settings({f"STUDIO_{name}": value})


def test_the_documents_say_what_the_code_says() -> None:
    hosting = (ROOT / "docs" / "hosting.md").read_text()
    assert table() in hosting, f"docs/hosting.md needs this table:\n{table()}"
    for document in (ROOT / "README.md", *ROOT.glob("docs/**/*.md")):
        for name in re.findall(r"STUDIO_([A-Z_]+)", document.read_text()):
            assert name.lower() in definitions(), f"{document} speaks of STUDIO_{name}, which is no setting"


def test_settings_are_parsed_in_one_place() -> None:
    """os.environ may be handed over by an entry point, but is looked into by settings.py only."""
    for file in (ROOT / "studio").rglob("*.py"):
        if file.name == "settings.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            subscripted = isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ"
            called = isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.getenv", "os.environ.get")
            assert not subscripted, file
            assert not called, file
