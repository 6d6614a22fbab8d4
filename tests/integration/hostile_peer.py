"""A node that proves itself to another one and then does as a test wants: blocking sockets, the link's own core."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time

from OpenSSL import SSL

from cloudnode.formats.keys import SigningKey
from cloudnode.peers.link import Closed, Link
from cloudnode.peers.messages import VERSIONS, Hello, Message, encode_message
from cloudnode.transports.peerchannel import BINDING_SIZE, LINKS
from cloudnode.transports.peersocket import BINDING_LABEL
from tests.unit.transports.memory import BINARY, make_frame, parse_frames


class HostilePeer:
    """A link over TCP.

    :ivar key: Its node key.
    """

    def __init__(self, port: int, network: bytes, receive_buffer: int = 0) -> None:
        """Dial a node of this machine and go through with the handshake."""
        self.key = SigningKey(os.urandom(32))
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.connect(("127.0.0.1", port))
        self._socket = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), plain)
        self._socket.set_connect_state()
        self._socket.do_handshake()
        self._plain = plain
        self._socket.sendall(
            b"GET /peer HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Protocol: " + LINKS.subprotocol.encode() + b"\r\n\r\n"
        )
        head, _, self._rest = self._receive_until(b"\r\n\r\n").partition(b"\r\n\r\n")
        assert b" 101 " in head, head
        binding = self._socket.export_keying_material(BINDING_LABEL, BINDING_SIZE, b"")
        hello = Hello(VERSIONS, network, self.key.public, os.urandom(32), (), 0, int(time.time() * 1000), "hostile")
        self._link = Link(self.key, hello, binding, dials=True, now=time.monotonic())
        deadline = time.monotonic() + 30
        while not self._link.is_open:
            assert time.monotonic() < deadline, self._link.take_events()
            self._flush()
            self._take()

    def send(self, *messages: Message) -> bool:
        """Send messages in one frame, whatever the node says; False once the connection is gone or full for 3 s."""
        rest = make_frame(BINARY, b"".join(encode_message(message) for message in messages))
        self._plain.setblocking(False)
        while rest:
            try:
                rest = rest[self._socket.send(rest[:16_384]) :]
            except SSL.WantWriteError:
                if not select.select([], [self._plain], [], 3)[1]:
                    return False
            except (SSL.Error, OSError):
                return False
        return True

    def is_cut_off(self, seconds: float) -> bool:
        """Whether the node ends the link within so many seconds; takes what it sends."""
        deadline = time.monotonic() + seconds
        self._plain.setblocking(False)
        while time.monotonic() < deadline:
            try:
                self._take()
            except SSL.WantReadError:
                select.select([self._plain], [], [], 0.1)
            except (SSL.Error, OSError):
                return True
            if any(isinstance(event, Closed) for event in self._link.take_events()):
                return True
        return False

    def close(self) -> None:
        """Drop the connection."""
        with contextlib.suppress(OSError):
            self._plain.close()

    def _flush(self) -> None:
        for frame in self._link.take_frames():
            self._socket.sendall(make_frame(BINARY, frame))

    def _take(self) -> None:
        frames, self._rest = parse_frames(self._rest)
        for frame in frames:
            if frame.opcode == BINARY:
                self._link.frame_received(frame.payload, time.monotonic())
        if not frames:
            self._rest += self._socket.recv(65_536)

    def _receive_until(self, end: bytes) -> bytes:
        data = b""
        while end not in data:
            data += self._socket.recv(4096)
        return data
