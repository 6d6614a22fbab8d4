"""STUN over TCP: the server's connections.

A client may send any number of requests on a connection, and closes it when it likes (RFC 8489, section 6.2.2). A
connection on which an asker authenticated itself keeps a mapping open and may be silent for long; another one is
closed after a while. When all places are taken, the oldest connection of an unknown asker gives way; an address that
has too many of these is refused. Of known askers that one gives way which was silent the longest: of the same asker if
it has too many, else of them all. A client that does not take its answers is not read from, and not waited for long.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import attrs
from attrs.validators import ge, gt, instance_of
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure

from cloudnode.stun.answering import BareAsker, BindingServer
from cloudnode.stun.attributes import Address
from cloudnode.stun.bare import is_bare
from cloudnode.stun.errors import StunError
from cloudnode.stun.framing import MessageSplitter
from cloudnode.transports.addresses import address_group, peer_address
from cloudnode.transports.backpressure import SendGate
from cloudnode.transports.stun.polling import ConnectionPoll
from cloudnode.transports.timers import TimerWheel, WheelCall

STALL_SECONDS = 15.0
"""How long a client may take none of its answers."""
SEND_BUFFER = 65_536


@attrs.frozen
class StreamLimits:
    """What STUN over TCP may take of a node.

    :ivar message_bytes: Of one request. :ivar idle_seconds: After which a silent connection is closed.
    :ivar known_idle_seconds: The same for askers that authenticated themselves: more than the 2 hours and 4 minutes
        for which NATs have to keep a TCP mapping at least (RFC 5382, REQ-5).
    :ivar connections: Of unknown askers, in all, and as many of known ones.
    :ivar connections_address: Those of unknown askers at one address. :ivar connections_asker: Of one known asker.
    """

    message_bytes: int = attrs.field(default=2_048, validator=[instance_of(int), ge(20)])
    idle_seconds: float = attrs.field(default=60.0, converter=float, validator=gt(0))
    known_idle_seconds: float = attrs.field(default=7_500.0, converter=float, validator=gt(0))
    connections: int = attrs.field(default=1_024, validator=[instance_of(int), ge(1)])
    connections_address: int = attrs.field(default=32, validator=[instance_of(int), ge(1)])
    connections_asker: int = attrs.field(default=8, validator=[instance_of(int), ge(1)])


class StunStream(Protocol):
    """One connection of a client.

    :ivar place: Where it comes from, as this side sees it. :ivar group: Under what it is counted.
    :ivar asker: The username by which its asker authenticated itself last; None if it did not.
    :ivar heard: When something came last. :ivar call: Looks whether it was silent for too long.
    """

    transport: Any

    def __init__(self, factory: StunStreamFactory, peer: IAddress) -> None:
        self._streams = factory
        self._gate = factory.make_gate(self)
        self._bare: BareAsker | None = None
        self._monotonic = factory.monotonic
        self._splitter = MessageSplitter(factory.limits.message_bytes)
        self._is_whole = True  # nothing is held of a message
        self._source: Address | None = None
        host = peer_address(peer)
        self.place: Address = (host, getattr(peer, "port", 0))
        self.group = address_group(host)
        self.asker: str | None = None
        self.heard = 0.0
        self.call: WheelCall | None = None
        self._send: Callable[[bytes], int] | None = None

    def connectionMade(self) -> None:
        """Count the connection, or refuse it."""
        peer = self.transport.getPeer()
        host, port = getattr(peer, "host", None), getattr(peer, "port", None)
        if host is None or port is None or not self._streams.admit(self):
            self.abort()  # what comes over a Unix socket has no address that could be told
            return
        self._source = (host, port)
        self._bare = self._streams.find_bare_asker(self._source)
        self.transport.registerProducer(self._gate, True)
        self._send = self._streams.poll.adopt(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """Answer all whole requests, in order."""
        if self._is_whole and self._bare is not None and is_bare(data):
            self.heard = now = self._monotonic()
            reply = self._bare.answer(data, now)
            if reply:
                self._write(reply)
        elif self._source is not None:
            self._answer_all(data, self._source)

    def indicate(self, data: bytes) -> bool:
        """Send an indication; False if the connection is being closed."""
        if self._source is None:
            return False
        self._write(data)
        return True

    def _answer_all(self, data: bytes, source: Address) -> None:
        replies = []
        is_good = True
        try:
            for message in self._splitter.feed(data):
                reply = self._streams.answer(self, message, source)
                if reply is not None:
                    replies.append(reply)
        except StunError:
            is_good = False
        self._is_whole = not self._splitter.held_bytes
        if replies:
            self._write(b"".join(replies))
        if not is_good:
            self._streams.close(self)

    def _write(self, data: bytes) -> None:
        """Send at once what the system takes; Twisted would begin with it in the reactor's next turn."""
        if self._send is not None:
            try:
                written = self._send(data)
            except OSError:
                written = 0
            if written == len(data):
                return
            # The reader does not keep up, or the connection is gone: from now on the transport waits for it.
            self._send = None
            data = data[written:]
        self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._send = None
        self._gate.release()
        self._streams.forget(self)

    def sending_paused(self) -> None:
        """The client does not take its answers: read no more of its requests."""
        self.transport.pauseProducing()

    def sending_resumed(self) -> None:
        """It took them."""
        self.transport.resumeProducing()

    def sending_stalled(self, reason: str) -> None:
        """It takes none at all."""
        self._streams.abort(self)

    def abort(self) -> None:
        """Close the connection at once."""
        self._source = self._bare = None
        self._gate.release()
        self.transport.abortConnection()

    def close(self) -> None:
        """Close the connection when what was answered is sent."""
        self._source = self._bare = None
        self.transport.unregisterProducer()
        self.transport.loseConnection()


class StunStreamFactory(ServerFactory):
    """Serves STUN on a TCP port, alone or behind :class:`~cloudnode.transports.sniff.SniffingFactory`.

    :ivar poll: What reads the connections. :ivar monotonic: Tells the time.
    """

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        server: BindingServer,
        limits: StreamLimits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        :param clock: Twisted's reactor. :param monotonic: Seconds of a clock that never goes back.
        """
        self.limits = limits or StreamLimits()
        self.poll = ConnectionPoll(clock)
        self._server = server
        self._counters = server.counters
        self.monotonic = monotonic
        self._wheel = TimerWheel(clock)
        # All connections, those of known askers by these, and those of unknown ones, the oldest first.
        self._streams: set[StunStream] = set()
        self._known: dict[str, set[StunStream]] = {}
        self._unknown: dict[StunStream, None] = {}
        self._groups: Counter[str] = Counter()

    def buildProtocol(self, addr: IAddress | None) -> StunStream:
        """A connection came."""
        assert addr is not None
        return StunStream(self, addr)

    def close_all(self) -> None:
        """Close every connection."""
        for stream in list(self._streams):
            stream.close()

    def admit(self, stream: StunStream) -> bool:
        """Take a connection in, unless its address has too many."""
        if self._groups[stream.group] >= self.limits.connections_address:
            self._counters.connections_refused += 1
            return False
        if len(self._unknown) >= self.limits.connections:
            self._counters.connections_refused += 1
            oldest = next(iter(self._unknown))
            self.forget(oldest)
            oldest.abort()
        self._streams.add(stream)
        self._unknown[stream] = None
        self._groups[stream.group] += 1
        self._counters.connections += 1
        stream.heard = self.monotonic()
        stream.call = self._wheel.call_later(self.limits.idle_seconds, self._look, stream)
        return True

    def make_gate(self, stream: StunStream) -> SendGate:
        """What holds a connection back whose client does not take its answers."""
        return SendGate(stream, self._wheel, STALL_SECONDS, SEND_BUFFER)

    def find_bare_asker(self, source: Address) -> BareAsker | None:
        """What answers a connection's bare requests; None if they take a closer look."""
        return self._server.find_bare_asker(source)

    def answer(self, stream: StunStream, message: bytes, source: Address) -> bytes | None:
        """The answer to a request, if there is one."""
        stream.heard = self.monotonic()
        reply = self._server.answer(message, source, stream.heard, protocol="tcp", via=stream.transport)
        if reply is None:
            return None
        if reply.asker is not None and reply.asker != stream.asker:
            self._know(stream, reply.asker)
        return reply.data

    def indicate(self, asker: str, place: Address, data: bytes) -> bool:
        """Send an indication on a connection of a known asker.

        :param asker: The username by which it authenticated itself there. :param place: Where the connection has to
            come from. :returns: Whether there is one.
        """
        for stream in self._known.get(asker, ()):
            if stream.place == place:
                return stream.indicate(data)
        return False

    def close(self, stream: StunStream) -> None:
        """Close a connection for what it carries."""
        self._counters.connections_closed += 1
        stream.close()

    def abort(self, stream: StunStream) -> None:
        """Close a connection at once that is of no use any more."""
        self._counters.connections_closed += 1
        stream.abort()

    def forget(self, stream: StunStream) -> None:
        """A connection is gone. Harmless when it is called again."""
        if stream not in self._streams:
            return
        self._streams.remove(stream)
        self._counters.connections -= 1
        self._uncount_unknown(stream)
        self._uncount_known(stream)
        if stream.call is not None:
            stream.call.cancel()

    def _know(self, stream: StunStream, asker: str) -> None:
        """The asker of a connection authenticated itself, for the first time or by another name."""
        self._uncount_unknown(stream)
        self._uncount_known(stream)
        of_asker = self._known.get(asker, set())
        if len(of_asker) >= self.limits.connections_asker:
            self._give_way(of_asker)
        known = [each for streams in self._known.values() for each in streams]
        if len(known) >= self.limits.connections:
            self._give_way(known)
        stream.asker = asker
        self._known.setdefault(asker, set()).add(stream)

    def _give_way(self, streams: Iterable[StunStream]) -> None:
        """Close the connection that was silent the longest."""
        self._counters.connections_refused += 1
        silent = min(streams, key=lambda each: each.heard)
        self.forget(silent)
        silent.abort()

    def _uncount_known(self, stream: StunStream) -> None:
        if stream.asker is None:
            return
        of_asker = self._known[stream.asker]
        of_asker.discard(stream)
        if not of_asker:
            del self._known[stream.asker]
        stream.asker = None

    def _uncount_unknown(self, stream: StunStream) -> None:
        if stream in self._unknown:
            del self._unknown[stream]
            self._groups[stream.group] -= 1
            if not self._groups[stream.group]:
                del self._groups[stream.group]

    def _look(self, stream: StunStream) -> None:
        """Close a connection that was silent for too long, or look again when it would be."""
        allowed = self.limits.known_idle_seconds if stream.asker is not None else self.limits.idle_seconds
        left = stream.heard + allowed - self.monotonic()
        if left > 0:
            stream.call = self._wheel.call_later(left, self._look, stream)
            return
        stream.call = None
        self.abort(stream)
