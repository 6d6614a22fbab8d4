"""Where in an SQLite file the bytes of live cells are (https://www.sqlite.org/fileformat.html, section 1.6)."""

from __future__ import annotations

import sqlite3

_HEADER_SIZES = {2: 12, 5: 12, 10: 8, 13: 8}


def live_bytes(path: str) -> list[tuple[str, int]]:
    """For each byte of a cell of a table or index of ours, the name of that b-tree and the file offset.

    Bytes of freeblocks and of the gap between pointers and cells belong to nobody and are left out; so are overflow
    pages, whose bytes are found by reading the rows.
    """
    connection = sqlite3.connect(path)
    roots = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0").fetchall()
    connection.close()
    with open(path, "rb") as file:
        content = file.read()
    size = int.from_bytes(content[16:18], "big")
    found: list[tuple[str, int]] = []
    for name, root in roots:
        todo = [root]
        while todo:
            number = todo.pop()
            start = (number - 1) * size
            page = content[start : start + size]
            cells, children = _cells(page, 100 if number == 1 else 0)
            todo += children
            found += [(name, start + offset) for offset in sorted(cells)]
    return found


def _cells(page: bytes, at: int) -> tuple[set[int], list[int]]:
    kind = page[at]
    count = int.from_bytes(page[at + 3 : at + 5], "big")
    first = int.from_bytes(page[at + 5 : at + 7], "big") or 65536
    pointers = at + _HEADER_SIZES[kind]
    cells = set(range(first, len(page)))
    free = int.from_bytes(page[at + 1 : at + 3], "big")
    while free:
        length = int.from_bytes(page[free + 2 : free + 4], "big")
        cells -= set(range(free, free + length))
        free = int.from_bytes(page[free : free + 2], "big")
    children = []
    if kind in (2, 5):
        children.append(int.from_bytes(page[at + 8 : at + 12], "big"))
        for index in range(count):
            cell = int.from_bytes(page[pointers + 2 * index : pointers + 2 * index + 2], "big")
            children.append(int.from_bytes(page[cell : cell + 4], "big"))
    if _fragments(page, at):
        # One to three bytes that no freeblock can hold: they lie anywhere between cells, and are nobody's either.
        cells -= _outside_of_cells(page, kind, pointers, count, cells)
    return cells, children


def _fragments(page: bytes, at: int) -> int:
    return page[at + 7]


def _outside_of_cells(page: bytes, kind: int, pointers: int, count: int, cells: set[int]) -> set[int]:
    starts = sorted(
        int.from_bytes(page[pointers + 2 * index : pointers + 2 * index + 2], "big") for index in range(count)
    )
    inside: set[int] = set()
    for start in starts:
        inside |= set(range(start, min(len(page), start + _cell_size(page, kind, start))))
    return cells - inside


def _cell_size(page: bytes, kind: int, at: int) -> int:
    start = at
    if kind in (2, 5):
        at += 4
    payload = 0
    if kind != 5:
        payload, at = _varint(page, at)
    if kind in (5, 13):
        _, at = _varint(page, at)
    usable = len(page)
    most = usable - 35 if kind == 13 else (usable - 12) * 64 // 255 - 23
    if payload > most:
        least = (usable - 12) * 32 // 255 - 23
        local = least + (payload - least) % (usable - 4)
        payload = (local if local <= most else least) + 4
    return max(4, at + payload - start)


def _varint(page: bytes, at: int) -> tuple[int, int]:
    value = 0
    for _ in range(8):
        byte = page[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    return value << 8 | page[at], at + 1
