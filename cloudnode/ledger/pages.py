"""Leaf pages in memory, so that one that changes need not be read from its table again.

Theory of operation. A page is found by the entry that its parent had of it, and that entry begins with the page's hash:
what is found can't be another page's, nor one of another time, whatever became of blocks in between. A page that
changed is found by its new entry only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from cloudnode.formats.nodes import EMPTY_ENTRY, TABLES

PAGES_KEPT = 16_384
"""So many pages are kept, of 1.3 KB on an average."""


class PageCache:
    """The pages that were written last, each as its rows one after the other, by their entries."""

    def __init__(self, most: int = PAGES_KEPT) -> None:
        self._most = most
        self._pages: OrderedDict[bytes, bytes] = OrderedDict()

    def take(self, entry: bytes) -> bytes | None:
        """The rows of the page with an entry, which is about to have another one; None if it is not here."""
        return b"" if entry == EMPTY_ENTRY else self._pages.pop(entry, None)

    def keep(self, entry: bytes, rows: bytes) -> None:
        """Keep a page, and forget the one that has been here for longest if there are too many."""
        self._pages[entry] = rows
        if len(self._pages) > self._most:
            self._pages.popitem(last=False)


class ChangedPages:
    """One table's pages while a block is written."""

    def __init__(self, table: int, cache: PageCache, values: Mapping[bytes, bytes | None]) -> None:
        """:param values: What the rows that change are to be, by key; None for those that are removed."""
        shape = TABLES[table]
        self._key_size = shape.key_size
        self._width = shape.key_size + shape.value_size
        self._cache = cache
        self._values = values
        self.keep = cache.keep

    def changed(self, entry: bytes, keys: Sequence[str]) -> bytes | None:
        """The rows of a page once it is changed, one after the other; None if the page is not here.

        :param entry: The page's before. :param keys: Of the rows that change, as hex digits.
        """
        rows = self._cache.take(entry)
        if rows is None:
            return None
        width, key_size = self._width, self._key_size
        for digits in keys:
            key = bytes.fromhex(digits)
            value = self._values[key]
            low, high = 0, len(rows) // width
            while low < high:
                middle = (low + high) // 2
                at = middle * width
                if rows[at : at + key_size] < key:
                    low = middle + 1
                else:
                    high = middle
            at = low * width
            end = at + width if rows.startswith(key, at) else at
            rows = rows[:at] + (b"" if value is None else key + value) + rows[end:]
        return rows
