"""Leaf pages and inner nodes made from rows that lie packed: key and value, row after row, in one value of bytes.

A leaf page is then a slice, where a child's rows end is found by bisection in every n-th byte, and no row is touched on
its own: a million rows take a third of the time that they take as pairs of key and value.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from hashlib import sha256
from struct import Struct

from cloudnode.formats.nodes import EMPTY_ENTRY, ENTRY_SIZE, PAGE_ROWS, TABLES, encode_inner, encode_packed_leaf

_DIGITS = "0123456789abcdef"
_sums = Struct(">QQQ")
_SUMS_SIZE = ENTRY_SIZE - 32


def packed_page_entry(table: int, packed: bytes, count: int) -> bytes:
    """The entry of a leaf page, all zeros for no rows.

    :param count: How many rows there are.
    """
    if not count:
        return EMPTY_ENTRY
    shape = TABLES[table]
    width = shape.key_size + shape.value_size
    # Striding sums one byte of each row.
    total = 0 if shape.sum_offset is None else sum(packed[shape.sum_offset :: width])
    if shape.count_offset is not None:
        counted = sum(packed[shape.count_offset :: width])
    else:
        counted = count if shape.counts_rows else 0
    return sha256(encode_packed_leaf(table, packed, count)).digest() + _sums.pack(total, counted, count)


def packed_sums(entry: bytes | bytearray) -> int:
    """An entry's (sum, count, rows) as one number of 192 bits, 0 for no bytes at all.

    The numbers of several entries may be added: none of the three ever overflows.
    """
    return int.from_bytes(entry[32:], "big")


def inner_entry(encoded: bytes, sums: int) -> bytes:
    """The entry of an inner node from its bytes and the :func:`packed_sums` over its children."""
    return sha256(encoded).digest() + sums.to_bytes(_SUMS_SIZE, "big")


def make_packed_nodes(
    table: int, slot: str, packed: bytes, on_page: Callable[[bytes, bytes], None] | None = None
) -> tuple[bytes, dict[str, bytes]]:
    """The entry of rows under a slot, and the inner nodes at it and below by slot.

    :param packed: Rows in the order of their keys, each once; all keys begin with the slot.
    :param on_page: Called with the entry of each leaf page that is made, and its rows.
    :raises ValueError: They are not in order, or not of the table's sizes, as far as that shows.
    """
    shape = TABLES[table]
    keyed, width = shape.key_size, shape.key_size + shape.value_size
    nodes: dict[str, bytes] = {}

    def build(slot: str, rows: bytes) -> bytes:
        count = len(rows) // width
        if count <= PAGE_ROWS:
            entry = packed_page_entry(table, rows, count)
            if on_page is not None and rows:
                on_page(entry, rows)
            return entry
        path = _common_path(rows[:keyed], rows[-width : keyed - width])
        at, odd = divmod(len(path), 2)
        column = rows[at::width]
        children = {}
        start = 0
        while start < count:
            byte = column[start]
            # The nibbles before are the same in all rows, so that these bytes are in order.
            end = bisect_right(column, byte if odd else byte | 15, start, count)
            if end - start == count:
                raise ValueError("rows of a trie are not in the order of their keys")
            digit = _DIGITS[byte & 15 if odd else byte >> 4]
            children[digit] = build(path + digit, rows[start * width : end * width])
            start = end
        encoded = nodes[slot] = encode_inner(table, path, children)
        return inner_entry(encoded, sum(map(packed_sums, children.values())))

    if len(packed) % width:
        raise ValueError(f"rows of {len(packed)} bytes, not {width} each")
    return build(slot, packed), nodes


def _common_path(left: bytes, right: bytes) -> str:
    """The hex digits that both of two keys of the same length begin with."""
    differing = int.from_bytes(left, "big") ^ int.from_bytes(right, "big")
    return left.hex()[: 2 * len(left) - (differing.bit_length() + 3) // 4]
