"""Frames: one or more messages, each behind its length, some of them packed."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from typing import get_args

import msgspec

from cloudnode.formats.block import split_values
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages.blocks import Bodies, Operations, SentOperation
from cloudnode.peers.messages.fields import ANSWER_BYTES, Message
from cloudnode.peers.messages.table import _LIMITS, LIMITS, AnyMessage

FRAME_MESSAGES_MAX = 4096
BUNDLE_BYTES = 64 * 1024
"""A frame takes messages until it is as long as this; a longer message has a frame of its own."""

PACKED = 0xC1
"""The first byte of a message that is packed; no MessagePack begins with it."""

PACKED_LEAST = 256
EXPANSION_MAX = 32
"""A message is at most so many times as long as it is packed: a few bytes must not become much work."""

UNPACKED_MAX = 8 * 1024 * 1024
"""Bytes of all messages of a frame that come packed, unpacked."""

_PACKABLE = {int(str(kind.__struct_config__.tag)) for kind in (Bodies, Operations)}
"""Types whose messages are text for the most part. Accounts, the network and all names repeat themselves in it."""

assert set(_LIMITS) == set(get_args(AnyMessage))

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AnyMessage).decode


def encode_message(message: Message) -> bytes:
    """A message behind its length; packed if that makes it shorter."""
    body = _encode(message)
    if len(body) >= PACKED_LEAST and body[1] in _PACKABLE:
        # More than the fastest level gains 3 % and takes twice the time.
        packed = zlib.compress(body, 1)
        if len(packed) < len(body) < EXPANSION_MAX * len(packed):
            body = bytes((PACKED, body[1])) + packed
    return len(body).to_bytes(4, "big") + body


def decode_frame(frame: bytes) -> list[AnyMessage]:
    """Read a frame.

    :raises PeerFault: ``malformed`` or ``oversized``.
    """
    messages: list[AnyMessage] = []
    at, end = 0, len(frame)
    room = UNPACKED_MAX
    while at < end:
        begin = at + 4
        at = begin + int.from_bytes(frame[at:begin], "big")
        if begin + 2 > end or at > end:
            raise PeerFault("malformed", "a frame ends within a message")
        is_packed = frame[begin] == PACKED and frame[begin + 1] in _PACKABLE
        limit = LIMITS.get(frame[begin + 1], 0) if is_packed or 0x90 <= frame[begin] <= 0x9F else 0
        if at - begin > limit:
            what = f"a message of type {frame[begin + 1]} has {at - begin} bytes"
            raise PeerFault("oversized" if limit else "malformed", what)
        if len(messages) == FRAME_MESSAGES_MAX:
            raise PeerFault("oversized", f"a frame has more than {FRAME_MESSAGES_MAX} messages")
        raw = frame[begin:at]
        if is_packed:
            raw = _unpack(raw, min(limit, room))
            room -= len(raw)
        try:
            messages.append(_decode(raw))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise PeerFault("malformed", f"a message can't be decoded: {str(error)[:200]}") from None
    if not messages:
        raise PeerFault("malformed", "a frame is empty")
    return messages


def _unpack(packed: bytes, most: int) -> bytes:
    """The message that was packed.

    :raises PeerFault: ``oversized``: it has more than ``most`` bytes, or is too many times as long. ``malformed``.
    """
    unpacking = zlib.decompressobj()
    try:
        # No more than this is ever made of it.
        message = unpacking.decompress(packed[2:], max(1, min(most, EXPANSION_MAX * len(packed))))
    except zlib.error as error:
        raise PeerFault("malformed", f"a message can't be unpacked: {error}") from None
    if unpacking.unconsumed_tail:
        raise PeerFault("oversized", f"a message of {len(packed)} bytes becomes too long when it is unpacked")
    if not unpacking.eof or unpacking.unused_data or message[1:2] != packed[1:2]:
        raise PeerFault("malformed", "a packed message is not what it says")
    return message


def take_bundle(queue: deque[bytes]) -> list[bytes]:
    """Take off the queue as many encoded messages as go into one frame."""
    taken: list[bytes] = []
    size = 0
    while queue and len(taken) < FRAME_MESSAGES_MAX and (not taken or size + len(queue[0]) <= BUNDLE_BYTES):
        taken.append(queue.popleft())
        size += len(taken[-1])
    return taken


def split_ids(ids: bytes) -> tuple[bytes, ...]:
    """The 32-byte ids (or keys) that stand one after the other.

    :raises PeerFault: ``malformed``: that is not what they are.
    """
    if len(ids) % 32:
        raise PeerFault("malformed", "ids and keys are 32 bytes each")
    return split_values(ids)


def take_fitting(items: Iterable[SentOperation], most: int) -> Sequence[SentOperation]:
    """The first items whose bodies fit into an answer, one at least."""
    taken: list[SentOperation] = []
    size = 0
    for item in items:
        size += len(item.body) + 72
        if taken and (size > ANSWER_BYTES or len(taken) == most):
            break
        taken.append(item)
    return taken
