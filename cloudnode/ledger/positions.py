"""A place in the log as one integer, for tables and comparisons."""

from __future__ import annotations

from cloudnode.ledger.reading import Cursor

INDEX_BITS = 20
"""Bits of a position that count operations within a block; genesis bounds a block well below that."""

_INDEX_MASK = (1 << INDEX_BITS) - 1


def position(height: int, index: int) -> int:
    """``height << 20 | index``: grows with the log."""
    return height << INDEX_BITS | index


def cursor(at: int) -> Cursor:
    """The cursor of a position."""
    return Cursor(at >> INDEX_BITS, at & _INDEX_MASK)


def end_of(height: int) -> int:
    """The first position after a block."""
    return (height + 1) << INDEX_BITS
