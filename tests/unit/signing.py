"""Signatures that are true and yet not those that everybody makes."""

from __future__ import annotations

from hashlib import sha512

from nacl.bindings import (
    crypto_core_ed25519_scalar_add,
    crypto_core_ed25519_scalar_mul,
    crypto_core_ed25519_scalar_reduce,
    crypto_scalarmult_ed25519_base_noclamp,
)

from cloudnode.formats.keys import OPERATION, SigningKey


def sign_otherwise(key: SigningKey, body: bytes) -> bytes:
    """Another signature of an operation's body that verifies: with another number where RFC 8032 says which."""
    digest = sha512(key.seed).digest()
    secret = bytearray(digest[:32])
    secret[0] &= 248
    secret[31] = secret[31] & 127 | 64
    number = crypto_core_ed25519_scalar_reduce(sha512(b"at random" + body).digest())
    point = crypto_scalarmult_ed25519_base_noclamp(number)
    challenge = crypto_core_ed25519_scalar_reduce(sha512(point + key.public + OPERATION + body).digest())
    product = crypto_core_ed25519_scalar_mul(challenge, crypto_core_ed25519_scalar_reduce(bytes(secret) + bytes(32)))
    return bytes(point + crypto_core_ed25519_scalar_add(number, product))
