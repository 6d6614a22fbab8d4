"""What protects a message, and the keys for it (RFC 8489, sections 9.1.1, 9.2.2, 14.4 and 14.5 to 14.7).

Each of these is computed over the message as it would be if it ended with the attribute in question, so they are
appended to encoded messages: first an integrity, then FINGERPRINT.

Texts given here are prepared already (RFC 8265, OpaqueString); ASCII is prepared as it is.
"""

from __future__ import annotations

import hmac
from hashlib import md5, sha256
from zlib import crc32

from cloudnode.stun.errors import StunError
from cloudnode.stun.message import (
    FINGERPRINT,
    HEADER_BYTES,
    MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256,
    Message,
    encode_attribute,
    with_length,
)

# OpenSSL looks for an algorithm when it is first used, for up to a millisecond: not when a message is waited for.
hmac.digest(b"", b"", "sha256")

SHA1_BYTES = 20
SHA256_BYTES = 32
SHA256_BYTES_MIN = 16
_FINGERPRINT_MASK = 0x5354554E


def add_integrity(data: bytes, key: bytes) -> bytes:
    """Append MESSAGE-INTEGRITY (HMAC-SHA1)."""
    longer = with_length(data, len(data) - HEADER_BYTES + 4 + SHA1_BYTES)
    return longer + encode_attribute(MESSAGE_INTEGRITY, hmac.digest(key, longer, "sha1"))


def add_integrity_sha256(data: bytes, key: bytes) -> bytes:
    """Append MESSAGE-INTEGRITY-SHA256, in full."""
    longer = with_length(data, len(data) - HEADER_BYTES + 4 + SHA256_BYTES)
    return longer + encode_attribute(MESSAGE_INTEGRITY_SHA256, hmac.digest(key, longer, "sha256"))


def add_fingerprint(data: bytes) -> bytes:
    """Append FINGERPRINT."""
    longer = with_length(data, len(data) - HEADER_BYTES + 8)
    return longer + encode_attribute(FINGERPRINT, _fingerprint(longer))


def protect_like(data: bytes, example: Message, key: bytes | None) -> bytes:
    """Protect an answer by what the question was protected by.

    :param key: The key that the question's integrity was made with; None: the answer gets none.
    """
    if key is not None:
        has_sha256 = example.find(MESSAGE_INTEGRITY_SHA256) is not None
        data = add_integrity_sha256(data, key) if has_sha256 else add_integrity(data, key)
    return data if example.find(FINGERPRINT) is None else add_fingerprint(data)


def check_integrity(message: Message, key: bytes) -> bool:
    """Whether a message that was read has an integrity, and it is the one that the key gives.

    Where both are there the SHA-256 decides, as an attacker could leave the stronger one out but not make it.
    """
    for type, algorithm, least, most in (
        (MESSAGE_INTEGRITY_SHA256, "sha256", SHA256_BYTES_MIN, SHA256_BYTES),
        (MESSAGE_INTEGRITY, "sha1", SHA1_BYTES, SHA1_BYTES),
    ):
        found = message.get(type)
        if found is None:
            continue
        told = found.value
        if not least <= len(told) <= most or len(told) & 3:
            return False
        covered = with_length(message.data[: found.offset], found.offset - HEADER_BYTES + 4 + len(told))
        return hmac.compare_digest(hmac.digest(key, covered, algorithm)[: len(told)], told)
    return False


def check_fingerprint(message: Message) -> None:
    """Check the FINGERPRINT of a message that was read, if it has one.

    :raises StunError: It is wrong.
    """
    found = message.get(FINGERPRINT)
    if found is not None and found.value != _fingerprint(message.data[: found.offset]):
        raise StunError("wrong_fingerprint")


def long_term_key(username: str, realm: str, password: str, *, sha256_key: bool = False) -> bytes:
    """The key of long-term credentials: by MD5, or by SHA-256 where that password algorithm was agreed on."""
    text = f"{username}:{realm}:{password}".encode()
    return sha256(text).digest() if sha256_key else md5(text, usedforsecurity=False).digest()


def userhash(username: str, realm: str) -> bytes:
    """The value of USERHASH, which stands in for a username that others should not read."""
    return sha256(f"{username}:{realm}".encode()).digest()


def _fingerprint(data: bytes) -> bytes:
    return (crc32(data) ^ _FINGERPRINT_MASK).to_bytes(4, "big")
