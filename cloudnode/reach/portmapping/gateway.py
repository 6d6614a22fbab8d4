"""Which router this machine's packets go to, and from which address."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import attrs

from cloudnode.reach.portmapping.packets import PORT

ROUTES = Path("/proc/net/route")
ROUTES6 = Path("/proc/net/ipv6_route")
_GATEWAY_FLAG = 0x2
_ANYWHERE = "2000::"
"""The first global address: which address this machine would take towards any other."""


@attrs.frozen
class Gateway:
    """The router of the default route.

    :ivar address: Its IP address; one that holds on a link alone has the link's name behind a ``%``.
    :ivar client: This machine's, towards it.
    """

    address: str
    client: str


def find_gateway(routes: Path = ROUTES) -> Gateway | None:
    """The gateway of the default route with the lowest metric; None if there is none."""
    try:
        lines = routes.read_text().splitlines()[1:]
    except OSError:
        return None
    address = read_default_gateway(lines)
    if address is None:
        return None
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
            trial.connect((address, PORT))  # sends nothing
            return Gateway(address, trial.getsockname()[0])
    except OSError:
        return None


def read_default_gateway(lines: list[str]) -> str | None:
    """The gateway in the lines of ``/proc/net/route`` below its head; addresses there are in host byte order."""
    found = []
    for line in lines:
        fields = line.split()
        if len(fields) < 8 or fields[1] != "00000000" or fields[7] != "00000000":
            continue
        if int(fields[3], 16) & _GATEWAY_FLAG:
            found.append((int(fields[6]), socket.inet_ntoa(struct.pack("=I", int(fields[2], 16)))))
    return min(found)[1] if found else None


def find_gateway6(routes: Path = ROUTES6) -> Gateway | None:
    """The same over IPv6; the client's address is the one that others on the Internet would see."""
    try:
        lines = routes.read_text().splitlines()
    except OSError:
        return None
    address = read_default_gateway6(lines)
    if address is None:
        return None
    client = find_source(_ANYWHERE)
    return None if client is None else Gateway(address, client)


def find_source(address: str) -> str | None:
    """The IPv6 address from which this machine would send to another one; None if it could not.

    On a link alone it has the link's name behind it, as that of the other one has.
    """
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as trial:
            trial.connect(resolve6(address, PORT))  # sends nothing
            source = str(trial.getsockname()[0]).partition("%")[0]
    except OSError:
        return None
    _, on_link, link = address.partition("%")
    return f"{source}%{link}" if on_link and IPv6Address(source).is_link_local else source


def resolve6(address: str, port: int) -> Any:
    """What a socket of IPv6 takes as an address. Of a pair of address and port it would lose the link.

    :raises OSError: There is no such link.
    """
    return socket.getaddrinfo(address, port, socket.AF_INET6, socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0][4]


def read_default_gateway6(lines: list[str]) -> str | None:
    """The gateway in the lines of ``/proc/net/ipv6_route``; the one with the lowest metric."""
    found = []
    for line in lines:
        fields = line.split()
        if len(fields) < 10 or int(fields[1], 16) or not int(fields[8], 16) & _GATEWAY_FLAG:
            continue
        address = IPv6Address(bytes.fromhex(fields[4]))
        found.append((int(fields[5], 16), f"{address}%{fields[9]}" if address.is_link_local else str(address)))
    return min(found)[1] if found else None
