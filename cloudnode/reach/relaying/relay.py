"""The node in the middle: takes a stream for a node that it is linked with, has that node come for it, and splices.

Who asks names the node by its key; the node is told by its link, with a token by which it opens its own channel. Both
then speak TLS with each other, so that the relay reads nothing. It gives so much time and so many bytes, and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import msgspec
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cloudnode.peers.messages import RelayInvitation
from cloudnode.peers.peer import Peer
from cloudnode.reach.relaying.limits import CallerBytes, RelayCounters, RelayLimits
from cloudnode.reach.relaying.splicing import SpliceEnd
from cloudnode.transports.addresses import address_group
from cloudnode.transports.peerchannel import RELAYS, PeerChannel, PeerRefused
from cloudnode.transports.relay.stream import RelayTerms

ACCEPT = RELAYS.path + "accept/"
TOKEN_BYTES = 16


class Relay:
    """All streams that a node relays.

    :ivar counters: What it did.
    """

    def __init__(
        self,
        clock: IReactorTime,
        node_key: bytes,
        find_peer: Callable[[bytes], Peer | None],
        secret: Callable[[int], bytes],
        limits: RelayLimits | None = None,
    ) -> None:
        """
        :param node_key: This node's. :param find_peer: The open link with a node. :param secret: Random bytes.
        """
        self.counters = RelayCounters()
        self.limits = limits or RelayLimits()
        self._clock = clock
        self._node_key = node_key
        self._find_peer = find_peer
        self._secret = secret
        self._streams: dict[bytes, _Stream] = {}
        self._by_caller: Counter[str] = Counter()
        self._by_node: Counter[bytes] = Counter()
        self._bytes = CallerBytes()
        self._is_stopped = False

    def stop(self) -> None:
        """Carry nothing more."""
        self._is_stopped = True
        for stream in list(self._streams.values()):
            stream.end("relay_going_away")

    # What callers ask (PeerSocketFactory)

    def check_admission(self, address: str, path: str) -> None:
        """Raise :class:`PeerRefused` if no channel for this path would be taken from this IP address."""
        try:
            self._check(address, path)
        except PeerRefused:
            self.counters.refused += 1
            raise

    def _check(self, address: str, path: str) -> None:
        if self._is_stopped:
            raise PeerRefused("relay_going_away: the node is stopping")
        if path.startswith(ACCEPT):
            self._find_waiting(path)
            return
        node = _read_hex(path.removeprefix(RELAYS.path), 32)
        if node is None or self._find_peer(node) is None:
            raise PeerRefused("relay_node_unknown: this node has no link with that node; ask another")
        limits, caller = self.limits, address_group(address)
        if len(self._streams) >= limits.streams or self._by_node[node] >= limits.streams_by_node:
            raise PeerRefused("relay_full: this node relays as much as it may; ask another")
        if self._by_caller[caller] >= limits.streams_by_caller:
            raise PeerRefused("relay_too_many: your address has enough relayed streams here")
        if self._bytes.spent(caller, self._clock.seconds()) >= limits.caller_bytes:
            raise PeerRefused("relay_bytes_spent: your address had enough bytes relayed here in this hour")

    def make_end(self, channel: PeerChannel) -> SpliceEnd:
        """Make what lives on a channel that is open.

        :raises PeerRefused: See :meth:`check_admission`.
        """
        self.check_admission(channel.address, channel.path)
        if channel.path.startswith(ACCEPT):
            return self._find_waiting(channel.path).join(channel)
        node = bytes.fromhex(channel.path.removeprefix(RELAYS.path))
        peer = self._find_peer(node)
        assert peer is not None, "it was checked"
        stream = _Stream(self, channel, node, self._secret(TOKEN_BYTES))
        peer.send(RelayInvitation(stream.token, channel.address))
        return stream.calling

    def _find_waiting(self, path: str) -> _Stream:
        token = _read_hex(path.removeprefix(ACCEPT), TOKEN_BYTES)
        stream = self._streams.get(token or b"")
        if stream is None or stream.is_spliced:
            raise PeerRefused("relay_token_unknown: nobody waits for this")
        return stream

    # What nodes say

    def declined(self, peer: Peer, token: bytes, reason: str) -> None:
        """A node does not come for a stream."""
        stream = self._streams.get(token)
        if stream is not None and stream.node == peer.id:
            stream.end(f"relay_declined: {reason}")

    def peer_lost(self, peer: Peer) -> None:
        """A link is over; what the node has not come for it will not."""
        for stream in [each for each in self._streams.values() if each.node == peer.id and not each.is_spliced]:
            stream.end("relay_node_unknown: the link with that node is over")

    # Of streams

    def _added(self, stream: _Stream) -> IDelayedCall:
        self._streams[stream.token] = stream
        self._by_caller[stream.caller] += 1
        self._by_node[stream.node] += 1
        return self._clock.callLater(
            self.limits.accept_seconds, stream.end, "relay_not_accepted: that node did not come in time"
        )

    def _spliced(self, stream: _Stream) -> IDelayedCall:
        self.counters.opened += 1
        self.counters.open += 1
        return self._clock.callLater(self.limits.seconds, stream.end, "relay_time_over")

    def _ended(self, stream: _Stream) -> None:
        del self._streams[stream.token]
        for counter, key in ((self._by_caller, stream.caller), (self._by_node, stream.node)):
            counter[key] -= 1  # type: ignore[index]
            if not counter[key]:  # type: ignore[index]
                del counter[key]
        if stream.is_spliced:
            self.counters.open -= 1
        else:
            self.counters.failed += 1

    def _carried(self, stream: _Stream, size: int) -> None:
        self.counters.bytes += size
        self._bytes.spend(stream.caller, size, self._clock.seconds())

    def _terms(self) -> bytes:
        return msgspec.json.encode(RelayTerms(self._node_key.hex(), self.limits.seconds, self.limits.bytes))


class _Stream:
    """One stream, from the caller's channel to its end."""

    def __init__(self, relay: Relay, channel: PeerChannel, node: bytes, token: bytes) -> None:
        self.node = node
        self.token = token
        self.caller = address_group(channel.address)
        self.calling = SpliceEnd(channel, self._carry, self.end)
        self._called: SpliceEnd | None = None
        self._relay = relay
        self._left = relay.limits.bytes
        self._is_over = False
        self._timer = relay._added(self)

    @property
    def is_spliced(self) -> bool:
        """Whether both ends are there."""
        return self._called is not None

    def join(self, channel: PeerChannel) -> SpliceEnd:
        """The node that was called came."""
        self._called = SpliceEnd(channel, self._carry, self.end)
        self._timer.cancel()
        self._timer = self._relay._spliced(self)
        terms = self._relay._terms()
        self._called.splice(self.calling.channel, terms)
        self.calling.splice(channel, terms)
        return self._called

    def end(self, reason: str) -> None:
        """End it: both channels close."""
        if self._is_over:
            return
        self._is_over = True
        if self._timer.active():
            self._timer.cancel()
        self._relay._ended(self)
        for end in (self.calling, self._called):
            if end is not None:
                end.channel.close(reason)

    def _carry(self, size: int) -> bool:
        self._relay._carried(self, size)
        self._left -= size
        if self._left < 0:
            self.end("relay_bytes_over")
        return not self._is_over


def _read_hex(text: str, size: int) -> bytes | None:
    """Bytes written as lower-case hex digits; None if it is not exactly so many."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return None
    return raw if len(raw) == size and raw.hex() == text else None
