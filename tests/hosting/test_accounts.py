"""Where there are accounts, nobody comes in without one, by whatever door; and everybody has pictures of their own."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client

from studio.errors import AccountError
from studio.hosting import accounts
from studio.hosting.accounts import Accounts, Lockout, add_account, read_accounts, remove_account
from studio.hosting.routes import OPEN, OPEN_TO_LOG_IN
from tests.running import ROOT, Studio, running_studio

PASSWORD = "a long walk by the sea"
SMALL = {"width": 64, "height": 64, "steps": 2}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("accounts") / "accounts.json"
    for name in ("anna", "ben", "cora"):
        add_account(path, name, PASSWORD)
    return path


@pytest.fixture(scope="module")
def locked(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with accounts, of this file alone."""
    data = tmp_path_factory.mktemp("locked") / "data"
    settings = {"STUDIO_ACCOUNTS": str(file), "STUDIO_MCP": "1", "STUDIO_PROXIES": "1", "STUDIO_ENGINE": "scripted"}
    with running_studio(data, **settings) as running:
        yield running


def _client(studio: Studio, name: str, password: str = PASSWORD) -> Client:
    return Client(studio.url, auth=(name, password), verbose=False, analytics_enabled=False)


def _from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def test_the_file_holds_no_password_and_is_for_its_owner(file: Path) -> None:
    assert PASSWORD not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    salts = {each["salt"] for each in json.loads(file.read_text()).values()}
    assert len(salts) == 3, "the same password must not look the same"


def test_a_name_and_its_password_are_right_and_nothing_else(file: Path) -> None:
    known = Accounts(file)
    assert known.is_right("anna", PASSWORD)
    for name, password in (
        ("anna", "wrong"),
        ("nobody", PASSWORD),
        ("", ""),
        ("anna", "x" * 10**6),
        ("anna", "\ud800"),
    ):
        assert not known.is_right(name, password)


def test_too_many_wrong_tries_lock_a_name_for_a_while(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known, now = Accounts(file), 1000.0
    monkeypatch.setattr(accounts.time, "monotonic", lambda: now)
    for _ in range(accounts.MOST_WRONG):
        known.is_right("anna", "guess")
    assert not known.is_right("anna", PASSWORD)
    assert known.is_right("ben", PASSWORD), "one person's lock is not another's"
    now += accounts.WRONG_SECONDS
    assert known.is_right("anna", PASSWORD)


def test_a_lockout_remembers_so_many_and_no_more() -> None:
    lockout = Lockout(most=1)
    for number in range(accounts.MOST_REMEMBERED + 5):
        lockout.count(str(number))
    assert not lockout.is_locked("0")
    assert lockout.is_locked(str(accounts.MOST_REMEMBERED))
    assert len(lockout._wrong) == accounts.MOST_REMEMBERED


def test_accounts_come_and_go_while_the_studio_runs(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    add_account(path, "anna", PASSWORD)
    known = Accounts(path)
    first = known.identity("anna")
    header = "Basic " + base64.b64encode(f"anna:{PASSWORD}".encode()).decode()
    assert known.of_header(header) == "anna"
    add_account(path, "anna", "another long walk")
    assert known.of_header(header) is None, "the old password still opens"
    assert known.is_right("anna", "another long walk")
    assert known.identity("anna") == first, "her pictures are still hers"
    remove_account(path, "anna")
    assert known.identity("anna") is None
    with pytest.raises(AccountError):
        remove_account(path, "anna")


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic YW5uYQ==", "Bearer YW5uYTp4", "Basic /w==", "ü"])
def test_headers_that_say_nothing_let_nobody_in(file: Path, header: str) -> None:
    assert Accounts(file).of_header(header) is None


@pytest.mark.parametrize("text", ["", "[]", "null", '{"anna": 1}', '{"anna": {"identity": "x", "salt": "zz"}}', "\0"])
def test_a_damaged_file_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(text)
    with pytest.raises(AccountError, match="is damaged"):
        read_accounts(path)
    with pytest.raises(AccountError, match="There is no file of accounts"):
        Accounts(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("name", "password"), [("", PASSWORD), ("a b", PASSWORD), ("a:b", PASSWORD), ("anna", "short")]
)
def test_accounts_that_will_not_do(tmp_path: Path, name: str, password: str) -> None:
    with pytest.raises(AccountError):
        add_account(tmp_path / "accounts.json", name, password)


def test_the_command_line_makes_and_lists_accounts(tmp_path: Path) -> None:
    def run(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "studio", "accounts", *arguments]
        environment = {"STUDIO_ACCOUNTS": str(tmp_path / "a.json"), "PATH": ""}
        return subprocess.run(
            command, cwd=ROOT, env=environment, input=typed, capture_output=True, text=True, timeout=60
        )

    assert run("add", "anna", typed=f"{PASSWORD}\n").returncode == 0
    assert run("list").stdout == "anna\n"
    assert Accounts(tmp_path / "a.json").is_right("anna", PASSWORD)
    refused = run("add", "ben", typed="short\n")
    assert refused.returncode == 1
    assert refused.stderr == "python -m studio: A password has 8 to 256 characters.\n"
    assert run("remove", "anna").returncode == 0


def test_no_route_opens_without_logging_in(locked: Studio) -> None:
    """Over all routes, so that none is forgotten."""
    for path, access in {**OPEN, **OPEN_TO_LOG_IN}.items():
        if access.is_public:
            continue
        url = locked.url + re.sub(r"\{.*?\}", "0" * 32, path)
        for method in access.methods:
            for headers in ({}, {"Authorization": "Basic eDp5"}, {"Cookie": "access-token-unsecure-x=y"}):
                answer = httpx.request(method, url, headers={**_from("10.0.0.1"), **headers})
                assert answer.status_code in (401, 429), (method, path, answer.status_code)
    shown = httpx.get(locked.url)
    assert shown.status_code == 200
    assert '"auth_required":true' in shown.text
    assert "text-to-image" not in shown.text, "the page itself must not be in what a stranger sees"
    assert httpx.get(f"{locked.url}/studio/health", timeout=60).status_code == 200


def test_who_guesses_is_shut_out_and_others_are_not(locked: Studio) -> None:
    def log_in(address: str, password: str) -> httpx.Response:
        form = {"username": "cora", "password": password}
        return httpx.post(f"{locked.url}/login", data=form, headers=_from(address))

    answers = [log_in("10.0.0.2", f"guess {number}").status_code for number in range(accounts.MOST_WRONG + 2)]
    assert answers == [400] * accounts.MOST_WRONG + [429, 429]
    refused = log_in("10.0.0.2", PASSWORD)
    assert refused.status_code == 429
    assert "15 minutes" in refused.json()["error"]
    form = {"username": "anna", "password": PASSWORD}
    assert httpx.post(f"{locked.url}/login", data=form, headers=_from("10.0.0.3")).status_code == 200
    assert "guess" not in locked.log


def test_everybody_has_pictures_of_their_own(locked: Studio) -> None:
    anna, ben = _client(locked, "anna"), _client(locked, "ben")
    drawn = anna.predict("a red house", seed=7, **SMALL, api_name="/text_to_image")
    assert [picture["request"]["seed"] for picture in anna.predict(api_name="/search_gallery")] == [7]
    assert ben.predict(api_name="/search_gallery") == []
    assert ben.predict(owner=drawn["owner"], api_name="/search_gallery") == [], "another's name opens nothing"
    name = drawn["pictures"][0]["name"]
    with pytest.raises(Exception, match="no such picture"):
        ben.predict([name], owner=drawn["owner"], api_name="/export_pictures")
    with pytest.raises(Exception, match=r"[Ii]ncorrect|[Cc]redentials|login"):
        _client(locked, "anna", "wrong password")


def test_a_program_may_say_who_it_is_with_each_request(locked: Studio) -> None:
    """As assistants do, which cannot log in on a page."""
    token = base64.b64encode(f"ben:{PASSWORD}".encode()).decode()
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "text_to_image", "arguments": {"prompt": "a tree", "seed": 3, **SMALL}}}  # fmt: skip
    headers = {"Accept": "application/json, text/event-stream", "Authorization": f"Basic {token}"}
    answer = httpx.post(f"{locked.url}/studio/mcp", json=call, headers=headers, timeout=60)
    assert answer.status_code == 200
    assert [picture["request"]["seed"] for picture in _client(locked, "ben").predict(api_name="/search_gallery")] == [3]
