"""Vectors of Ed25519: signatures that implementations disagree on, and what this network says of them."""

from __future__ import annotations

from typing import Any

from cloudnode.formats.keys import SigningKey
from tests.vectors.edwards import (
    BASE,
    ORDER,
    PRIME,
    TORSION,
    ZERO,
    add,
    challenge,
    encode,
    encode_y,
    find_x,
    multiply,
    signature,
)

_SECRET, _NONCE = 12345, 6789
_PUBLIC, _R = encode(multiply(_SECRET, BASE)), encode(multiply(_NONCE, BASE))
_MIXED_PUBLIC = encode(add(multiply(_SECRET, BASE), TORSION))
_MIXED_R = encode(add(multiply(_NONCE, BASE), TORSION))


def _message(public: bytes, is_divisible: bool) -> bytes:
    """The first message of two bytes whose challenge is divisible by 8, or not."""
    messages = (number.to_bytes(2, "big") for number in range(65_536))
    return next(each for each in messages if (challenge(_R, public, each) % 8 == 0) == is_divisible)


def _plain(seed: int, message: bytes) -> tuple[bytes, bytes, bytes]:
    key = SigningKey(bytes([seed]) * 32)
    return key.public, message, key.sign(b"", message)


def _cases() -> list[tuple[str, tuple[bytes, bytes, bytes], bool]]:
    public, message, good = _plain(1, b"message")
    r, s = good[:32], int.from_bytes(good[32:], "little")
    held, unheld = _message(_MIXED_PUBLIC, True), _message(_MIXED_PUBLIC, False)
    no_point = next(y for y in range(2, 100) if find_x(y) is None)

    def solved(r: bytes, public: bytes, text: bytes = b"message", secret: int = _SECRET, nonce: int = _NONCE) -> Any:
        return public, text, signature(r, public, secret, nonce, text)

    cases = [
        ("of no bytes", _plain(1, b""), True),
        ("of a message", (public, message, good), True),
        ("of a long message", _plain(2, bytes(range(256)) * 8), True),
        ("by small secrets", solved(_R, _PUBLIC), True),
        ("of another message", (public, b"massage", good), False),
        ("of another key", (_plain(2, b"")[0], message, good), False),
        ("S plus the order", (public, message, r + (s + ORDER).to_bytes(32, "little")), False),
        ("S is the order", (public, message, r + ORDER.to_bytes(32, "little")), False),
        ("S with its highest bit", (public, message, r + (s | 1 << 255).to_bytes(32, "little")), False),
        ("key with a part of small order, which the challenge cancels", solved(_R, _MIXED_PUBLIC, held), True),
        ("key with a part of small order: the equation holds once the cofactor is cleared",
         solved(_R, _MIXED_PUBLIC, unheld), False),
        ("R with a part of small order: the equation holds once the cofactor is cleared",
         solved(_MIXED_R, _PUBLIC), False),
        ("key and R with parts of small order: the equation holds once the cofactor is cleared",
         solved(_MIXED_R, _MIXED_PUBLIC, unheld), False),
        ("key is no point", (encode_y(no_point), message, good), False),
        ("R is no point", (public, message, encode_y(no_point) + good[32:]), False),
        ("R is zero, and S what solves it", solved(encode(ZERO), _PUBLIC, nonce=0), False),
        ("R is zero, not reduced, and S what solves it", solved(encode_y(PRIME + 1), _PUBLIC, nonce=0), False),
        ("R is zero with the sign of x, and S what solves it", solved(encode_y(1, 1), _PUBLIC, nonce=0), False),
        ("key of 31 bytes", (public[:31], message, good), False),
        ("key of 33 bytes", (public + b"\0", message, good), False),
        ("signature of 63 bytes", (public, message, good[:63]), False),
        ("signature of 65 bytes", (public, message, good + b"\0"), False),
        ("no signature", (public, message, b""), False),
    ]  # fmt: skip
    # With a key of small order [S]B = R for many messages, here for S = nonce and [k]A = 0.
    for number in range(8):
        point = multiply(number, TORSION)
        keys = [(f"key is {number} times the point of order 8", encode(point))]
        if point[0] == 0:  # the sign of an x of 0 means nothing
            keys.append((f"key is {number} times the point of order 8, with the sign of x", encode_y(point[1], 1)))
        if point[1] < 19:  # y + p fits into 255 bits
            keys.append((f"key is {number} times the point of order 8, not reduced", encode_y(point[1] + PRIME)))
        for name, key in keys:
            texts = (each.to_bytes(2, "big") for each in range(65_536))
            text = next(each for each in texts if challenge(_R, key, each) % 8 == 0)
            cases.append((name, solved(_R, key, text, secret=0), False))
    # The other numbers from p up that 255 bits hold: of those the points are of great order, and their secrets unknown.
    cases += [
        (f"key is not reduced: p + {y}", (encode_y(PRIME + y), message, good), False)
        for y in range(2, 19) if find_x(y) is not None
    ]  # fmt: skip
    return cases


def signatures() -> dict[str, Any]:
    """Keys, messages with their tags, signatures, and whether these are good."""
    return {
        "signatures": [
            {"name": name, "public": public.hex(), "message": message.hex(), "signature": signed.hex(), "good": good}
            for name, (public, message, signed), good in _cases()
        ]
    }
