"""WebSocket frames of the ordinary kind (RFC 6455, section 5.2): whole, masked text messages in one frame.

Nearly every message that a node receives is one, and nearly every one that it sends is an unmasked one, so
these take a short way. A frame of any other kind (fragmented, control, compressed, oversize, badly encoded or
not yet here in full) is left alone: Autobahn takes it from its first byte, and refuses it where it must.
"""

from __future__ import annotations

from typing import NamedTuple

from autobahn.websocket.xormasker import create_xor_masker  # type: ignore[attr-defined]  # not in its __all__

FINAL_TEXT = 0x81
MASKED = 0x80
_LENGTH_16 = 126
_LENGTH_64 = 127

# Below this a masking by one big integer is faster than setting up Autobahn's native masker.
_SHORT = 1024


class TextMessage(NamedTuple):
    """A message found in a buffer.

    :ivar payload: The message, valid UTF-8.
    :ivar end: The offset in the buffer of the byte after its frame.
    """

    payload: bytes
    end: int


def find_text_message(buffer: bytes, start: int, limit: int) -> TextMessage | None:
    """Take the text message whose frame begins at ``start``.

    :param buffer: What was received; there must be no frame begun before ``start``.
    :param limit: The longest payload to take, in bytes.
    :returns: None if the frame there is of another kind, or not complete.
    """
    if len(buffer) - start < 6 or buffer[start] != FINAL_TEXT:
        return None
    length = buffer[start + 1] - MASKED
    begin = start + 2
    if length < 0 or length == _LENGTH_64:
        return None
    if length == _LENGTH_16:
        length = int.from_bytes(buffer[begin : begin + 2], "big")
        begin += 2
        if length < _LENGTH_16:
            return None  # not the shortest form of the length
    end = begin + 4 + length
    if length > limit or end > len(buffer):
        return None
    payload = unmask(buffer[begin : begin + 4], buffer[begin + 4 : end])
    if not payload.isascii():
        try:
            payload.decode()
        except UnicodeDecodeError:
            return None
    return TextMessage(payload, end)


def unmask(mask: bytes, data: bytes) -> bytes:
    """Apply a four-byte mask (RFC 6455, section 5.3)."""
    length = len(data)
    if length > _SHORT:
        unmasked: bytes = create_xor_masker(mask, length).process(data)
        return unmasked
    key = (mask * ((length >> 2) + 1))[:length]
    return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(length, "little")


def make_text_header(length: int) -> bytes:
    """The header of an unmasked frame that is a whole text message of so many bytes."""
    if length < _LENGTH_16:
        return bytes((FINAL_TEXT, length))
    if length <= 0xFFFF:
        return bytes((FINAL_TEXT, _LENGTH_16)) + length.to_bytes(2, "big")
    return bytes((FINAL_TEXT, _LENGTH_64)) + length.to_bytes(8, "big")


def make_masked_text(payload: bytes, mask: bytes) -> bytes:
    """The frame of a whole text message as a client sends it.

    :param mask: Four random bytes.
    """
    header = bytearray(make_text_header(len(payload)))
    header[1] |= MASKED
    return bytes(header) + mask + unmask(mask, payload)
