"""The HTTP answers of a port that speaks WebSocket: plain text that a person can act on."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus


def make_http_answer(status: int, sentence: str, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """A complete HTTP/1.1 response, after which the connection is closed.

    :param status: The HTTP status code.
    :param sentence: The body. It may hold what the caller sent, so browsers are told to take it as text.
    :param headers: More header fields; never anything that the caller sent.
    """
    body = sentence.encode() + b"\n"
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Refused"
    lines = [
        f"HTTP/1.1 {status} {phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
