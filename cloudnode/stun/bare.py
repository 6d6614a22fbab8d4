"""The bare Binding request over IPv4, answered by hand: what most clients send, and most of what a flood consists of.

A server has few microseconds for each of these, which leaves no time for messages as values. What is here says the same
as :mod:`cloudnode.stun.answering`, which a test compares.
"""

from __future__ import annotations

import struct

from cloudnode.stun.message import COOKIE

REQUEST = struct.Struct("!Q12s")
"""A request: its head, and the transaction id."""
REQUEST_BEGIN = b"\x00\x01\x00\x00" + COOKIE
REQUEST_HEAD = int.from_bytes(REQUEST_BEGIN, "big")

ANSWER = struct.Struct("!Q12sIQ")
"""An answer: its head, the transaction id, the attribute's head, and :data:`MASK` XOR the source (as a number: two zero
bytes, the port's two, the address's four)."""
ANSWER_BEGIN = b"\x01\x01\x00\x0c" + COOKIE
ANSWER_END = struct.Struct("!IQ")
ANSWER_HEAD = int.from_bytes(ANSWER_BEGIN, "big")
ATTRIBUTE_HEAD = 0x0020_0008
MASK = int.from_bytes(b"\x00\x01" + COOKIE[:2] + COOKIE, "big")


def is_bare(data: bytes) -> bool:
    """Whether bytes are one such request."""
    return len(data) == REQUEST.size and data.startswith(REQUEST_BEGIN)


def encode_tail(host: bytes, port: int) -> bytes:
    """The end of an answer, the same for all of a source; :data:`ANSWER_BEGIN` and the transaction id come before it.

    :param host: The four bytes of the source's address.
    """
    return ANSWER_END.pack(ATTRIBUTE_HEAD, MASK ^ (port << 32 | int.from_bytes(host, "big")))


def encode_answer(transaction: bytes, host: bytes, port: int) -> bytes:
    """An answer.

    :param host: The four bytes of the source's address.
    """
    return ANSWER_BEGIN + transaction + encode_tail(host, port)
