"""The first contact with a network: where the node to be joined takes links, and what the network's genesis is.

Whoever starts with an empty data directory knows an address and perhaps the network's id. It links with that node as a
newcomer, is told the genesis, and checks that its hash is the id which the node said when it proved its identity (and
the id that was given, if one was). From then on the network is pinned: it stands in the data directory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.peers.dialling import Dial
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.link import Closed, Link, LinkLimits
from cloudnode.peers.messages import NO_NETWORK, VERSIONS, AnyMessage, GenesisText, GetGenesis, Hello
from cloudnode.peers.peer import Channel, Peer
from cloudnode.peers.places import HTTP_SCHEMES, LINK_TRANSPORTS, JoinAddress
from cloudnode.transports.requestbody import RequestBody
from cloudnode.transports.responsebody import BodyReader

_INFO_BYTES_MAX = 1024 * 1024


class JoinFailed(Exception):
    """A node that can't be joined; the text is one line for the operator."""


@attrs.frozen
class Newcomer:
    """What it takes to link as a newcomer.

    :ivar dial: Opens a channel. :ivar key: This node's. :ivar secret: So many bytes that nobody can guess.
    :ivar wall_time: Unix seconds. :ivar software: Name and version.
    """

    clock: IReactorTime
    dial: Dial
    key: SigningKey
    secret: Callable[[int], bytes]
    wall_time: Callable[[], float]
    software: str

    async def ask_network(self, join: JoinAddress) -> bytes:
        """The network id of a node.

        :raises JoinFailed: It can't be reached, or is another node than the one that was named.
        """
        peer = await self._link(join)
        peer.end(PeerFault("going_away", "this was to see which network it is of"))
        return peer.hello.network

    async def fetch_genesis(self, join: JoinAddress) -> Genesis:
        """The genesis of a node's network.

        :raises JoinFailed: As above, or what it sends is not its network's genesis, or not that of the network which
            was named.
        """
        peer = await self._link(join)
        try:
            answer = await peer.ask(GetGenesis)
            assert isinstance(answer, GenesisText)
            genesis = decode_genesis(answer.text)
        except (PeerFault, LedgerError) as error:
            raise JoinFailed(f"{join.text} gives no genesis: {error}") from None
        finally:
            peer.end(PeerFault("going_away", "this was to learn the genesis"))
        if genesis.network != peer.hello.network:
            raise JoinFailed(f"{join.text} gives a genesis of another network than its own")
        return genesis

    async def _link(self, join: JoinAddress) -> Peer:
        owner = _Waiting()
        try:
            await self.dial(join.transport, join.host, join.port, lambda channel: self._make_peer(channel, join, owner))
            peer = await owner.opened.addTimeout(LinkLimits().handshake, self.clock)
        except Exception as error:
            raise JoinFailed(f"cannot join {join.text}: {str(error) or type(error).__name__}") from None
        if join.network is not None and peer.hello.network != join.network:
            peer.end(PeerFault("other_network", "another network was expected"))
            raise JoinFailed(
                f"{join.text} is of network {peer.hello.network.hex()}, not of {join.network.hex()}, which was given"
            )
        return peer

    def _make_peer(self, channel: Channel, join: JoinAddress, owner: _Waiting) -> Peer:
        time = int(self.wall_time() * 1000)
        ours = Hello(VERSIONS, NO_NETWORK, self.key.public, self.secret(32), (), 0, time, self.software)
        now = self.clock.seconds()
        link = Link(self.key, ours, channel.binding, dials=True, now=now, expected=join.node)
        return Peer(channel, link, self.clock, owner)


class _Waiting:
    """Waits for a link to open (:class:`cloudnode.peers.peer.PeerOwner`)."""

    def __init__(self) -> None:
        self.opened: Deferred[Peer] = Deferred()

    def peer_opened(self, peer: Peer) -> None:
        if not self.opened.called:
            self.opened.callback(peer)

    def peer_said(self, peer: Peer, message: AnyMessage) -> None:
        """Whatever it says unasked is not for a newcomer."""

    def peer_closed(self, peer: Peer, closed: Closed) -> None:
        if not self.opened.called:
            self.opened.errback(closed.fault)


async def find_link_port(join: JoinAddress, reactor: Any, timeout: float) -> JoinAddress:
    """Where a node takes links, if it was named by its HTTP address; other addresses are returned as they are.

    Over ``https`` its certificate is checked against the system's authorities: it is a domain's, or a proxy's.

    :param timeout: Seconds.
    :raises JoinFailed: It does not answer, or serves no WebSocket.
    """
    if join.scheme not in HTTP_SCHEMES:
        return join
    pool = HTTPConnectionPool(reactor, persistent=False)
    host = f"[{join.host}]" if ":" in join.host else join.host
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "getnodeinfo"})
    try:
        asking: Deferred[Any] = Agent(reactor, connectTimeout=timeout, pool=pool).request(
            b"POST", f"{join.scheme}://{host}:{join.port}/".encode(), Headers({b"content-type": [b"application/json"]}),
            RequestBody(body),
        )  # fmt: skip
        response = await asking.addTimeout(timeout, reactor)
        reader = BodyReader(_INFO_BYTES_MAX)
        response.deliverBody(reader)
        info = msgspec.json.decode(await reader.done.addTimeout(timeout, reactor))
        interfaces = info["result"]["interfaces"]
        transport, port = next(
            (each["transport"], each["port"])
            for kind in LINK_TRANSPORTS
            for each in interfaces
            if each["transport"] == kind
        )
        if type(port) is not int or not 1 <= port <= 65_535:
            raise ValueError("it names no port")
    except StopIteration:
        raise JoinFailed(f"{join.text} serves no WebSocket, where links are taken") from None
    except Exception as error:
        raise JoinFailed(f"cannot join {join.text}: {str(error) or type(error).__name__}") from None
    return attrs.evolve(join, scheme="ws" if transport == "ws" else "ws+udp", port=port)
