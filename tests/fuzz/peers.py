"""Links between nodes: frames of messages, whole nodes that are sent any of them, and channels over QUIC."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, get_args

import msgspec.inspect
from aioquic.h3.connection import H3Connection
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.faults import NAMES, PeerFault
from cloudnode.peers.link import Link
from cloudnode.peers.messages import AnyMessage, Message, decode_frame, encode_message
from cloudnode.transports.peerchannel import LINKS, PeerSocketFactory
from cloudnode.transports.quic.peers import OVER_QUIC
from cloudnode.transports.quic.serving import make_quic_server
from tests.fuzz.target import Check, Outcome, Target
from tests.unit.peers.links import make_hello
from tests.unit.peers.network import MemoryChannel, MemoryNetwork
from tests.unit.store.network import make_key
from tests.unit.transports import memory
from tests.unit.transports.behaviour import EchoOpener
from tests.unit.transports.channels import LIMITS, Side
from tests.unit.transports.quic.ends import NODE, RawClient, credentials
from tests.unit.transports.quic.network import MemoryNetwork as UdpNetwork


def _value(kind: msgspec.inspect.Type, most: bool) -> Any:
    """A small or a somewhat larger value of a type that a message's member has."""
    match kind:
        case msgspec.inspect.IntType():
            return max(kind.ge or 0, 1 if most else 0)
        case msgspec.inspect.BytesType():
            return bytes(kind.min_length or min(kind.max_length or 64, 64 if most else 0))
        case msgspec.inspect.StrType():
            return "0" if kind.pattern else "x" * most
        case msgspec.inspect.LiteralType():
            return kind.values[0]
        case msgspec.inspect.BoolType():
            return most
        case msgspec.inspect.VarTupleType():
            return [_value(kind.item_type, most)] * max(kind.min_length or 0, 2 * most)
        case msgspec.inspect.StructType():
            return [_value(field.type, most) for field in kind.fields]
        case msgspec.inspect.UnionType():
            return _value(kind.types[0], most) if most else None
    return None


def _messages() -> Iterator[bytes]:
    """Messages of every type behind their lengths."""
    for kind in get_args(AnyMessage):
        info = msgspec.inspect.type_info(kind)
        assert isinstance(info, msgspec.inspect.StructType)
        for most in (False, True):
            body = msgspec.msgpack.encode([info.tag, *_value(info, most)])
            yield len(body).to_bytes(4, "big") + body


def _frame_seeds() -> list[bytes]:
    messages = list(_messages())
    whole = {type(message) for frame in messages for message in decode_frame(frame)}
    assert whole == set(get_args(AnyMessage)), "a type of message has no seed"
    return [*messages, b"".join(messages[:9]), b"", b"\0\0\0\0", b"\xff" * 8, b"\0\0\0\2\x91\x63"]


def _frame(data: bytes) -> Outcome:
    try:
        messages = decode_frame(data)
    except PeerFault as fault:
        return fault.name
    again = b"".join(encode_message(message) for message in messages)
    assert decode_frame(again) == messages, "what was read is written as something else"
    return type(messages[0]).__name__


class _Quiet(SynchronousTestCase):
    """What the network in memory wants of a test."""

    def __init__(self) -> None:
        super().__init__()
        # Trial's own would be left where this is run.
        self._directory = TemporaryDirectory(prefix="cloudnode-fuzz-")

    def runTest(self) -> None:
        """Nothing."""

    def mktemp(self) -> str:
        """A name that is gone with the process."""
        return f"{mkdtemp(dir=self._directory.name)}/temp"


class _Nodes:
    """A validator and a follower in memory, and strangers who have proven a key and then send anything."""

    def __init__(self) -> None:
        self._test = _Quiet()
        self._network = MemoryNetwork(self._test)
        self._node = self._network.add()
        self._friend = self._network.add(self._node.host)
        self._network.advance(2)
        self._strangers = 0
        self._failures: list[LogEvent] = []
        globalLogPublisher.addObserver(self._note_failure)

    def _note_failure(self, event: LogEvent) -> None:
        if event.get("log_failure") is not None:
            self._failures.append(event)

    def receive(self, data: bytes) -> Outcome:
        """One frame of a stranger; the first byte says whether it comes after the handshake."""
        self._strangers += 1
        clock, number = self._network.clock, self._strangers
        key = make_key(10_000 + number)
        binding = sha256(b"stranger %d" % number).digest()
        address = f"{20 + number // 60_000}.{number // 250 % 250}.{number % 250}.1"
        there = MemoryChannel(clock, address, 1, True, binding)
        here = MemoryChannel(clock, self._node.host, 1, False, binding)
        here.other, there.other = there, here
        hello = make_hello(key, number, self._network.genesis.network)
        link = Link(key, hello, binding, dials=True, now=clock.seconds())
        peer = there.end = self._node.neighbourhood.accept(there)
        far = here.end = _Far(clock, link, here)  # type: ignore[assignment]
        if data[:1] < b"\xc0":
            self._network.advance(0.05)
            assert peer.is_open
        here.send_frame(data[1:])
        self._network.advance(0.05)
        outcome = far.fault or "taken"
        here.close("enough")
        self._network.advance(0.05)
        assert not self._failures, self._failures
        assert self._friend.peers == {self._node.host}, "the friend has lost its link"
        return outcome

    def close(self) -> None:
        """Stop the nodes."""
        globalLogPublisher.removeObserver(self._note_failure)
        self._test.doCleanups()


class _Far:
    """A stranger's end, which goes through with the handshake."""

    def __init__(self, clock: Clock, link: Link, channel: MemoryChannel) -> None:
        self.fault: str | None = None
        self._clock, self._link, self._channel = clock, link, channel
        self._send()

    def frame_received(self, frame: bytes) -> None:
        self._link.frame_received(frame, self._clock.seconds())
        for message in decode_frame(frame):
            fault = getattr(message, "fault", None)
            assert fault is None or fault in NAMES
            self.fault = fault or self.fault
        self._send()

    def channel_lost(self, reason: str) -> None:
        """It is over."""

    def _send(self) -> None:
        for frame in self._link.take_frames():
            self._channel.send_frame(frame)


class _QuicChannels:
    """A node's socket with a channel of a friend, and strangers who send anything where a WebSocket is expected."""

    def __init__(self) -> None:
        self._network = UdpNetwork()
        host = self._network.host(NODE[0])
        self._side = Side()
        factory = PeerSocketFactory(OVER_QUIC, host, self._side.check_admission, self._side.make_end, LIMITS)  # type: ignore[arg-type]
        self._server = make_quic_server(host, credentials, EchoOpener(), monotonic=host.seconds, peers=factory)  # type: ignore[arg-type]
        self._server.listen(NODE[1])
        self._friend, self._stream = self._open("192.0.2.2")
        self._end = self._side.end
        self._sent = 0

    def _open(self, address: str) -> tuple[RawClient, int]:
        client = RawClient(self._network, address).connect()
        stream = client.request(
            (b":protocol", b"websocket"), (b"sec-websocket-protocol", LINKS.subprotocol.encode()), path=b"/peer"
        )
        client.go()
        assert client.status(stream) == 200
        return client, stream

    def receive(self, data: bytes) -> Outcome:
        """Bytes of a stranger on his channel, then a frame of the friend's."""
        client, stream = self._open("192.0.2.3")
        end = self._side.ends[-1]
        assert isinstance(client.h3, H3Connection)
        client.h3.send_data(stream, data, False)
        client.transmit()
        self._network.advance(4 if len(data) % 7 == 0 else 0.05, 0.01)
        outcome = end.told[0].partition(":")[0] if end.told else f"{min(len(end.frames), 2)} frames"
        client.vanish()
        for link in self._server.endpoint.links:
            if link.peer_address[0] == "192.0.2.3":
                link.close(0, "")
        self._network.advance(0.1, 0.01)
        self._sent += 1
        frame = memory.make_frame(memory.BINARY, b"%d" % self._sent)
        h3 = self._friend.h3
        assert h3 is not None and self._server.counters.failures == 0
        h3.send_data(self._stream, frame, False)
        self._friend.go()
        assert self._end.frames[-1] == b"%d" % self._sent, "the friend is not heard"
        del self._side.ends[1:], self._end.frames[:-1]
        return outcome


def _channel_seeds() -> list[bytes]:
    frame = memory.make_frame
    return [
        frame(memory.BINARY, b"hello"),
        frame(memory.BINARY, b"a" * 300) + frame(memory.BINARY, b"b"),
        frame(memory.TEXT, b"text"),
        frame(memory.BINARY, b"part", final=False) + frame(memory.CONTINUATION, b"rest"),
        frame(memory.PING, b"x") * 70,
        frame(memory.PONG, b"x"),
        frame(memory.CLOSE, b"\x03\xe8"),
        b"\x82\xff" + b"\x7f" + bytes(11),
        b"\x82\x05hello",
        b"GET /peer HTTP/1.1\r\n\r\n",
    ]


def _node_seeds() -> list[bytes]:
    return [bytes((where,)) + frame for where in (0, 0xFF) for frame in _frame_seeds()]


def _open_nodes() -> Check:
    nodes = _Nodes()
    return Check(nodes.receive, nodes.close)


TARGETS = (
    Target(
        "link-frames",
        "any bytes are messages, which are written as they were read, or a named fault",
        lambda: Check(_frame),
        _frame_seeds,
        [bytes((0x90 + length, tag)) for length in (2, 3, 5) for tag in range(1, 30)],
    ),
    Target(
        "link-nodes",
        "whatever a stranger sends before or after his proof, nothing fails, and other links are as they were",
        _open_nodes,
        _node_seeds,
    ),
    Target(
        "link-quic",
        "whatever comes on a channel over QUIC, nothing fails, and other channels go on",
        lambda: Check(_QuicChannels().receive),
        _channel_seeds,
    ),
)

assert all(issubclass(kind, Message) for kind in get_args(AnyMessage))
