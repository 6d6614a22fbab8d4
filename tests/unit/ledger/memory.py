"""A trie store in memory, and the trie's definition written as plainly as it can be."""

from __future__ import annotations

from bisect import bisect_left, insort
from hashlib import sha256
from os.path import commonprefix


class MemoryTrieStore:
    """Rows and nodes of one table in Python's own collections."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.values: dict[bytes, bytes] = {}
        self.nodes: dict[str, bytes] = {}

    def put(self, key: bytes, value: bytes | None) -> None:
        """Add or replace a row, or remove it if ``value`` is None."""
        if value is None:
            if key in self.values:
                del self.values[key]
                self.keys.remove(key)
            return
        if key not in self.values:
            insort(self.keys, key)
        self.values[key] = value

    def rows(self, low: bytes, high: bytes | None) -> list[tuple[bytes, bytes]]:
        start = bisect_left(self.keys, low)
        end = len(self.keys) if high is None else bisect_left(self.keys, high)
        return [(key, self.values[key]) for key in self.keys[start:end]]

    def node(self, slot: str) -> bytes | None:
        return self.nodes.get(slot)

    def set_node(self, slot: str, node: bytes | None) -> None:
        if node is None:
            del self.nodes[slot]
        else:
            self.nodes[slot] = node


def defined_entry(table: int, rows: list[tuple[bytes, bytes]]) -> tuple[bytes, dict[str, bytes]]:
    """The entry of a set of rows in key order and all inner nodes by slot, straight from the definition."""
    nodes: dict[str, bytes] = {}
    return _define(table, "", rows, nodes), nodes


def _define(table: int, slot: str, rows: list[tuple[bytes, bytes]], nodes: dict[str, bytes]) -> bytes:
    if not rows:
        return bytes(56)
    if len(rows) <= 32:
        page = b"L" + bytes([table]) + len(rows).to_bytes(2, "big")
        total = count = 0
        for key, value in rows:
            page += key + value
            if table == 1:
                total += value[0]
                count += 1
            if table == 0:
                count += value[32]
        return _entry(page, total, count, len(rows))
    path = commonprefix([key.hex() for key, _ in rows])
    bitmap, entries, sums = 0, b"", [0, 0, 0]
    for nibble in range(16):
        prefix = path + f"{nibble:x}"
        below = [(key, value) for key, value in rows if key.hex().startswith(prefix)]
        if below:
            entry = _define(table, prefix, below, nodes)
            bitmap |= 1 << nibble
            entries += entry
            for at in range(3):
                sums[at] += int.from_bytes(entry[32 + 8 * at : 40 + 8 * at], "big")
    packed = bytes.fromhex(path + "0" * (len(path) % 2))
    node = b"I" + bytes([table]) + len(path).to_bytes(2, "big") + packed + bitmap.to_bytes(2, "big") + entries
    nodes[slot] = node
    return _entry(node, *sums)


def _entry(node: bytes, total: int, count: int, rows: int) -> bytes:
    return sha256(node).digest() + b"".join(number.to_bytes(8, "big") for number in (total, count, rows))
