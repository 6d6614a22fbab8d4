"""A damaged database is made equal, row for row, to that of a node which is sound, out of what that node sends."""

from __future__ import annotations

import re
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.block import Header
from cloudnode.ledger.chunks import read_chunk, read_node, read_state, slot_name
from cloudnode.ledger.reading import Spots
from cloudnode.store.audit import state
from cloudnode.store.audit.phase import Audit
from cloudnode.store.audit.phases import OFFLINE_PHASES, PROCESS_PHASES, audit_steps, phase_steps
from cloudnode.store.connection import connect
from cloudnode.store.parts import PartLimits, StateParts
from cloudnode.store.repair import mending as mending_module
from cloudnode.store.repair import rowsup
from cloudnode.store.repair.failure import MendingFailed
from cloudnode.store.repair.log import read_block, replace_block
from cloudnode.store.repair.mending import Mended, StateMending
from cloudnode.store.repair.target import Target
from cloudnode.store.states import StateRoot
from tests.unit.store.network import SmallNetwork, random_operation

TABLES = (
    "meta", "blocks", "operations", "states", "records", "ratings", "window", "accounts", "system", "trie", "scores",
    "totals", "epochs", "records_old", "ratings_old", "trie_old", "scores_old", "totals_old", "system_old",
)  # fmt: skip
HISTORY = ("records_old", "ratings_old", "trie_old", "scores_old", "totals_old", "system_old", "states")
LIMITS = PartLimits(4_096, 1 << 20, 3 << 20)


def contents(path: str, without: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    with closing(connect(path)) as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in TABLES
            if table not in without
        }


def findings(path: str, network: SmallNetwork) -> list[str]:
    """What a full audit says."""
    with closing(connect(path)) as connection:
        audit = Audit(connection, network.genesis)
        for name in OFFLINE_PHASES:
            for _ in phase_steps(audit, name):
                pass
        return audit.findings


class Source:
    """What another node sends, out of its database, read as the receiver reads it."""

    def __init__(self, path: str, height: int, root: bytes) -> None:
        self.height = height
        self.parts = StateParts(path)
        self.sent_rows = 0
        found = self.parts.nodes(height, [])
        assert found is not None
        self.state = StateRoot(height, read_state(root, found[0]))

    def answer(self, mending: StateMending) -> None:
        """Give a repair all that it asks for."""
        while differences := mending.take_differences():
            for each in differences:
                name = slot_name(each.table, each.slot)
                if each.by_rows:
                    found = self.parts.rows(self.height, [name], LIMITS)
                    assert found is not None and found[0] is not None
                    chunk = read_chunk(each.table, each.slot, each.entry, found[0])
                    self.sent_rows += len(chunk.rows)
                    mending.take_rows(chunk)
                else:
                    nodes = self.parts.nodes(self.height, [name])
                    assert nodes is not None
                    mending.take_node(each, read_node(each.table, each.slot, each.entry, nodes[1][0]))


def find_spots(path: str, network: SmallNetwork, *, at_once: bool = False) -> Spots | None:
    """What the audit of a running node says is wrong, if it says where.

    :param at_once: After the first step that finds something, as a running node has it.
    """
    with closing(connect(path)) as connection:
        audit = Audit(connection, network.genesis)
        for _ in audit_steps(audit, PROCESS_PHASES):
            if at_once and audit.findings:
                break
        assert audit.findings
        places, indexes = tuple(sorted(audit.places)), tuple(sorted(audit.indexes))
        return Spots(tuple(sorted(audit.heights)), places, indexes) if audit.is_local else None


def mend(
    path: str, true_path: str, network: SmallNetwork, spots: Spots | None = None, target: Target | None = None
) -> Mended:
    """Repair one database from another.

    :param spots: Where to look; everywhere if None. :param target: By the root that the newest header carries if None.
    """
    if target is None:
        with closing(connect(true_path)) as connection:
            (raw,) = connection.execute("SELECT header FROM blocks ORDER BY height DESC LIMIT 1").fetchone()
        header = Header.decode(raw)
        target = Target(header.root_height, header.root)
    source = Source(true_path, target.height, target.root)
    with closing(connect(path)) as connection:
        mending = StateMending(connection, network.genesis, target.height)
        try:
            mending.begin(remake_indexes=False if spots is None else spots.indexes)
            if spots is None:
                for _ in mending.compare(source.state):
                    pass
            else:
                mending.compare_at(source.state, spots.places)
            source.answer(mending)
            return mending.finish()
        finally:
            mending.abandon()
            source.parts.close()


class RepairTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp(), accounts=12)
        random = Random(5)
        for _ in range(30):
            operations = [random_operation(self.network, random) for _ in range(40)]
            self.network.block(*{operation.id: operation for operation in operations}.values())
        self.network.store.close()
        self.true = self.network.path
        self.path = self.mktemp()
        Path(self.path).write_bytes(Path(self.true).read_bytes())

    def alter(self, statement: str, *parameters: object) -> None:
        with closing(connect(self.path)) as connection:
            self.assertGreater(connection.execute(statement, parameters).rowcount, 0)

    def check_same(self, without: tuple[str, ...] = ()) -> None:
        true = contents(self.true, without)
        for table, rows in contents(self.path, without).items():
            if rows != true[table]:
                self.fail(f"{table}: {set(rows) ^ set(true[table])}")
        self.assertEqual(findings(self.path, self.network), [])

    def check_mended(self, statement: str, *parameters: object) -> Mended:
        self.alter(statement, *parameters)
        self.assertNotEqual(contents(self.path), contents(self.true), statement)
        mended = mend(self.path, self.true, self.network)
        self.assertIsNone(mended.lost_history, statement)
        self.check_same()
        return mended

    def test_sound(self) -> None:
        """A repair of a sound database leaves it as it is."""
        mended = mend(self.path, self.true, self.network)
        self.assertEqual((sum(mended.rows.values()), mended.others), (0, {}))
        self.check_same()

    def test_words(self) -> None:
        """An index of words in which a word is another one, or that does not lead to its words, is found as that and
        nothing else, and made anew.
        """
        with closing(connect(self.path)) as connection:
            leaf, block = connection.execute("SELECT id, block FROM words_data WHERE id > 10 LIMIT 1").fetchone()
        word = next(each for each in re.findall(rb"[a-z]{4,}", block))
        altered = block.replace(word, word[:-1] + b"~")
        for statement in (
            f"UPDATE words_data SET block = x'{altered.hex()}' WHERE id = {leaf}",
            "DELETE FROM words_idx",
            "UPDATE words_idx SET term = x'7A'",
        ):
            with self.subTest(statement):
                Path(self.path).write_bytes(Path(self.true).read_bytes())
                self.alter(statement)
                spots = find_spots(self.path, self.network)
                self.assertEqual(spots, Spots((), (), ("words",)))
                mended = mend(self.path, self.true, self.network, spots)
                self.assertEqual(mended.rows, {"indexes": 1})
                self.check_same()

    def test_words_of_an_altered_record(self) -> None:
        """A record that another program altered does not have the words that are in the index. One repair mends both,
        whether the audit has found the one or both.
        """
        for indexes in ((), ("words",)):
            Path(self.path).write_bytes(Path(self.true).read_bytes())
            self.alter("UPDATE records SET data = '{}' WHERE position = (SELECT min(position) FROM records WHERE live)")
            spots = find_spots(self.path, self.network)
            assert spots is not None
            mend(self.path, self.true, self.network, Spots((), spots.places, indexes))
            self.check_same()

    def test_words_alone_were_found(self) -> None:
        """The index is not made anew from a record that is altered: then all is compared, and both are right."""
        self.alter("UPDATE records SET data = '{}' WHERE position = (SELECT min(position) FROM records WHERE live)")
        self.assertRaises(MendingFailed, mend, self.path, self.true, self.network, Spots((), (), ("words",)))
        mend(self.path, self.true, self.network)
        self.check_same()

    def test_each_table(self) -> None:
        """A row that is altered, missing or new in any table of the state, or of those that follow from it."""
        key, value = "(SELECT key FROM ratings LIMIT 1 OFFSET 50)", "x'0300000000000000010000000a'"
        for statement in (
            f"UPDATE ratings SET value = {value} WHERE key = {key}",
            f"DELETE FROM ratings WHERE key = {key}",
            f"INSERT INTO ratings VALUES (zeroblob(64), {value})",
            "INSERT INTO ratings VALUES (x'00', 'text')",
            "UPDATE records SET data = '{\"title\":\"other\"}' WHERE position = (SELECT max(position) FROM records)",
            "UPDATE records SET data = '{\"title\":\"other\"}' WHERE position = (SELECT min(position) FROM records)",
            "UPDATE records SET value = zeroblob(33) WHERE position = (SELECT min(position) FROM records)",
            "UPDATE records SET position = 1 WHERE position = (SELECT min(position) FROM records)",
            "UPDATE records SET live = 1 - live, time = 'x' WHERE position = (SELECT min(position) FROM records)",
            "DELETE FROM records WHERE position = (SELECT min(position) FROM records)",
            "UPDATE window SET value = zeroblob(14) WHERE key = (SELECT key FROM window LIMIT 1 OFFSET 700)",
            "DELETE FROM window WHERE key = (SELECT max(key) FROM window)",
            "UPDATE accounts SET value = zeroblob(76) WHERE key = (SELECT min(key) FROM accounts)",
            "DELETE FROM accounts",
            "UPDATE system SET content = 'x' WHERE name = 'validators'",
            "UPDATE system SET name = 'x' WHERE name = 'validators'",
            "UPDATE system SET since = 9 WHERE name = 'validators'",
            'UPDATE trie SET "check" = 0 WHERE slot = (SELECT min(slot) FROM trie)',
            "UPDATE trie SET since = since - 1 WHERE slot = (SELECT max(slot) FROM trie)",
            "UPDATE trie SET node = zeroblob(70) WHERE slot = (SELECT max(slot) FROM trie)",
            "DELETE FROM trie WHERE slot = (SELECT max(slot) FROM trie JOIN trie_old USING (slot))",
            "INSERT INTO trie VALUES ('1a5b', 3, x'00', 0)",
            "UPDATE scores SET sum = sum + 1 WHERE created = (SELECT min(created) FROM scores)",
            "UPDATE scores SET since = 2 WHERE created = (SELECT max(created) FROM scores)",
            "DELETE FROM scores WHERE created = (SELECT min(created) FROM scores_old)",
            "UPDATE totals SET stars = 'x' WHERE key = (SELECT min(key) FROM totals)",
            "DELETE FROM totals WHERE key = (SELECT min(key) FROM totals_old)",
            "UPDATE meta SET value = 'x' WHERE name = 'network'",
            "UPDATE states SET root = zeroblob(32) WHERE height = (SELECT max(height) FROM states)",
        ):
            self.check_mended(statement)

    def test_spots(self) -> None:
        """What an audit says is wrong can be repaired there alone, with what follows from it, wherever that is."""
        key = "(SELECT key FROM ratings LIMIT 1 OFFSET 50)"
        first = "(SELECT min(position) FROM records)"
        for statement, most in (
            (f"UPDATE ratings SET value = x'0300000000000000010000000a' WHERE key = {key}", 32),
            (f"DELETE FROM ratings WHERE key = {key}", 33),
            (f"UPDATE records SET data = '{{\"title\":\"other\"}}' WHERE position = {first}", 512),
            (f"UPDATE records SET account = zeroblob(32) WHERE position = {first}", 512),
            ("UPDATE window SET value = zeroblob(14) WHERE key = (SELECT key FROM window LIMIT 1 OFFSET 700)", 512),
            ("DELETE FROM window WHERE key = (SELECT key FROM window LIMIT 1 OFFSET 700)", 512),
            ("UPDATE accounts SET value = zeroblob(76) WHERE key = (SELECT min(key) FROM accounts)", 512),
            ("DELETE FROM accounts WHERE key = (SELECT min(key) FROM accounts)", 512),
            ("DELETE FROM trie WHERE slot = (SELECT max(slot) FROM trie JOIN trie_old USING (slot))", 0),
            ("INSERT INTO trie VALUES ('1a5b', 3, x'00', 0)", 0),
            ("UPDATE scores SET sum = sum + 1 WHERE created = (SELECT min(created) FROM scores)", 0),
            ("DELETE FROM scores WHERE created = (SELECT min(created) FROM scores_old)", 0),
        ):
            self.alter(statement)
            spots = find_spots(self.path, self.network)
            self.assertIsNotNone(spots, statement)
            mended = mend(self.path, self.true, self.network, spots)
            self.assertLessEqual(sum(mended.rows.values()), most, statement)
            self.check_same()

    def test_index(self) -> None:
        """An index that lacks an entry is made anew, and nothing else."""
        with closing(connect(self.path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'ratings_rater'").fetchone()
            change = "UPDATE sqlite_master SET sql = ? WHERE name = 'ratings_rater'"
            connection.execute(change, (sql + " WHERE value >= x'03'",))
        with closing(connect(self.path)) as connection:
            connection.execute("REINDEX ratings_rater")
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(change, (sql,))
        spots = find_spots(self.path, self.network)
        self.assertEqual(spots, Spots(indexes=("ratings_rater",)))
        mended = mend(self.path, self.true, self.network, spots)
        self.assertEqual((mended.rows, mended.others), ({"indexes": 1}, {}))
        self.check_same()

    def test_more_than_the_spots(self) -> None:
        """What is damaged elsewhere stays so: that is for the audit that follows, and a repair of all."""
        self.alter("UPDATE records SET data = '{}' WHERE position = (SELECT min(position) FROM records)")
        spots = find_spots(self.path, self.network)
        self.alter("DELETE FROM ratings WHERE key = (SELECT key FROM ratings LIMIT 1 OFFSET 50)")
        mend(self.path, self.true, self.network, spots)
        self.assertNotEqual(findings(self.path, self.network), [])
        mend(self.path, self.true, self.network)
        self.check_same()

    def check_spots_fail(self, spots: Spots | None) -> None:
        """A repair of these places is given up with nothing changed, and one of all succeeds."""
        self.assertIsNotNone(spots)
        before = contents(self.path)
        self.assertRaises(MendingFailed, mend, self.path, self.true, self.network, spots)
        self.assertEqual(contents(self.path), before)
        mend(self.path, self.true, self.network)
        self.check_same()

    def test_row_elsewhere(self) -> None:
        """A row whose key was altered is too many in one place and missing in another one, which was not looked at."""
        self.patch(state, "_ROWS_A_STEP", 64)
        self.patch(rowsup, "_PORTION", 64)
        self.patch(mending_module, "CHUNK_ROWS", 32)
        for table, key in (("records", "hash"), ("ratings", "key")):
            with closing(connect(self.path)) as connection:
                (last,) = connection.execute(f"SELECT max({key}) FROM {table}").fetchone()
            self.alter(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", bytes([last[0] & 0x7F]) + last[1:], last)
            self.check_spots_fail(find_spots(self.path, self.network, at_once=True))

    def test_stray_row(self) -> None:
        """A row that has no place may be one that is missing elsewhere."""
        self.alter("INSERT INTO ratings VALUES (zeroblob(64), x'0300000000000000010000000a')")
        self.check_spots_fail(find_spots(self.path, self.network))

    def test_newer_than_the_height(self) -> None:
        """What the blocks above wrote is mended by taking them back; that nothing else was to be done is no proof."""
        for statement in (
            "UPDATE trie SET node = zeroblob(70) WHERE slot = (SELECT min(slot) FROM trie)",
            "UPDATE trie SET node = zeroblob(70) WHERE slot = (SELECT max(slot) FROM trie)",
            "DELETE FROM window WHERE key = (SELECT max(key) FROM window)",
            "UPDATE totals SET stars = 'x' WHERE key = (SELECT min(key) FROM totals)",
        ):
            self.alter(statement)
            self.check_spots_fail(find_spots(self.path, self.network))

    def test_nothing_at_the_spots(self) -> None:
        """A place at which nothing is wrong says that something else is."""
        self.check_spots_fail(Spots(places=((1, "7"),)))

    def test_other_root_above(self) -> None:
        """Blocks above the height that make another state of what is there show that more is damaged."""
        self.patch(rowsup, "_PORTION", 64)
        with closing(connect(self.path)) as connection:
            rows = connection.execute("SELECT key, value FROM ratings ORDER BY key").fetchall()
        newest = {key[0] for key, value in rows if int.from_bytes(value[1:9], "big") == 30}
        near = next(key for key, value in rows if int.from_bytes(value[1:9], "big") < 30 and key[0] in newest)
        self.alter("UPDATE records SET data = '{}' WHERE position = (SELECT min(position) FROM records)")
        spots = find_spots(self.path, self.network)
        self.alter("DELETE FROM ratings WHERE key = ?", near)
        self.check_spots_fail(spots)

    def test_state_above_is_missing(self) -> None:
        """Where nothing tells what a state above was, all is compared."""
        self.alter("UPDATE records SET data = '{}' WHERE position = (SELECT min(position) FROM records)")
        spots = find_spots(self.path, self.network)
        self.alter("DELETE FROM states WHERE height = (SELECT max(height) FROM states)")
        self.check_spots_fail(spots)

    def test_audit_goes_by_signed_roots(self) -> None:
        """A state that agrees with itself is found by the root in the header for its height."""
        with closing(connect(self.path)) as connection:
            height, preimage = connection.execute("SELECT height, preimage FROM states WHERE height = 29").fetchone()
            other = StateRoot.from_preimage(height, preimage)
            other = other.with_entry(3, other.entries[1])
            connection.execute("DELETE FROM states WHERE height = 29")
            other.store(connection)
        self.assertEqual(
            findings(self.path, self.network), ["block 30: the root of height 29 is not the one kept"]
        )

    def test_misshapen_row_below_a_damaged_node(self) -> None:
        """A row that no page can hold is missed where only the place of the node above all is looked at."""
        self.alter("UPDATE trie SET node = zeroblob(9) WHERE slot = '1'")
        self.alter("UPDATE ratings SET value = x'03' WHERE key = (SELECT key FROM ratings LIMIT 1 OFFSET 50)")
        mended = mend(self.path, self.true, self.network, find_spots(self.path, self.network))
        self.assertEqual(mended.rows, {"ratings": 1})
        self.check_same()

    def test_large_records(self) -> None:
        """However many records lie under a place, they are not all in memory at once."""
        size = 60_000
        with closing(connect(self.path)) as connection:
            connection.execute(f"UPDATE records SET data = printf('%.*c', {size}, 'x')")
            (records,) = connection.execute("SELECT count(*) FROM records").fetchone()
            connection.execute("BEGIN")
            repair = StateMending(connection, self.network.genesis, 29)
            for prefixes in ([""], ["0", "07", "0", ""], [f"{digit:x}" for digit in range(16)]):
                tracemalloc.start()
                try:
                    repair._drop_unsound_at(prefixes)
                    _, most = tracemalloc.get_traced_memory()
                finally:
                    tracemalloc.stop()
                self.assertLess(most, records * size // 10)
                self.assertEqual(connection.execute("SELECT count(*) FROM records").fetchone(), (0,))
                connection.execute("ROLLBACK")
                connection.execute("BEGIN")

    def test_few_rows_travel(self) -> None:
        """Only what lies near the damage is asked for."""
        mended = self.check_mended(
            "UPDATE ratings SET value = x'0400000000000000010000000a' WHERE key = (SELECT max(key) FROM ratings)"
        )
        self.assertEqual(mended.rows, {"ratings": 1})

    def test_history(self) -> None:
        """What only heights below are read from is given up, and all else is kept."""
        for statement in (
            "UPDATE records_old SET data = 'x' WHERE until = (SELECT min(until) FROM records_old)",
            "UPDATE ratings_old SET until = 40 WHERE until = (SELECT min(until) FROM ratings_old)",
            "UPDATE trie_old SET node = x'' WHERE until = (SELECT min(until) FROM trie_old)",
            "UPDATE scores_old SET sum = 7 WHERE until = (SELECT min(until) FROM scores_old)",
            "UPDATE totals_old SET stars = -1 WHERE until = (SELECT min(until) FROM totals_old)",
            "UPDATE states SET preimage = zeroblob(298) WHERE height = 7",
            "DELETE FROM states WHERE height = 7",
        ):
            self.alter(statement)
            mended = mend(self.path, self.true, self.network)
            self.assertIn("states" if " states " in statement else "_old", str(mended.lost_history))
            self.assertEqual(contents(self.path)["states"], contents(self.true)["states"][29:])
            self.check_same(HISTORY)
            Path(self.path).write_bytes(Path(self.true).read_bytes())

    def test_diverged(self) -> None:
        """A state that agrees with itself but not with what was signed is made the signed one."""
        self.network.path = self.path
        self.network.reopen()
        store = self.network.store
        with closing(connect(self.path)) as connection:
            for key, value in connection.execute("SELECT key, value FROM ratings LIMIT 3 OFFSET 9").fetchall():
                altered = bytes([value[0] % 5 + 1]) + value[1:]
                connection.execute("UPDATE ratings SET value = ? WHERE key = ?", (altered, key))
            connection.execute("DELETE FROM ratings WHERE key = (SELECT max(key) FROM ratings)")
            connection.execute("BEGIN")
            keys = [key for (key,) in connection.execute("SELECT key FROM ratings").fetchall()]
            from cloudnode.ledger.trie import Trie
            from cloudnode.store.state import KeptState, StateTrie

            state = store.state
            trie = StateTrie(connection, 1, 30, KeptState())
            connection.execute("DELETE FROM trie WHERE slot >= '1' AND slot < '2'")
            state = state.with_entry(1, Trie(1, trie).update(bytes(56), keys))
            trie.flush()
            connection.execute("DELETE FROM states WHERE height = 30")
            state.store(connection)
            connection.execute("COMMIT")
        store.close()
        mend(self.path, self.true, self.network)
        self.check_same((*HISTORY, "trie"))

    def test_log(self) -> None:
        """Blocks and operations that are damaged or missing are replaced, and nothing else is touched."""
        for statement in (
            "UPDATE blocks SET header = zeroblob(9) WHERE height = 7",
            "UPDATE blocks SET ids = zeroblob(32) WHERE height = 7",
            "UPDATE blocks SET hash = zeroblob(32) WHERE height = 7",
            "UPDATE blocks SET finality = zeroblob(32) WHERE height = 7",
            "UPDATE blocks SET root_height = 1 WHERE height = 7",
            "DELETE FROM blocks WHERE height = 7",
            "UPDATE operations SET body = 'x' WHERE position = 7 << 20 | 3",
            "UPDATE operations SET id = 'x' WHERE position = 7 << 20 | 3",
            "UPDATE operations SET signature = 'x' WHERE position = 7 << 20 | 3",
            "UPDATE operations SET result = 1 - result WHERE position = 7 << 20 | 3",
            'UPDATE operations SET "check" = 1 WHERE position = 7 << 20 | 3',
            "UPDATE operations SET position = 7 << 20 | 300 WHERE position = 7 << 20 | 3",
            "DELETE FROM operations WHERE position >> 20 = 7",
        ):
            self.alter(statement)
            with closing(connect(self.path)) as connection, closing(connect(self.true)) as true:
                error = self.assertRaises(MendingFailed, read_block, connection, 7)
                self.assertEqual(error.heights, (7,))
                connection.execute("BEGIN IMMEDIATE")
                self.assertGreater(replace_block(connection, *read_block(true, 7)), 0)
                connection.execute("COMMIT")
            self.check_same()

    def test_damaged_blocks_above(self) -> None:
        """A state can't be mended before the blocks above its height are sound; nothing is changed meanwhile."""
        self.alter("UPDATE operations SET body = 'x' WHERE position = 30 << 20")
        before = contents(self.path)
        error = self.assertRaises(MendingFailed, mend, self.path, self.true, self.network)
        self.assertEqual(error.heights, (30,))
        self.assertEqual(contents(self.path), before)

    def test_interrupted(self) -> None:
        """A repair that is given up in the middle leaves everything as it was."""
        self.alter("DELETE FROM ratings WHERE key = (SELECT max(key) FROM ratings)")
        before = contents(self.path)
        with closing(connect(self.path)) as connection:
            mending = StateMending(connection, self.network.genesis, 29)
            mending.begin()
            mending.abandon()
        self.assertEqual(contents(self.path), before)
        with closing(sqlite3.connect(self.path)) as connection:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchone(), ("ok",))
