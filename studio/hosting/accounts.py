"""Who may come in, and as whom: names and passwords in a file that holds no password.

The file is JSON: by name, a random identity (whose pictures are whose) and the scrypt hash (RFC 7914) of the password
with its salt. ``python -m studio accounts`` writes it; a running studio reads it again when it changes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.errors import AccountError

logger = logging.getLogger(__name__)

NAME = re.compile(r"[\w.@-]{1,64}")
SHORTEST, LONGEST = 8, 256  # characters of a password
COST = {"n": 2**14, "r": 8, "p": 1}  # scrypt's; 16 MB and some 50 ms a try
MOST_WRONG, WRONG_SECONDS = 10, 900.0  # tries of one name or from one address, in this time
MOST_REMEMBERED = 10_000  # names and addresses
REMEMBERED_SECONDS = 300.0  # in which the same header need not be hashed again


@dataclass(frozen=True)
class Account:
    """``identity``: 32 hexadecimal digits, the owner of what this person draws."""

    identity: str
    salt: bytes
    password: bytes
    cost: dict[str, int]


class Lockout:
    """Counts wrong tries by key; too many lock the key for a while. Safe to use from many threads."""

    def __init__(self, most: int = MOST_WRONG, seconds: float = WRONG_SECONDS) -> None:
        self._most, self._seconds = most, seconds
        self._lock = threading.Lock()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how many, and when they began

    def is_locked(self, key: str) -> bool:
        with self._lock:
            count, began = self._wrong.get(key, (0, 0.0))
            return count >= self._most and time.monotonic() - began < self._seconds

    def count(self, key: str) -> None:
        with self._lock:
            count, began = self._wrong.pop(key, (0, time.monotonic()))
            if time.monotonic() - began >= self._seconds:
                count, began = 0, time.monotonic()
            self._wrong[key] = count + 1, began
            if len(self._wrong) > MOST_REMEMBERED:
                self._wrong.popitem(last=False)

    def forget(self, key: str) -> None:
        with self._lock:
            self._wrong.pop(key, None)


class Accounts:
    """The accounts in the file ``path``. Safe to use from many threads.

    Raises `AccountError` where there is no such file, or where it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._lockout = Lockout()
        self._changed = 0
        self._known = read_accounts(path)
        self._right: OrderedDict[bytes, tuple[str, float]] = (
            OrderedDict()
        )  # headers that were right, hashed; until when

    def is_right(self, name: str, password: str) -> bool:
        """Whether somebody of this ``name`` and ``password`` may come in. Takes some 50 ms, known or not."""
        account = self._fresh().get(name)
        if self._lockout.is_locked(name) or len(password) > LONGEST:
            return False
        expected = account or Account("", b"nobody", b"", COST)
        hashed = _hashed(password, expected.salt, expected.cost)
        if account is not None and hmac.compare_digest(hashed, account.password):
            self._lockout.forget(name)
            return True
        self._lockout.count(name)
        logger.warning("a wrong name or password")
        return False

    def identity(self, name: str) -> str | None:
        account = self._fresh().get(name)
        return account.identity if account else None

    def of_header(self, header: str) -> str | None:
        """The name in an ``Authorization: Basic`` header that is right (RFC 7617), or None."""
        kind, _, text = header.partition(" ")
        key, now = hashlib.sha256(header.encode("latin-1", "replace")).digest(), time.monotonic()
        known = self._fresh()
        with self._lock:
            name, until = self._right.get(key, ("", 0.0))
        if now < until and name in known:
            return name
        try:
            name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        if kind.lower() != "basic" or not self.is_right(name, password):
            return None
        with self._lock:
            self._right[key] = name, now + REMEMBERED_SECONDS
            if len(self._right) > MOST_REMEMBERED:
                self._right.popitem(last=False)
        return name

    def _fresh(self) -> dict[str, Account]:
        """The accounts as the file has them now; as they were where it cannot be read."""
        try:
            changed = self._path.stat().st_mtime_ns
            with self._lock:
                if changed != self._changed:
                    self._known, self._changed = read_accounts(self._path), changed
                    self._right.clear()
        except (OSError, AccountError) as error:
            logger.error("the accounts cannot be read: %s", error)
        return self._known


def read_accounts(path: Path) -> dict[str, Account]:
    """By name. Raises `AccountError` where ``path`` is no such file."""
    try:
        stored = json.loads(path.read_text())
        return {
            name: Account(
                each["identity"], bytes.fromhex(each["salt"]), bytes.fromhex(each["password"]),
                {key: int(each["cost"][key]) for key in COST},
            )
            for name, each in stored.items()
        }  # fmt: skip
    except FileNotFoundError:
        raise AccountError(
            "There is no file of accounts {file}; python -m studio accounts add makes it.", file=path.name
        ) from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise AccountError("The file of accounts {file} is damaged or cannot be read.", file=path.name) from None


def add_account(path: Path, name: str, password: str) -> None:
    """Adds an account, or gives a known one another password. Raises `AccountError` for one that will not do."""
    if not NAME.fullmatch(name):
        raise AccountError("A name has up to 64 letters, digits, dots, dashes and @, and no spaces.")
    if not SHORTEST <= len(password) <= LONGEST:
        raise AccountError("A password has {least} to {most} characters.", least=SHORTEST, most=LONGEST)
    known = read_accounts(path) if path.exists() else {}
    identity = known[name].identity if name in known else secrets.token_hex(16)
    salt = secrets.token_bytes(16)
    known[name] = Account(identity, salt, _hashed(password, salt, COST), COST)
    _write(path, known)


def remove_account(path: Path, name: str) -> None:
    """Raises `AccountError` where there is none of this name."""
    known = read_accounts(path)
    if known.pop(name, None) is None:
        raise AccountError("There is no account of this name.")
    _write(path, known)


def _write(path: Path, accounts: dict[str, Account]) -> None:
    """Replaces the file at once; nobody else may read it."""
    stored: dict[str, Any] = {
        name: {"identity": each.identity, "salt": each.salt.hex(), "password": each.password.hex(), "cost": each.cost}
        for name, each in sorted(accounts.items())
    }
    part = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(stored, file, indent=1)
    part.replace(path)


def _hashed(password: str, salt: bytes, cost: dict[str, int]) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, **cost, maxmem=2**26)
