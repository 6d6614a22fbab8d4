"""A TCP port that listens and that connections go out from as well (:mod:`cloudnode.transports.stun.asking`).

A NAT that maps independently of the endpoint maps both to one external port. So a connection to a STUN server
tells where the listening socket is reached, and keeps it so.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.interfaces import IListeningPort, IProtocolFactory

BACKLOG = 128


def listen_reusable(reactor: Any, factory: IProtocolFactory, interface: str = "", port: int = 0) -> IListeningPort:
    """Listen on a port from which others may connect.

    :param interface: An IP address; empty for all of IPv4. :param port: 0 lets the system choose.
    :raises OSError: It can't be.
    """
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((interface, port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
        adopted: IListeningPort = reactor.adoptStreamPort(listening.fileno(), family, factory)
    return adopted


def bind_ipv6(kind: socket.SocketKind, port: int) -> socket.socket:
    """A socket at a port of all IPv6 addresses of this machine, which leaves the port's IPv4 to another one.

    :raises OSError: There is no IPv6, or the port is taken.
    """
    bound = socket.socket(socket.AF_INET6, kind)
    try:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        bound.bind(("::", port))
    except OSError:
        bound.close()
        raise
    return bound


def listen_ipv6(reactor: Any, factory: IProtocolFactory, port: int) -> IListeningPort:
    """Listen on a TCP port of all IPv6 addresses, and of these alone.

    :raises OSError: It can't be.
    """
    with bind_ipv6(socket.SOCK_STREAM, port) as listening:
        listening.listen(BACKLOG)
        adopted: IListeningPort = reactor.adoptStreamPort(listening.fileno(), socket.AF_INET6, factory)
    return adopted


def is_own_address(address: str) -> bool:
    """Whether an IP address is one of this machine's: whether a socket can be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
    except OSError:
        return False
    return True


def is_lost_address(address: str) -> bool:
    """Whether the system says that an IP address is not one of this machine's.

    False where that can't be found out now, such as when no file can be opened.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
    except OSError as error:
        return error.errno == errno.EADDRNOTAVAIL
    return False
