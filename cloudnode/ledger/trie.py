"""The sum trie: one hash that binds all rows, and with them the sums over any prefix of their keys.

Theory of operation. Each table of the state is a set of rows, a fixed-width key with a fixed-width value. The set
is cut by the nibbles of the keys: a prefix under which at most :data:`PAGE_ROWS` rows lie is a *leaf page*, hashed
over the rows themselves; a prefix with more rows has an *inner node* at the longest common prefix of those rows,
with one *entry* (hash, ratings sum, count, rows) for each child. The shape thus depends on the set alone, however
it came about, and long common prefixes (the ratings of a popular record share 64 nibbles) cost one node.

Leaf pages are not stored: they are the rows of the SQL tables, read by range. Only inner nodes are, each under its
*slot*, the prefix by which its parent refers to it (the parent's path and one nibble more; empty at the top).
A slot is written as hex digits, so that a prefix is a prefix of the text.

The byte layouts and tags are those of :mod:`cloudnode.formats.nodes` and ``docs/protocol.md``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from os.path import commonprefix
from struct import Struct
from typing import Protocol

from cloudnode.formats.nodes import EMPTY_ENTRY, ENTRY_SIZE, PAGE_ROWS, TABLES, encode_inner, encode_leaf

_sums = Struct(">QQQ")
_head = Struct(">cBH")
_bitmap = Struct(">H")

_SUMS_SIZE = ENTRY_SIZE - 32
_ROWS_MASK = 2**64 - 1
_NEXT_DIGIT = dict(zip("0123456789abcde", "123456789abcdef", strict=True))

_STEP = 64
"""With at most so many changed keys a part of the trie is brought in line without a pause: some milliseconds."""

Rows = Sequence[tuple[bytes, bytes]]


class TrieStore(Protocol):
    """Where one table's rows and inner nodes are, as they are to be after the present change."""

    def rows(self, low: bytes, high: bytes | None) -> list[tuple[bytes, bytes]]:
        """The rows with ``low <= key < high`` (no upper bound if None) in key order."""

    def node(self, slot: str) -> bytes | None:
        """The inner node at a slot."""

    def set_node(self, slot: str, node: bytes | None) -> None:
        """Store an inner node at a slot, or remove what is there."""


def entry_rows(entry: bytes) -> int:
    """How many rows an entry stands for."""
    return int.from_bytes(entry[48:56], "big")


def entry_sums(entry: bytes) -> tuple[int, int, int]:
    """An entry's (sum, count, rows)."""
    total, count, rows = _sums.unpack_from(entry, 32)
    return total, count, rows


def key_range(prefix: str) -> tuple[bytes, bytes | None]:
    """The keys that begin with a prefix of hex digits, as ``low <= key < high``."""
    low = bytes.fromhex(prefix if len(prefix) % 2 == 0 else prefix + "0")
    bound = prefix.rstrip("f")
    if not bound:
        return low, None
    bound = bound[:-1] + _NEXT_DIGIT[bound[-1]]
    return low, bytes.fromhex(bound if len(bound) % 2 == 0 else bound + "0")


def page_entry(table: int, rows: Rows) -> bytes:
    """The entry of a leaf page, all zeros for no rows."""
    if not rows:
        return EMPTY_ENTRY
    page = encode_leaf(table, rows)
    shape = TABLES[table]
    width = shape.key_size + shape.value_size
    # Striding over the page sums one byte of each row without touching the rows one by one.
    total = sum(page[4 + shape.sum_offset :: width]) if shape.sum_offset is not None else 0
    if shape.count_offset is not None:
        count = sum(page[4 + shape.count_offset :: width])
    else:
        count = len(rows) if shape.counts_rows else 0
    return sha256(page).digest() + _sums.pack(total, count, len(rows))


@lru_cache(4096)
def _digits(bitmap: int) -> str:
    """The children's nibbles, in order."""
    return "".join(digit for nibble, digit in enumerate("0123456789abcdef") if bitmap >> nibble & 1)


def _packed_sums(entries: Iterable[bytes]) -> int:
    """The (sum, count, rows) over entries as one number of 192 bits: none of the three ever overflows."""
    from_bytes = int.from_bytes
    return sum([from_bytes(entry[32:], "big") for entry in entries])


class InnerNode:
    """An inner node taken apart: its path as hex digits and its children's entries by nibble, as a hex digit."""

    __slots__ = ("children", "path", "table")

    def __init__(self, table: int, path: str, children: dict[str, bytes]) -> None:
        self.table = table
        self.path = path
        self.children = children

    @classmethod
    def decode(cls, node: bytes) -> InnerNode:
        """Take apart what :meth:`encode` made. For our own stored bytes: nothing is checked."""
        _, table, length = _head.unpack_from(node)
        at = 4 + (length + 1) // 2
        path = node[4:at].hex()[:length]
        (bitmap,) = _bitmap.unpack_from(node, at)
        digits = _digits(bitmap)
        begin = at + 2
        starts = range(begin, begin + ENTRY_SIZE * len(digits), ENTRY_SIZE)
        return cls(table, path, dict(zip(digits, [node[at : at + ENTRY_SIZE] for at in starts], strict=True)))

    def encode(self) -> bytes:
        """The node's bytes, the preimage of its hash."""
        return encode_inner(self.table, self.path, self.children)

    def sums(self) -> tuple[int, int, int]:
        """The (sum, count, rows) over all children."""
        total = count = rows = 0
        for entry in self.children.values():
            child_sum, child_count, child_rows = _sums.unpack_from(entry, 32)
            total += child_sum
            count += child_count
            rows += child_rows
        return total, count, rows


def node_entry(node: bytes) -> bytes:
    """The entry of an inner node from its bytes."""
    return sha256(node).digest() + _sums.pack(*InnerNode.decode(node).sums())


class Trie:
    """One table's trie over a store.

    :param table: The table's number (:data:`cloudnode.formats.nodes.TABLES`).
    """

    def __init__(self, table: int, store: TrieStore) -> None:
        self._table = table
        self._store = store

    def update(self, entry: bytes, keys: Iterable[bytes]) -> bytes:
        """Bring the inner nodes in line with rows that changed.

        :param entry: The table's entry before the change.
        :param keys: The keys of all rows that were added, altered or removed; others do no harm.
        :return: The table's entry after it.
        """
        steps = self.update_in_steps(entry, keys)
        try:
            while True:
                next(steps)
        except StopIteration as done:
            return bytes(done.value)

    def update_in_steps(self, entry: bytes, keys: Iterable[bytes]) -> Generator[None, None, bytes]:
        """:meth:`update` as a generator that may be left alone between its steps; it returns the entry."""
        changed = sorted({key.hex() for key in keys})
        if not changed:
            return entry
        return (yield from self._change_in_steps("", entry, changed))

    def build(self, slot: str, rows: Rows) -> bytes:
        """Store the inner nodes over rows below a slot that has none, and return their entry."""
        if len(rows) <= PAGE_ROWS:
            return page_entry(self._table, rows)
        path = commonprefix((rows[0][0].hex(), rows[-1][0].hex()))
        children = {}
        start = 0
        at, odd = divmod(len(path), 2)
        nibbles = [key[at] & 15 if odd else key[at] >> 4 for key, _ in rows]
        for end in range(1, len(rows) + 1):
            if end == len(rows) or nibbles[end] != nibbles[start]:
                digit = format(nibbles[start], "x")
                children[digit] = self.build(path + digit, rows[start:end])
                start = end
        return self._put(slot, InnerNode(self._table, path, children), _packed_sums(children.values()))

    def _put(self, slot: str, node: InnerNode, sums: int) -> bytes:
        encoded = node.encode()
        self._store.set_node(slot, encoded)
        return sha256(encoded).digest() + sums.to_bytes(_SUMS_SIZE, "big")

    def _rows(self, prefix: str) -> list[tuple[bytes, bytes]]:
        return self._store.rows(*key_range(prefix))

    def _change_in_steps(self, slot: str, entry: bytes, keys: list[str]) -> Generator[None, None, bytes]:
        """:meth:`_change` as a generator that returns the entry."""
        if len(keys) <= _STEP:
            changed = self._change(slot, entry, keys)
            yield
            return changed
        node = self._open(slot, entry, keys)
        if node is None:
            return self.build(slot, self._rows(slot))
        for digit, child, group in _children(node, keys):
            _set_child(node, digit, (yield from self._change_in_steps(node.path + digit, child, group)))
        return self._close(slot, node)

    def _change(self, slot: str, entry: bytes, keys: list[str]) -> bytes:
        """Bring what lies under a slot in line, and return its new entry.

        :param keys: In order.
        """
        node = self._open(slot, entry, keys)
        if node is None:
            return self.build(slot, self._rows(slot))
        for digit, child, group in _children(node, keys):
            _set_child(node, digit, self._change(node.path + digit, child, group))
        return self._close(slot, node)

    def _open(self, slot: str, entry: bytes, keys: list[str]) -> InnerNode | None:
        """The inner node at a slot, with room for the changed keys; None if there is a leaf page."""
        stored = self._store.node(slot) if entry_rows(entry) > PAGE_ROWS else None
        if stored is None:
            return None
        node = InnerNode.decode(stored)
        return node if _are_inside(node, keys) else self._make_room(slot, stored, node, entry, keys)

    def _close(self, slot: str, node: InnerNode) -> bytes:
        """Store a node whose children are in line, or what takes its place, and return the entry."""
        sums = _packed_sums(node.children.values())
        if sums & _ROWS_MASK <= PAGE_ROWS:
            self._store.set_node(slot, None)
            return page_entry(self._table, self._rows(slot))
        if len(node.children) == 1:
            # The only child left takes this node's place; having more rows than a page, it is an inner node.
            ((digit, child),) = node.children.items()
            self._store.set_node(slot, self._store.node(node.path + digit))
            self._store.set_node(node.path + digit, None)
            return child
        return self._put(slot, node, sums)

    def _make_room(self, slot: str, stored: bytes, node: InnerNode, entry: bytes, keys: list[str]) -> InnerNode:
        """Make a node for rows that do not share the path of the node at this slot, above that node."""
        outside = [key for key in keys if not key.startswith(node.path) and self._rows(key)]
        if not outside:
            return node
        path = commonprefix((outside[0], outside[-1], node.path))
        digit = node.path[len(path)]
        self._store.set_node(path + digit, stored)
        return InnerNode(self._table, path, {digit: entry})


def _are_inside(node: InnerNode, keys: list[str]) -> bool:
    """Whether all keys share the node's path: being in order, they do if the first and the last do."""
    return keys[0].startswith(node.path) and keys[-1].startswith(node.path)


def _children(node: InnerNode, keys: list[str]) -> Iterator[tuple[str, bytes, list[str]]]:
    """The children that have changed keys below them: nibble, entry and keys of each."""
    inside = keys if _are_inside(node, keys) else [key for key in keys if key.startswith(node.path)]
    for digit, group in groupby(inside, itemgetter(len(node.path))):
        yield digit, node.children.get(digit, EMPTY_ENTRY), list(group)


def _set_child(node: InnerNode, digit: str, entry: bytes) -> None:
    if entry == EMPTY_ENTRY:
        node.children.pop(digit, None)
    else:
        node.children[digit] = entry
