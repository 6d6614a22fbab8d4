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
from itertools import chain, groupby
from operator import itemgetter
from os.path import commonprefix
from struct import Struct
from typing import Protocol

from cloudnode.formats.nodes import EMPTY_ENTRY, ENTRY_SIZE, PAGE_ROWS, TABLES, encode_inner
from cloudnode.ledger.packed import inner_entry, make_packed_nodes, packed_page_entry, packed_sums
from cloudnode.ledger.pages import ChangedPages

_sums = Struct(">QQQ")
_head = Struct(">cBH")
_bitmap = Struct(">H")

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
    return packed_page_entry(table, b"".join(chain.from_iterable(rows)), len(rows))


@lru_cache(4096)
def _digits(bitmap: int) -> str:
    """The children's nibbles, in order."""
    return "".join(digit for nibble, digit in enumerate("0123456789abcdef") if bitmap >> nibble & 1)


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


class _ChangingNode:
    """An inner node whose entries are replaced in its bytes, for most changes of a node are of one entry or two.

    :ivar path: As hex digits. :ivar sums: The (sum, count, rows) over its children as one number of 192 bits.
    """

    __slots__ = ("_bitmap", "_entries", "_head", "path", "sums")

    def __init__(self, head: bytes, path: str, bitmap: int, entries: bytes, sums: int) -> None:
        self._head = head
        self._bitmap = bitmap
        self._entries = bytearray(entries)
        self.path = path
        self.sums = sums

    @classmethod
    def open(cls, node: bytes, entry: bytes) -> _ChangingNode:
        """A node of our own, with the entry that its parent has of it."""
        _, _, length = _head.unpack_from(node)
        at = 4 + (length + 1) // 2
        (bitmap,) = _bitmap.unpack_from(node, at)
        return cls(node[:at], node[4:at].hex()[:length], bitmap, node[at + 2 :], packed_sums(entry))

    @classmethod
    def above(cls, table: int, path: str, digit: str, entry: bytes) -> _ChangingNode:
        """A node with one child."""
        head = _head.pack(b"I", table, len(path)) + bytes.fromhex(path if len(path) % 2 == 0 else path + "0")
        return cls(head, path, 1 << int(digit, 16), entry, packed_sums(entry))

    def encode(self) -> bytes:
        """The node's bytes."""
        return b"".join((self._head, _bitmap.pack(self._bitmap), self._entries))

    def child(self, digit: str) -> bytes:
        """The entry of a child, all zeros if there is none."""
        at, end = self._place(1 << int(digit, 16))
        return bytes(self._entries[at:end]) or EMPTY_ENTRY

    def set_child(self, digit: str, entry: bytes) -> None:
        """Replace a child's entry; with all zeros there is no such child."""
        bit = 1 << int(digit, 16)
        at, end = self._place(bit)
        self.sums += packed_sums(entry) - packed_sums(self._entries[at:end])
        if entry == EMPTY_ENTRY:
            del self._entries[at:end]
            self._bitmap &= ~bit
        else:
            self._entries[at:end] = entry
            self._bitmap |= bit

    def only_child(self) -> tuple[str, bytes] | None:
        """Nibble and entry of the child if there is but one."""
        if len(self._entries) != ENTRY_SIZE:
            return None
        return format(self._bitmap.bit_length() - 1, "x"), bytes(self._entries)

    def _place(self, bit: int) -> tuple[int, int]:
        """Where the child's entry begins and ends; both are where it would be if there is none."""
        at = (self._bitmap & (bit - 1)).bit_count() * ENTRY_SIZE
        return at, at + ENTRY_SIZE if self._bitmap & bit else at


def empty_prefixes(slot: str, node: InnerNode) -> Iterator[str]:
    """The prefixes under a slot under which there is no row, if this node is at it: beside its path, and between its
    children."""
    for depth in range(len(slot), len(node.path)):
        for digit in "0123456789abcdef":
            if digit != node.path[depth]:
                yield node.path[:depth] + digit
    for digit in "0123456789abcdef":
        if digit not in node.children:
            yield node.path + digit


class Trie:
    """One table's trie over a store.

    :param table: The table's number (:data:`cloudnode.formats.nodes.TABLES`).
    :param pages: Leaf pages that need not be read from the store, with what is changed; None to read them all.
    """

    def __init__(self, table: int, store: TrieStore, pages: ChangedPages | None = None) -> None:
        self._table = table
        self._store = store
        self._pages = pages
        self._width = TABLES[table].key_size + TABLES[table].value_size

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

    def build(self, slot: str, rows: bytes) -> bytes:
        """Store the inner nodes over rows below a slot that has none, and return their entry.

        :param rows: Keys and values, one after the other, in the order of the keys.
        """
        keep = None if self._pages is None else self._pages.keep
        entry, nodes = make_packed_nodes(self._table, slot, rows, keep)
        for at, node in nodes.items():
            self._store.set_node(at, node)
        return entry

    def _leaf(self, rows: bytes) -> bytes:
        entry = packed_page_entry(self._table, rows, len(rows) // self._width)
        if self._pages is not None and rows:
            self._pages.keep(entry, rows)
        return entry

    def _page(self, slot: str, entry: bytes, keys: list[str]) -> bytes:
        """Bring a leaf page in line, of which there may be more rows than a page has now, and return its entry."""
        rows = None if self._pages is None else self._pages.changed(entry, keys)
        if rows is None:
            rows = b"".join(chain.from_iterable(self._rows(slot)))
        return self._leaf(rows) if len(rows) <= PAGE_ROWS * self._width else self.build(slot, rows)

    def _put(self, slot: str, encoded: bytes, sums: int) -> bytes:
        self._store.set_node(slot, encoded)
        return inner_entry(encoded, sums)

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
            return self._page(slot, entry, keys)
        for digit, child, group in _children(node, keys):
            node.set_child(digit, (yield from self._change_in_steps(node.path + digit, child, group)))
        return self._close(slot, node)

    def _change(self, slot: str, entry: bytes, keys: list[str]) -> bytes:
        """Bring what lies under a slot in line, and return its new entry.

        :param keys: In order.
        """
        node = self._open(slot, entry, keys)
        if node is None:
            return self._page(slot, entry, keys)
        for digit, child, group in _children(node, keys):
            node.set_child(digit, self._change(node.path + digit, child, group))
        return self._close(slot, node)

    def _open(self, slot: str, entry: bytes, keys: list[str]) -> _ChangingNode | None:
        """The inner node at a slot, with room for the changed keys; None if there is a leaf page."""
        stored = self._store.node(slot) if entry_rows(entry) > PAGE_ROWS else None
        if stored is None:
            return None
        node = _ChangingNode.open(stored, entry)
        return node if _are_inside(node, keys) else self._make_room(slot, stored, node, entry, keys)

    def _close(self, slot: str, node: _ChangingNode) -> bytes:
        """Store a node whose children are in line, or what takes its place, and return the entry."""
        if node.sums & _ROWS_MASK <= PAGE_ROWS:
            self._store.set_node(slot, None)
            return self._leaf(b"".join(chain.from_iterable(self._rows(slot))))
        only = node.only_child()
        if only is not None:
            # The only child left takes this node's place; having more rows than a page, it is an inner node.
            digit, child = only
            self._store.set_node(slot, self._store.node(node.path + digit))
            self._store.set_node(node.path + digit, None)
            return child
        return self._put(slot, node.encode(), node.sums)

    def _make_room(
        self, slot: str, stored: bytes, node: _ChangingNode, entry: bytes, keys: list[str]
    ) -> _ChangingNode:
        """Make a node for rows that do not share the path of the node at this slot, above that node."""
        outside = [key for key in keys if not key.startswith(node.path) and self._rows(key)]
        if not outside:
            return node
        path = commonprefix((outside[0], outside[-1], node.path))
        digit = node.path[len(path)]
        self._store.set_node(path + digit, stored)
        return _ChangingNode.above(self._table, path, digit, entry)


def _are_inside(node: _ChangingNode, keys: list[str]) -> bool:
    """Whether all keys share the node's path: being in order, they do if the first and the last do."""
    return keys[0].startswith(node.path) and keys[-1].startswith(node.path)


def _children(node: _ChangingNode, keys: list[str]) -> Iterator[tuple[str, bytes, list[str]]]:
    """The children that have changed keys below them: nibble, entry and keys of each."""
    inside = keys if _are_inside(node, keys) else [key for key in keys if key.startswith(node.path)]
    for digit, group in groupby(inside, itemgetter(len(node.path))):
        yield digit, node.child(digit), list(group)
