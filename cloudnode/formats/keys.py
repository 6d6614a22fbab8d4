"""Ed25519 keys (RFC 8032) and signatures that say what they are for.

Every signed message starts with a *purpose tag*, so that a signature given for one purpose can never be shown as
another. All verification is libsodium's, through PyNaCl: it refuses what is not canonical (S not below the group order,
a public key that is not reduced) and public keys or points R of small order, and checks the equation without cofactor.
Implementations disagree on such odd signatures; this one is the network's rule.
"""

from __future__ import annotations

from collections.abc import Callable

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError
from nacl.utils import random as _system_random

from cloudnode.formats.errors import LedgerError, LocalError

OPERATION = b"cloudnode operation 1\n"
VOTE = b"cloudnode vote 1\n"
RECEIPT = b"cloudnode receipt 1\n"
ANSWER = b"cloudnode answer 1\n"
TLS = b"cloudnode tls 1\n"
PEER = b"cloudnode peer 1\n"
APPOINT = b"cloudnode appoint 1\n"
VALIDATOR = b"cloudnode validator 1\n"
STUN_DATA = b"cloudnode stun data 1\n"

PURPOSES = (OPERATION, VOTE, RECEIPT, ANSWER, TLS, PEER, APPOINT, VALIDATOR, STUN_DATA)

SEED_SIZE = 32
PUBLIC_SIZE = 32
SIGNATURE_SIZE = 64


class SigningKey:
    """An Ed25519 key pair.

    :ivar public: The 32 bytes by which others know its owner.
    """

    __slots__ = ("_secret", "public")

    def __init__(self, seed: bytes) -> None:
        """:param seed: The 32 bytes from which RFC 8032 derives everything."""
        if len(seed) != SEED_SIZE:
            raise LocalError("an Ed25519 seed has 32 bytes")
        self.public, self._secret = crypto_sign_seed_keypair(seed)

    @classmethod
    def generate(cls, random: Callable[[int], bytes] = _system_random) -> SigningKey:
        """A new key; ``random`` gives so many bytes fit for secrets."""
        return cls(random(SEED_SIZE))

    @property
    def seed(self) -> bytes:
        """The secret 32 bytes."""
        return self._secret[:SEED_SIZE]

    def __repr__(self) -> str:
        return f"<SigningKey of {self.public.hex()}>"

    def sign(self, purpose: bytes, message: bytes) -> bytes:
        """The 64-byte signature over ``purpose + message``."""
        return bytes(crypto_sign(purpose + message, self._secret)[:SIGNATURE_SIZE])


def sign(key: SigningKey, purpose: bytes, message: bytes) -> bytes:
    """The 64-byte signature over ``purpose + message``."""
    return key.sign(purpose, message)


def verify(public: bytes, purpose: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is the one that the owner of ``public`` made over ``purpose + message``.

    Takes any bytes; wrong lengths are False.
    """
    if len(public) != PUBLIC_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    try:
        crypto_sign_open(b"".join((signature, purpose, message)), public)
    except BadSignatureError:
        return False
    return True


def dump_key(key: SigningKey) -> str:
    """The text of a key file: the seed as 64 hex digits and a newline. Secret."""
    return key.seed.hex() + "\n"


def load_key(text: str) -> SigningKey:
    """Read a key file's text (the newline may be missing).

    :raises LedgerError: ``key_file_malformed``; the message never repeats the text.
    """
    digits = text.removesuffix("\n")
    try:
        seed = bytes.fromhex(digits)
    except ValueError:
        raise LedgerError("key_file_malformed") from None
    if len(seed) != SEED_SIZE or seed.hex() != digits:
        raise LedgerError("key_file_malformed")
    return SigningKey(seed)
