"""Network addresses, as people write them and as connections come."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TypeAlias

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

ONE_LINE = 64  # bits of an IPv6 address that a provider gives to one customer; the rest is changed at will
WITH_PORT = re.compile(r"\[(?P<six>[^\]]*)\](:\d+)?|(?P<four>[\d.]+):\d+")


def is_this_machine(host: str) -> bool:
    """Whether only this machine can reach what is served on ``host``, an address in any notation, or a name. No name is
    looked up."""
    try:
        found = socket.getaddrinfo(host.partition("%")[0], None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):  # UnicodeError among them
        return host.lower().removesuffix(".") == "localhost"
    address = _ip(str(found[0][4][0]))
    return bool(host) and address is not None and address.is_loopback


def counted_as(client: str) -> str:
    """Whom a connection from ``client`` counts for, where people are counted by address: of IPv6, the network that one
    customer has. It may have a port, as some proxies write it; what is no address stands for itself."""
    if match := WITH_PORT.fullmatch(client):
        client = match["six"] or match["four"] or client
    address = _ip(client)
    if address is None:
        return client[:64]
    if address.version == 4 or address.is_loopback or address.is_link_local:
        return str(address)
    return str(ipaddress.ip_network((address, ONE_LINE), strict=False))


def _ip(text: str) -> Ip | None:
    """Without its zone; one of IPv4 that is written as IPv6 is one of IPv4."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
