"""A place where a node is said to be, and the ways to have a link with it."""

from __future__ import annotations

import attrs

from cloudnode.peers.messages import Interface, NodeAddress
from cloudnode.peers.places import LINK_TRANSPORTS, LinkTransport, place_group

Way = tuple[LinkTransport, int]
"""What a link goes over, and the port."""


@attrs.define(eq=False)
class Entry:
    """A place where a node is said to be. Times are of a clock that never goes back.

    :ivar transport: What links are taken over at ``port``. :ivar node: The key that a link proved there, or that the
        operator wrote; else empty. No other node is then taken there, so what is only told is not kept here.
    :ivar is_named: Whether the operator wrote the key. :ivar said: Who said of itself, on a link from this very
        address, that it is here. Whoever shares the address could say so: that binds nobody either.
    :ivar interfaces: What it says that it serves. :ivar last_way: How a link was had last.
    :ivar seen: When a link with it was had, or None. :ivar next_try: It is not dialled before.
    :ivar failures: In a row. :ivar teller: The network of who told it. :ivar joined: Whether the operator named it.
    :ivar is_anchor: Whether it is dialled before all others after a restart.
    :ivar validator: The validator key that it has, or is said to have; or empty.
    :ivar is_proven_validator: Whether it has proven that on a link.
    :ivar group: The network that the place is in.
    """

    host: str
    port: int
    transport: LinkTransport = "ws"
    node: bytes = b""
    is_named: bool = False
    said: bytes = b""
    interfaces: tuple[Interface, ...] = ()
    last_way: Way | None = None
    seen: float | None = None
    next_try: float = float("-inf")
    failures: int = 0
    teller: str = ""
    joined: bool = False
    is_anchor: bool = False
    validator: bytes = b""
    is_proven_validator: bool = False
    group: str = attrs.field(init=False, default=attrs.Factory(lambda entry: place_group(entry.host), takes_self=True))

    @property
    def place(self) -> tuple[str, int]:
        """What it is found by."""
        return self.host, self.port

    @property
    def owner(self) -> bytes:
        """The key of who is there, proven or by its own word; empty if it is not known."""
        return self.node or self.said

    @property
    def ways(self) -> list[Way]:
        """How to dial it: at most one way over each transport, the one that led there last before the other.

        No more than one: what the interfaces are is somebody's word, and nobody is to have a host's ports tried. What
        the port takes is a word as well where nobody is known to be: every second try is over the other transport.
        """
        transport = self.transport
        if not (self.owner or self.joined) and self.failures % 2:
            transport = "ws" if transport == "ws-udp" else "ws-udp"
        ways: dict[LinkTransport, int] = {transport: self.port}
        for each in self.interfaces:
            for transport in LINK_TRANSPORTS:
                if each.transport == transport and each.host in ("", self.host):
                    ways.setdefault(transport, each.port)
        found = sorted(ways.items(), key=lambda way: LINK_TRANSPORTS.index(way[0]))
        return sorted(found, key=lambda way: way != self.last_way)


def link_port(interfaces: tuple[Interface, ...], host: str, own_host: str) -> Way | None:
    """The first way by which a node with these interfaces takes links at an address.

    :param host: The address. :param own_host: The one that an empty host stands for.
    """
    for transport in LINK_TRANSPORTS:
        for each in interfaces:
            if each.transport == transport and (each.host or own_host) == host:
                return transport, each.port
    return None


def transport_at(address: NodeAddress) -> LinkTransport:
    """What the port of a told address takes links over."""
    ports = {each.transport: each.port for each in reversed(address.interfaces) if each.host in ("", address.host)}
    return "ws-udp" if ports.get("ws-udp") == address.port and ports.get("ws") != address.port else "ws"
