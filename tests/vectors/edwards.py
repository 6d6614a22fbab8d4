"""The curve of Ed25519 by the book (RFC 8032, chapter 5.1), slowly: for signatures that no library would make."""

from __future__ import annotations

from hashlib import sha512

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the base point's group."""

_D = -121665 * pow(121666, -1, PRIME) % PRIME
_ROOT = pow(2, (PRIME - 1) // 4, PRIME)

Point = tuple[int, int]

ZERO: Point = (0, 1)


def add(one: Point, other: Point) -> Point:
    """The sum of two points."""
    (x1, y1), (x2, y2) = one, other
    product = _D * x1 * x2 * y1 * y2 % PRIME
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, PRIME)
    return x % PRIME, y % PRIME


def multiply(number: int, point: Point) -> Point:
    """So many times a point."""
    result = ZERO
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def find_x(y: int) -> int | None:
    """The even x of the point with this y; None if there is none."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * _ROOT % PRIME
    if (x * x - square) % PRIME:
        return None
    return PRIME - x if x & 1 else x


def _point(y: int) -> Point:
    x = find_x(y)
    assert x is not None
    return x, y


BASE = _point(4 * pow(5, -1, PRIME) % PRIME)

TORSION = multiply(ORDER, _point(3))
"""A point of order 8."""

assert multiply(4, TORSION) != ZERO == multiply(8, TORSION)


def encode_y(y: int, sign: int = 0) -> bytes:
    """32 bytes with any y below 2^255, reduced or not."""
    return (y | sign << 255).to_bytes(32, "little")


def encode(point: Point) -> bytes:
    """A point's 32 bytes."""
    return encode_y(point[1], point[0] & 1)


def challenge(r: bytes, public: bytes, message: bytes) -> int:
    """The k of the equation ``[S]B = R + [k]A``."""
    return int.from_bytes(sha512(r + public + message).digest(), "little") % ORDER


def signature(r: bytes, public: bytes, secret: int, nonce: int, message: bytes) -> bytes:
    """R with the S that solves the equation, but for what parts of small order there are in R and the public key."""
    s = (nonce + challenge(r, public, message) * secret) % ORDER
    return r + s.to_bytes(32, "little")
