"""STUN messages in a TCP stream, one after the other with nothing between them (RFC 8489, section 6.2.2)."""

from __future__ import annotations

from collections.abc import Iterator

from cloudnode.stun.errors import StunError
from cloudnode.stun.message import COOKIE, HEADER_BYTES


class MessageSplitter:
    """Cuts a stream into messages.

    Once all that is whole was taken, it holds less than one message of ``max_bytes``, whatever comes.
    """

    def __init__(self, max_bytes: int) -> None:
        """:param max_bytes: Of one message, its header included."""
        self._max_bytes = max_bytes
        self._rest = b""

    @property
    def held_bytes(self) -> int:
        """What is here of a message that is not whole yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take more of the stream.

        :returns: The messages that are whole now; those that are not asked for come with the next ones.
        :raises StunError: When asked for the next message: the stream goes on with something else, or with a message
            that is too long. Nothing after that can be read.
        """
        self._rest = self._rest + data if self._rest else data
        return self._take()

    def _take(self) -> Iterator[bytes]:
        while self._rest:
            if self._rest[0] & 0xC0 or not COOKIE.startswith(self._rest[4:8]):
                raise StunError("not_stun")
            if len(self._rest) < HEADER_BYTES:
                return
            size = self._read_size(self._rest)
            if len(self._rest) < size:
                return
            whole, self._rest = self._rest[:size], self._rest[size:]
            yield whole

    def _read_size(self, header: bytes) -> int:
        length = int.from_bytes(header[2:4], "big")
        if length & 3:
            raise StunError("wrong_length")
        if HEADER_BYTES + length > self._max_bytes:
            raise StunError("too_long")
        return HEADER_BYTES + length
