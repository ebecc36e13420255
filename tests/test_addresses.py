"""An address is the same however it is written, and of IPv6 one customer counts as one."""

from __future__ import annotations

import pytest

from studio.addresses import counted_as, is_this_machine


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("127.8.9.1", True), ("127.1", True), ("localhost", True), ("LocalHost.", True),
        ("::1", True), ("0:0:0:0:0:0:0:1", True), ("::ffff:127.0.0.1", True), ("::1%lo", True),
        ("::", False), ("0.0.0.0", False), ("", False), ("192.168.1.20", False), ("fe80::1%lo", False),
        ("::ffff:192.168.1.20", False), ("localhost.example.org", False), ("127.0.0.1.nip.io", False), ("\0", False),
    ],
)  # fmt: skip
def test_what_only_this_machine_can_reach(host: str, expected: bool) -> None:
    assert is_this_machine(host) == expected


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"), ("203.0.113.7:4711", "203.0.113.7"), ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("[::1]:4711", "::1"), ("fe80::1%eth0", "fe80::1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("[2001:db8:1:2::9]:80", "2001:db8:1:2::/64"),
        ("unknown", "unknown"), ("", ""), ("x" * 100, "x" * 64), ("[]", "[]"),
    ],
)  # fmt: skip
def test_whom_a_connection_counts_for(client: str, expected: str) -> None:
    assert counted_as(client) == expected
