"""The sum trie against its definition."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.nodes import EMPTY_ENTRY
from cloudnode.ledger.pages import ChangedPages, PageCache
from cloudnode.ledger.trie import InnerNode, Trie, entry_sums, key_range
from tests.unit.ledger.memory import MemoryTrieStore, defined_entry

RATINGS = 1


def rating_key(record: int, account: int) -> bytes:
    """A key with few distinct first halves, as ratings of popular records have."""
    return record.to_bytes(2, "big") * 16 + account.to_bytes(2, "big") * 16


def rating_value(stars: int) -> bytes:
    return bytes([stars]) + bytes(12)


class TrieTests(SynchronousTestCase):
    """An updated trie is what its definition makes of the rows."""

    def check(self, store: MemoryTrieStore, entry: bytes) -> None:
        expected, nodes = defined_entry(RATINGS, store.rows(b"", None))
        self.assertEqual(entry.hex(), expected.hex())
        self.assertEqual(store.nodes, nodes)

    def test_empty(self) -> None:
        """No rows make an entry of zeros and no node."""
        self.assertEqual(Trie(RATINGS, MemoryTrieStore()).update(EMPTY_ENTRY, []), EMPTY_ENTRY)

    def test_random_changes(self) -> None:
        """Any changes in any order leave exactly the nodes and sums that the definition asks for."""
        for seed in range(30):
            random = Random(seed)
            store, entry = MemoryTrieStore(), EMPTY_ENTRY
            trie = Trie(RATINGS, store)
            records = random.choice([1, 3, 500])
            for _ in range(12):
                changed = []
                removing = random.random() < 0.4
                for _ in range(random.choice([1, 10, 200])):
                    if removing and store.keys:
                        key = random.choice(store.keys)
                        store.put(key, None)
                    else:
                        key = rating_key(random.randrange(records), random.randrange(3000))
                        store.put(key, rating_value(random.randint(1, 5)))
                    changed.append(key)
                entry = trie.update(entry, changed)
                self.check(store, entry)
            entry = self._remove_all(store, trie, entry)
            self.assertEqual(entry, EMPTY_ENTRY)
            self.assertEqual(store.nodes, {})

    def test_pages_in_memory(self) -> None:
        """Pages in memory lead to the same nodes as pages that are read, though few are kept and blocks are lost."""
        for seed in range(20):
            random = Random(seed)
            store, entry, cache = MemoryTrieStore(), EMPTY_ENTRY, PageCache(random.choice([2, 1_000]))
            records = random.choice([1, 3, 500])
            for _ in range(15):
                changes: dict[bytes, bytes | None] = {}
                for _ in range(random.choice([1, 10, 200])):
                    key = rating_key(random.randrange(records), random.randrange(300))
                    changes[key] = random.choice([None, rating_value(random.randint(1, 5))])
                lost = random.random() < 0.2
                before = dict(store.values), dict(store.nodes)
                for key, value in changes.items():
                    store.put(key, value)
                after = Trie(RATINGS, store, ChangedPages(RATINGS, cache, changes)).update(entry, changes)
                self.check(store, after)
                if lost:
                    store.values, store.nodes = before
                    store.keys = sorted(store.values)
                else:
                    entry = after

    def _remove_all(self, store: MemoryTrieStore, trie: Trie, entry: bytes) -> bytes:
        keys = list(store.keys)
        for key in keys:
            store.put(key, None)
        return trie.update(entry, keys)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.lists(st.tuples(st.integers(0, 3), st.integers(0, 80), st.integers(0, 5)), max_size=60),
            max_size=6,
        )
    )
    def test_stateful(self, blocks: list[list[tuple[int, int, int]]]) -> None:
        """The same, with changes that hypothesis looks for; zero stars remove."""
        store, entry = MemoryTrieStore(), EMPTY_ENTRY
        for block in blocks:
            for record, account, stars in block:
                store.put(rating_key(record, account), rating_value(stars) if stars else None)
            entry = Trie(RATINGS, store).update(entry, [rating_key(r, a) for r, a, _ in block])
            self.check(store, entry)

    def test_sums(self) -> None:
        """The entry carries the sum and the number of ratings."""
        store = MemoryTrieStore()
        keys = [rating_key(number % 7, number) for number in range(100)]
        for number, key in enumerate(keys):
            store.put(key, rating_value(number % 5 + 1))
        self.assertEqual(entry_sums(Trie(RATINGS, store).update(EMPTY_ENTRY, keys)), (300, 100, 100))

    def test_common_prefix_is_one_node(self) -> None:
        """A popular record's 64 shared nibbles cost one node, not 64."""
        store = MemoryTrieStore()
        keys = [rating_key(5, account) for account in range(40)]
        for key in keys:
            store.put(key, rating_value(5))
        Trie(RATINGS, store).update(EMPTY_ENTRY, keys)
        node = InnerNode.decode(store.nodes[""])
        self.assertEqual(node.path, rating_key(5, 0)[:33].hex())

    def test_key_range(self) -> None:
        """A prefix of nibbles is a range of keys, with no upper bound where there is none."""
        self.assertEqual(key_range(""), (b"", None))
        self.assertEqual(key_range("ff"), (b"\xff", None))
        self.assertEqual(key_range("a"), (b"\xa0", b"\xb0"))
        self.assertEqual(key_range("af"), (b"\xaf", b"\xb0"))
        self.assertEqual(key_range("1fff"), (b"\x1f\xff", b"\x20"))
