"""Opening ports, and saying in one line which one can't be opened and why."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Literal

import attrs
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory, IReactorCore
from twisted.logger import Logger

from cloudnode.api.facts import TransportName
from cloudnode.service.config import UdpAddress
from cloudnode.service.shutdown import StartError
from cloudnode.transports.quic.listener import QuicSocket

_log = Logger(namespace="cloudnode.service")


@attrs.frozen
class Listening:
    """A port that is open.

    :ivar transports: What is served there. :ivar scheme: That of its URL.
    :ivar address: The IP address, ``::`` for all of IPv4 and IPv6, or the path of a Unix socket.
    :ivar port: None for a Unix socket.
    :ivar secure: Whether TLS or QUIC is spoken there.
    """

    transports: tuple[TransportName, ...]
    scheme: str
    protocol: Literal["tcp", "udp"]
    address: str
    port: int | None
    secure: bool

    @property
    def url(self) -> str:
        """Where it is reached from this machine (for STUN by RFC 7064, whose URIs have no slashes)."""
        if self.port is None:
            return f"unix:{self.address}"
        address = ip_address(self.address.partition("%")[0])
        host = "localhost" if address.is_unspecified else str(address)
        place = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        return f"stun:{place}" if self.scheme == "stun" else f"{self.scheme}://{place}"


async def listen_stream(reactor: IReactorCore, endpoint: str, factory: IProtocolFactory, what: str) -> IListeningPort:
    """Listen on an endpoint string.

    :param what: What is served there, for the error.
    :raises StartError: It can't be.
    """
    try:
        return await serverFromString(reactor, endpoint).listen(factory)  # type: ignore[no-any-return]
    except Exception as error:
        raise StartError(f"cannot serve {what} at {endpoint}: {reason(error)}") from None


def listen_udp(socket: QuicSocket, address: UdpAddress, what: str) -> None:
    """Bind a QUIC socket.

    :raises StartError: It can't be.
    """
    try:
        socket.listen(address.port, address.host)
    except Exception as error:
        raise StartError(f"cannot serve {what} at UDP {address}: {reason(error)}") from None


@contextlib.contextmanager
def serving_ipv6(listening: list[Listening]) -> Iterator[None]:
    """Have the port that was opened last, of all IPv4 addresses, be one of all addresses if the block succeeds.

    Where there is no IPv6, or somebody else has the port there, it stays one of IPv4, and the log says so.
    """
    last = listening[-1]
    try:
        yield
    except (OSError, CannotListenError) as error:
        _log.info("{protocol} port {port} is not served over IPv6: {reason}",
                  protocol=last.protocol.upper(), port=last.port, reason=reason(error))  # fmt: skip
    else:
        listening[-1] = attrs.evolve(last, address="::")


def describe(host: IAddress, transports: Sequence[TransportName], scheme: str, *, secure: bool) -> Listening:
    """What a port's own address says of it."""
    if isinstance(host, IPv4Address | IPv6Address):
        udp = host.type == "UDP"
        return Listening(tuple(transports), scheme, "udp" if udp else "tcp", host.host, host.port, secure)
    path = os.fsdecode(host.name or b"") if isinstance(host, UNIXAddress) else str(host)
    return Listening(tuple(transports), scheme, "tcp", path, None, secure)


def reason(error: Exception) -> str:
    """The system's words, without Twisted's around them."""
    if isinstance(error, CannotListenError):
        error = error.socketError if isinstance(error.socketError, Exception) else error
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
