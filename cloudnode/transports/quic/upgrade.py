"""WebSocket handshakes between HTTP/1.1, which Autobahn speaks, and HTTP/3's extended CONNECT (RFC 9220).

Server side: a request's fields become the HTTP/1.1 upgrade that an unchanged factory expects, and its answer
becomes a response: 101 is ``:status 200``, every other status passes through. Client side: the reverse.

RFC 9220 has no ``sec-websocket-key`` and none is needed. A client that sends one all the same
(urllib3-future) waits for the matching ``sec-websocket-accept`` and gets it.
"""

from __future__ import annotations

import base64
import hashlib
import re

import attrs
from aioquic.h3.events import Headers

#: Stands in where the client sends no key: the key proves nothing on HTTP/3.
STAND_IN_KEY = base64.b64encode(bytes(16))
MAX_HEAD = 16 * 1024
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_TARGET = re.compile(rb"/[\x21-\x7e]*\Z")
_AUTHORITY = re.compile(rb"[\x21-\x7e]+\Z")
#: What some reader of HTTP/1.1 takes for the end of a line (Autobahn uses str.splitlines).
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_OF_HTTP_1 = frozenset(
    (b"connection", b"upgrade", b"host", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"te")
)
#: There is no proxy in front of a QUIC socket whose word on the caller's address could be taken.
_OF_PROXIES = frozenset((b"x-forwarded-for", b"forwarded", b"x-real-ip"))


class BadRequest(Exception):
    """A request that can't be put as HTTP/1.1."""


class BadHead(Exception):
    """What a protocol on this side wrote is not the head of an HTTP/1.1 message."""


@attrs.frozen
class Head:
    """The head of an HTTP/1.1 message.

    :ivar start: The request or status line.
    :ivar fields: Names in lower case, in order.
    :ivar rest: What follows the head.
    """

    start: bytes
    fields: Headers
    rest: bytes

    def get(self, name: bytes) -> bytes | None:
        """The value of the first field of that name."""
        return next((value for key, value in self.fields if key == name), None)


class HeadReader:
    """Collects the head of what a protocol writes."""

    def __init__(self) -> None:
        self._collected = b""

    def feed(self, data: bytes) -> Head | None:
        """Take what was written; returns the head once it is complete.

        :raises BadHead: It is not one, or is too long.
        """
        self._collected += data
        head, separator, rest = self._collected.partition(b"\r\n\r\n")
        if not separator:
            if len(self._collected) > MAX_HEAD:
                raise BadHead("the head is too long")
            return None
        start, *lines = head.split(b"\r\n")
        fields = []
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon:
                raise BadHead(f"not a field: {line!r}")
            fields.append((name.strip().lower(), value.strip()))
        return Head(start, fields, rest)


def accept_of(key: bytes) -> bytes:
    """The ``sec-websocket-accept`` for a key (RFC 6455, section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())


def make_upgrade_request(headers: Headers) -> bytes:
    """Put an extended CONNECT as the HTTP/1.1 upgrade that a WebSocket server expects.

    :raises BadRequest: A field holds what could be read as another line.
    """
    target, authority, key, version = b"/", b"", STAND_IN_KEY, b"13"
    lines = []
    for name, value in headers:
        if _CONTROL.search(value):
            raise BadRequest(f"the field {name!r} holds a control character")
        if name == b":path":
            target = value
        elif name == b":authority":
            authority = value
        elif name == b"sec-websocket-key":
            key = value
        elif name == b"sec-websocket-version":
            version = value
        elif not name.startswith(b":") and name not in _OF_HTTP_1 and name not in _OF_PROXIES:
            lines.append(name + b": " + value)
    if not _TARGET.match(target) or not _AUTHORITY.match(authority):
        raise BadRequest("the path or the authority is not one")
    return b"\r\n".join(
        [
            b"GET " + target + b" HTTP/1.1",
            b"Host: " + authority,
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Key: " + key,
            b"Sec-WebSocket-Version: " + version,
            *lines,
            b"\r\n",
        ]
    )


def make_response_headers(head: Head, *, echo_accept: bool) -> Headers:
    """Put a WebSocket server's answer as an HTTP/3 response.

    :param echo_accept: Whether the client sent a key and so expects ``sec-websocket-accept``.
    :raises BadHead: There is no status.
    """
    parts = head.start.split(b" ", 2)
    if len(parts) < 2 or not re.fullmatch(rb"[1-5]\d\d", parts[1]):
        raise BadHead(f"not a status line: {head.start!r}")
    status = b"200" if parts[1] == b"101" else parts[1]
    return [
        (b":status", status),
        *(
            (name, value)
            for name, value in head.fields
            if name not in _OF_HTTP_1 and (echo_accept or name != b"sec-websocket-accept")
        ),
    ]


def make_connect_headers(head: Head) -> Headers:
    """Put a WebSocket client's HTTP/1.1 upgrade as an extended CONNECT.

    :raises BadHead: It is not a request.
    """
    parts = head.start.split(b" ")
    host = head.get(b"host")
    if len(parts) != 3 or parts[0] != b"GET" or host is None:
        raise BadHead(f"not an upgrade request: {head.start!r}")
    return [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"https"),
        (b":authority", host),
        (b":path", parts[1]),
        *(
            (name, value)
            for name, value in head.fields
            if name not in _OF_HTTP_1 and name not in (b"sec-websocket-key", b"pragma", b"cache-control")
        ),
    ]


def make_upgrade_response(headers: Headers, key: bytes) -> bytes:
    """Put a server's response to an extended CONNECT as the HTTP/1.1 answer that a client expects."""
    status = next((value for name, value in headers if name == b":status"), b"500")
    lines = [name + b": " + value for name, value in headers if not name.startswith(b":")]
    if status == b"200":
        return b"\r\n".join(
            [
                b"HTTP/1.1 101 Switching Protocols",
                b"Upgrade: websocket",
                b"Connection: Upgrade",
                b"Sec-WebSocket-Accept: " + accept_of(key),
                *(line for line in lines if not line.startswith(b"sec-websocket-accept")),
                b"\r\n",
            ]
        )
    return b"\r\n".join([b"HTTP/1.1 " + status + b" Refused", *lines, b"\r\n"])
