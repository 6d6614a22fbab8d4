"""Framing that needs no connection: messages with a length before them, and capsules."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import attrs
from aioquic._buffer import Buffer, BufferReadError

_LENGTH = struct.Struct(">I")


class MessageTooLarge(Exception):
    """A length that is over the limit."""


def encode_message(message: bytes) -> bytes:
    """A message with its length, four bytes big-endian, before it."""
    return _LENGTH.pack(len(message)) + message


class MessageReader:
    """Takes messages with lengths before them out of a stream of bytes.

    :param limit: The largest message in bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes and give every message that is complete.

        :raises MessageTooLarge: As soon as a length over the limit was read.
        """
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(buffer, at)
                if length > self._limit:
                    raise MessageTooLarge(f"a message of {length} bytes; the limit is {self._limit}")
                end = at + _LENGTH.size + length
                if len(buffer) < end:
                    break
                message = bytes(memoryview(buffer)[at + _LENGTH.size : end])
                at = end
                yield message
        finally:
            del buffer[:at]


@attrs.frozen
class Capsule:
    """A capsule (RFC 9297, section 3.2)."""

    kind: int
    value: bytes


class CapsuleReader:
    """Takes capsules out of the bytes of a CONNECT stream; one that is too long is skipped.

    :param limit: The longest value that is kept, in bytes.
    """

    def __init__(self, limit: int = 2048) -> None:
        self._limit = limit
        self._buffer = b""
        self._to_skip = 0

    def feed(self, data: bytes) -> list[Capsule]:
        """Take bytes and return the capsules that are complete."""
        skipped = min(self._to_skip, len(data))
        self._to_skip -= skipped
        self._buffer += data[skipped:]
        capsules = []
        while self._buffer:
            buf = Buffer(data=self._buffer)
            try:
                kind, length = buf.pull_uint_var(), buf.pull_uint_var()
            except BufferReadError:
                break
            start = buf.tell()
            if length > self._limit:
                self._to_skip = max(0, start + length - len(self._buffer))
                self._buffer = self._buffer[start + length :]
                continue
            if len(self._buffer) < start + length:
                break
            capsules.append(Capsule(kind, self._buffer[start : start + length]))
            self._buffer = self._buffer[start + length :]
        return capsules


def encode_capsule(capsule: Capsule) -> bytes:
    """The bytes of a capsule."""
    buf = Buffer(capacity=16 + len(capsule.value))
    buf.push_uint_var(capsule.kind)
    buf.push_uint_var(len(capsule.value))
    buf.push_bytes(capsule.value)
    return buf.data
