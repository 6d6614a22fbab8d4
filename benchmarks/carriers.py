"""How a message is carried over a TCP connection, as a client sees it: the least that a server takes."""

from __future__ import annotations

import socket
from typing import Protocol

_MASK = b"\x37\xfa\x21\x3d"
_HEAD_END = b"\r\n\r\n"


class Carrier(Protocol):
    """A way to carry messages."""

    def open(self, stream: socket.socket) -> None:
        """Make a connection ready."""

    def wrap(self, message: bytes) -> bytes:
        """A message as it is sent."""

    def find(self, buffer: bytes, start: int) -> tuple[int, int] | None:
        """Where the payload of the answer at ``start`` begins and ends; None if it is not there in full."""


class HttpPost:
    """HTTP/1.1 with the connection kept: the message is the body."""

    def open(self, stream: socket.socket) -> None:
        """There is nothing to do."""

    def wrap(self, message: bytes) -> bytes:
        """A request."""
        return (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (len(message), message)
        )

    def find(self, buffer: bytes, start: int) -> tuple[int, int] | None:
        """A response with a Content-Length.

        :raises RuntimeError: It is not 200 OK.
        """
        begin = buffer.find(_HEAD_END, start) + len(_HEAD_END)
        if begin < len(_HEAD_END):
            return None
        if buffer[start + 9 : start + 12] != b"200":
            raise RuntimeError(f"the server answers {buffer[start:begin]!r}")
        head = buffer[start:begin].lower()
        at = head.index(b"content-length:") + 15
        end = begin + int(head[at : head.index(b"\r\n", at)])
        return (begin, end) if end <= len(buffer) else None


class HttpGet(HttpPost):
    """HTTP/1.1 with the connection kept: the message is the path."""

    def wrap(self, message: bytes) -> bytes:
        """A request."""
        return b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % message


class WebSocket:
    """RFC 6455, text messages in one frame each."""

    def open(self, stream: socket.socket) -> None:
        """The opening handshake.

        :raises RuntimeError: The server refuses it.
        """
        stream.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        head = b""
        while _HEAD_END not in head:
            data = stream.recv(4096)
            head += data
            if not data or not b"HTTP/1.1 101".startswith(head[:12]):
                raise RuntimeError(f"the server refuses the handshake: {head!r}")

    def wrap(self, message: bytes) -> bytes:
        """A masked frame."""
        size = len(message)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        mask = (_MASK * (size // 4 + 1))[:size]
        masked = int.from_bytes(message, "big") ^ int.from_bytes(mask, "big")
        return b"\x81" + length + _MASK + masked.to_bytes(size, "big")

    def find(self, buffer: bytes, start: int) -> tuple[int, int] | None:
        """An unmasked text frame.

        :raises RuntimeError: It is of another kind: the server closes, say.
        """
        if len(buffer) < start + 4:
            return None
        if buffer[start] != 0x81:
            raise RuntimeError(f"the server sends a frame {buffer[start : start + 80]!r}")
        size, begin = buffer[start + 1], start + 2
        if size == 126:
            size, begin = int.from_bytes(buffer[begin : begin + 2], "big"), begin + 2
        end = begin + size
        return (begin, end) if end <= len(buffer) else None
