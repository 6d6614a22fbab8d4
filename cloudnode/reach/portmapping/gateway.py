"""Which router this machine's packets go to, and from which address."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import attrs

from cloudnode.reach.portmapping.packets import PORT

ROUTES = Path("/proc/net/route")
_GATEWAY_FLAG = 0x2


@attrs.frozen
class Gateway:
    """The router of the default route.

    :ivar address: Its IPv4 address. :ivar client: This machine's, towards it.
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
