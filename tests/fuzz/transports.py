"""Streams: what a connection speaks, WebSocket handshakes and frames, messages and capsules of WebTransport."""

from __future__ import annotations

import json

from twisted.internet.task import Clock

from cloudnode.transports.limits import WebSocketLimits
from cloudnode.transports.quic.demultiplexer import STUN_MAGIC_COOKIE, Carried, classify
from cloudnode.transports.quic.messages import (
    Capsule,
    CapsuleReader,
    MessageReader,
    MessageTooLarge,
    encode_capsule,
    encode_message,
)
from cloudnode.transports.quic.upgrade import BadHead, HeadReader
from cloudnode.transports.sniff import Speech, recognize
from cloudnode.transports.websocket import WebSocketFactory
from tests.fuzz.target import Check, Outcome, Target
from tests.unit.transports.behaviour import EchoOpener
from tests.unit.transports.memory import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    UPGRADE,
    MemoryTransport,
    make_frame,
    parse_frames,
)

_STUN = bytes.fromhex("00010000") + STUN_MAGIC_COOKIE + bytes(12)
_PIECES = 3


def cuts(data: bytes) -> list[list[bytes]]:
    """The same bytes as one piece, byte by byte (if they are few), and in pieces that the bytes themselves choose."""
    ways = [[data]]
    if len(data) <= 200:
        ways.append([data[at : at + 1] for at in range(len(data))])
    size = 1 + sum(data[:8]) % 97
    ways.append([data[at : at + size] for at in range(0, len(data), size)])
    return ways


# The first bytes


def _sniff(data: bytes) -> Outcome:
    decided = Speech.UNDECIDED
    for length in range(min(len(data), 12) + 1):
        speech = recognize(data[:length])
        assert decided in (Speech.UNDECIDED, speech), "a decision is changed by later bytes"
        decided = speech
    assert len(data) < 8 or decided is not Speech.UNDECIDED, "eight bytes do not decide"
    assert recognize(data) is decided
    return decided.value


def _demultiplex(data: bytes) -> Outcome:
    carried = classify(data)
    # RFC 9443, section 3: the first byte alone makes it QUIC.
    first = data[0] if data else None
    is_quic = first is not None and (64 <= first <= 127 or first >= 192)
    assert (carried is Carried.QUIC) == is_quic
    assert (carried is Carried.STUN) == (first is not None and first < 4 and data[4:8] == STUN_MAGIC_COOKIE)
    return carried.value


# WebSocket


class _Echo:
    """A factory with an echo behind it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000.0)
        self.opener = EchoOpener()
        self.factory = WebSocketFactory(self.opener, self.clock, limits=WebSocketLimits(max_message=5_000))

    def talk(self, pieces: list[bytes]) -> bytes:
        """What comes back on a new connection."""
        transport = MemoryTransport(self.factory.buildProtocol(None))
        taken = b""
        for piece in pieces:
            transport.deliver(piece)
            taken += transport.take()
        transport.lose()
        return taken

    def frames(self, data: bytes) -> Outcome:
        """Bytes on an open WebSocket: however they are cut, the same messages arrive and the same code closes."""
        results = set()
        for pieces in cuts(data):
            before = len(self.opener.sessions)
            answer = self.talk([UPGRADE % (b"/", b""), *pieces])
            (session,) = self.opener.sessions[before:]
            messages = tuple(event for event in session.events if isinstance(event, bytes))
            for message in messages:
                message.decode()
                assert len(message) <= 5_000
            frames, rest = parse_frames(answer.partition(b"\r\n\r\n")[2])
            assert not rest
            codes = [int.from_bytes(frame.payload[:2], "big") for frame in frames if frame.opcode == CLOSE]
            assert len(codes) <= 1
            assert not codes or frames[-1].opcode == CLOSE, "something is sent after the close"
            results.add((messages, codes[0] if codes else None))
        self.opener.sessions.clear()
        assert len(results) == 1, results
        assert self.factory.counters.failed == 0
        assert self.factory.counters.open == 0
        ((messages, code),) = results
        assert code in (None, 0, 1000, 1002, 1003, 1007, 1009) or data.count(b"\x88")
        return f"{min(len(messages), 2)} messages, {'open' if code is None else code if code > 1000 else 1000}"

    def handshake(self, data: bytes) -> Outcome:
        """Bytes in place of a handshake: an upgrade, a complete refusal, nothing yet; never a failure."""
        heads = set()
        for pieces in cuts(data)[:: 2 if len(data) > 200 else 1]:
            heads.add(self.talk(pieces).partition(b"\r\n")[0])
        self.opener.sessions.clear()
        assert self.factory.counters.failed == 0
        (head,) = heads
        status = head.split(b" ")[1].decode() if head.startswith(b"HTTP/1.1 ") else ""
        assert status in {"", "101", "400", "404", "405", "426", "431", "505"}, head
        return status or ("silent" if not head else "frame")

    def close(self) -> None:
        """Let every timer come."""
        for _ in range(100):
            self.clock.advance(1)


def _frame_seeds() -> list[bytes]:
    text, ping = make_frame(TEXT, b'{"a":1}'), make_frame(PING, b"x")
    return [
        text,
        text * 3,
        make_frame(TEXT, "ü🎬".encode() * 40),
        make_frame(TEXT, b"x" * 126),
        make_frame(TEXT, b"x" * 5_000),
        make_frame(TEXT, b"x" * 5_001),
        make_frame(TEXT, b"a", final=False) + ping + make_frame(CONTINUATION, b"b"),
        make_frame(TEXT, b"\xc3", final=False) + make_frame(CONTINUATION, b"\xa9"),
        make_frame(BINARY, b"x"),
        make_frame(CLOSE, b"\x03\xe8bye") + text,
        make_frame(TEXT, b"\xff"),
        ping * 20,
        b"\x81\xff" + bytes(7) + b"\x03" + bytes(4) + b"abc",
        b"\x81\xfe\x00\x03" + bytes(4) + b"abc",
    ]


# Messages in streams


def _messages(data: bytes) -> Outcome:
    """Messages with their lengths, in any pieces; the whole is what a plain reading of the definition gives."""
    wanted, rest, fits = [], data, True
    while len(rest) >= 4:
        length = int.from_bytes(rest[:4], "big")
        if length > 100:
            fits = False
            break
        if len(rest) < 4 + length:
            break
        wanted.append(rest[4 : 4 + length])
        rest = rest[4 + length :]
    for pieces in cuts(data):
        reader, got, refused = MessageReader(100), [], False
        for piece in pieces:
            try:
                for message in reader.feed(piece):
                    got.append(message)
            except MessageTooLarge:
                refused = True
                break
            assert len(reader._buffer) <= 104, "more is kept than a message"
        assert (got, refused) == (wanted, not fits)
    return f"{min(len(wanted), 3)} messages{'' if fits else ', too large'}"


def _capsules(data: bytes) -> Outcome:
    results = set()
    for pieces in cuts(data):
        reader = CapsuleReader(200)
        results.add(tuple(capsule for piece in pieces for capsule in reader.feed(piece)))
        assert len(reader._buffer) <= 200 + 16, "more is kept than a capsule"
    assert len(results) == 1, results
    (capsules,) = results
    assert all(len(capsule.value) <= 200 for capsule in capsules)
    return f"{min(len(capsules), 3)} capsules"


def _head(data: bytes) -> Outcome:
    """The head that a protocol writes, which becomes that of an HTTP/3 answer."""
    results = set()
    for pieces in cuts(data):
        reader, head, rest = HeadReader(), None, b""
        outcome = "unfinished"
        try:
            for piece in pieces:
                if head is None:
                    head = reader.feed(piece)
                    rest = b"" if head is None else head.rest
                else:
                    rest += piece
            if head is not None:
                outcome = json.dumps([head.start.hex(), [[n.hex(), v.hex()] for n, v in head.fields], rest.hex()])
        except BadHead:
            outcome = "bad"
        results.add(outcome)
    # What is too long may be noticed before its end comes, or with it.
    assert len(results - {"bad"}) <= 1 and (len(results) == 1 or len(data) > 4_096), results
    return "head" if max(results).startswith("[") else max(results)


def _echo(name: str) -> Check:
    echo = _Echo()
    return Check(getattr(echo, name), echo.close)


_HTTP_WORDS = (
    b"GET ", b"POST ", b"HTTP/1.1", b"\r\n", b"\r\n\r\n", b":", b" ", b"/ws", b"?", b"\xff", b"\0", b"%00",
    b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n", b"Sec-WebSocket-Version: ", b"Sec-WebSocket-Key: ",
)  # fmt: skip

TARGETS = (
    Target("sniff", "at most eight bytes decide what a connection speaks, and later ones never change it",
           lambda: Check(_sniff), lambda: [b"GET / HTTP/1.1", b"\x16\x03\x01\x02\x00", _STUN, b"\x00\x01", b""],
           (STUN_MAGIC_COOKIE,)),
    Target("demultiplex", "a datagram's first bytes say what it carries, as RFC 9443 and RFC 8489 have it",
           lambda: Check(_demultiplex), lambda: [_STUN, b"\xc3" + bytes(40), b"\x40" + bytes(40), b""],
           (STUN_MAGIC_COOKIE,)),
    Target("frames", "bytes on a WebSocket give the same messages and the same end however they are cut",
           lambda: _echo("frames"), _frame_seeds, (b"\x81\x80", b"\x01", b"\x80", b"\x88\x82", b"\xff\xff")),
    Target("handshake", "bytes in place of a handshake give an upgrade, a refusal or nothing, however they are cut",
           lambda: _echo("handshake"),
           lambda: [UPGRADE % (b"/", b""), UPGRADE % (b"/ws?a=b", b"Origin: null\r\n"), b"GET / HTTP/1.1\r\n\r\n"],
           _HTTP_WORDS),
    Target("messages", "bytes of a WebTransport stream give the same messages however they are cut, and keep only one",
           lambda: Check(_messages),
           lambda: [b"".join(map(encode_message, (b"one", b"", b"x" * 100))), encode_message(b"x" * 101)]),
    Target("capsules", "bytes of a CONNECT stream give the same capsules however they are cut, and keep only one",
           lambda: Check(_capsules),
           lambda: [encode_capsule(Capsule(0x2843, bytes(4) + b"done")), encode_capsule(Capsule(1, bytes(300))) * 2]),
    Target("head", "the head of an answer is read alike however it is cut",
           lambda: Check(_head), lambda: [b"HTTP/1.1 101 Switching\r\nA: b\r\n\r\nrest", b"GET / HTTP/1.1\r\n\r\n"],
           _HTTP_WORDS),
)  # fmt: skip
