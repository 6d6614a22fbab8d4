"""A stream transport in memory, and a WebSocket caller at its other end with a frame codec of its own."""

from __future__ import annotations

import os
from typing import NamedTuple

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IConsumer, IProtocol, IPushProducer, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

PEER = IPv4Address("TCP", "192.0.2.1", 40_000)
UPGRADE = (
    b"GET %s HTTP/1.1\r\nHost: node.example:38082\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n"
)
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


@implementer(ITransport, IConsumer, IPushProducer)
class MemoryTransport:
    """One end of a stream: ``deliver`` brings bytes, ``take`` fetches what was written.

    :ivar high_water: How many bytes may wait before the registered producer is paused.
    :ivar most_waiting: How many waited at the worst moment.
    """

    high_water = 65_536

    def __init__(self, protocol: IProtocol, peer: IAddress = PEER) -> None:
        self._protocol = protocol
        self._peer = peer
        self._out = bytearray()
        self._in = bytearray()
        self._producer: IPushProducer | None = None
        self.is_reading = True
        self.is_closing = False
        self.is_lost = False
        self.was_aborted = False
        self.is_stalled = False
        self.most_waiting = 0
        self._is_delivering = False
        self._loss: Exception | None = None
        protocol.makeConnection(self)

    # what a test does

    def deliver(self, data: bytes) -> None:
        """Bytes come from the other end."""
        if self.is_lost or self.is_closing:
            return
        self._in += data
        if self._is_delivering:
            return
        self._is_delivering = True
        while self._in and self.is_reading and not self.is_closing and self._loss is None:
            chunk, self._in = bytes(self._in[:65_536]), self._in[65_536:]
            self._protocol.dataReceived(chunk)
        self._is_delivering = False
        if self._loss is not None:
            self.lose(self._loss)

    def take(self) -> bytes:
        """Fetch what was written; nothing while stalled."""
        if self.is_stalled:
            return b""
        taken = bytes(self._out)
        self._out.clear()
        if self.is_closing:
            self.lose(ConnectionDone())
        elif self._producer is not None:
            self._producer.resumeProducing()
        return taken

    def lose(self, why: Exception | None = None) -> None:
        """The connection is gone; told like Twisted does, never from within ``dataReceived``."""
        if self._is_delivering:
            self._loss = self._loss or why or ConnectionLost()
        elif not self.is_lost:
            self.is_lost = True
            self._producer = None
            self._protocol.connectionLost(Failure(why or ConnectionLost()))

    # what a protocol does

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        if self.is_lost or (self.is_closing and self._producer is None):
            return
        self._out += data
        self.most_waiting = max(self.most_waiting, len(self._out))
        if len(self._out) > self.high_water and self._producer is not None:
            self._producer.pauseProducing()

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self.is_closing = True
        if not self._out:
            self.lose(ConnectionDone())

    def abortConnection(self) -> None:
        self.was_aborted = True
        self._out.clear()
        self.lose(ConnectionAborted())

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        assert streaming and self._producer is None
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        self.is_reading = False

    def resumeProducing(self) -> None:
        self.is_reading = True
        self.deliver(b"")

    def stopProducing(self) -> None:
        self.loseConnection()

    def getPeer(self) -> IAddress:
        return self._peer

    def getHost(self) -> IAddress:
        return IPv4Address("TCP", "198.51.100.1", 38_082)


class Frame(NamedTuple):
    """A frame that the node sent."""

    opcode: int
    payload: bytes
    final: bool


def make_frame(opcode: int, payload: bytes = b"", *, final: bool = True, rsv: int = 0) -> bytes:
    """A masked frame (RFC 6455, section 5.2), as a client sends it."""
    head = bytes([(0x80 if final else 0) | rsv << 4 | opcode])
    length = len(payload)
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65_536:
        head += bytes([0x80 | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + length.to_bytes(8, "big")
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


def parse_frames(data: bytes) -> tuple[list[Frame], bytes]:
    """The frames at the beginning of what a server sent, and the rest."""
    frames = []
    while len(data) >= 2:
        assert not data[1] & 0x80, "a server masks nothing"
        assert not data[0] & 0x70, "a reserved bit is set"
        length, begin = data[1], 2
        if length == 126:
            length, begin = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, begin = int.from_bytes(data[2:10], "big"), 10
        if len(data) < begin + length:
            break
        frames.append(Frame(data[0] & 15, data[begin : begin + length], bool(data[0] & 0x80)))
        data = data[begin + length :]
    return frames, data


class WebSocketCaller:
    """A WebSocket client over a :class:`MemoryTransport`.

    :ivar answer: The node's answer to the handshake, whole. :ivar head: The head of it.
    :ivar control: Control frames received.
    """

    def __init__(self, transport: MemoryTransport, path: bytes = b"/", headers: bytes = b"") -> None:
        self.transport = transport
        self.control: list[Frame] = []
        self._rest = b""
        self._messages: list[bytes] = []
        transport.deliver(UPGRADE % (path, headers))
        self.answer = transport.take()
        self.head, _, self._rest = self.answer.partition(b"\r\n\r\n")
        if self.status == 101:
            self._parse(b"")

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return int(self.head.split(b" ")[1])

    def send(self, message: bytes) -> None:
        self.transport.deliver(make_frame(TEXT, message))

    def send_frame(self, opcode: int, payload: bytes = b"", **options: int) -> None:
        """Send any frame."""
        self.transport.deliver(make_frame(opcode, payload, **options))

    def received(self) -> list[bytes]:
        self._parse(self.transport.take())
        messages, self._messages = self._messages, []
        return messages

    def stall(self) -> None:
        self.transport.is_stalled = True

    def catch_up(self) -> None:
        self.transport.is_stalled = False
        self._parse(self.transport.take())

    def leave(self) -> None:
        self.transport.lose()

    @property
    def close_code(self) -> int | None:
        self._parse(self.transport.take())
        codes = [int.from_bytes(frame.payload[:2], "big") for frame in self.control if frame.opcode == CLOSE]
        return codes[0] if codes else None

    @property
    def is_connected(self) -> bool:
        return not self.transport.is_lost

    def _parse(self, data: bytes) -> None:
        frames, self._rest = parse_frames(self._rest + data)
        for frame in frames:
            if frame.opcode < 8:
                assert frame.opcode == TEXT and frame.final
                self._messages.append(frame.payload)
            else:
                self.control.append(frame)
