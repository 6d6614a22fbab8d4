"""The audit finds damage, names it, and finds none where there is none."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.ledger.trie import InnerNode
from cloudnode.store.audit import state
from cloudnode.store.audit.phase import Audit, Phase
from cloudnode.store.audit.phases import OFFLINE_PHASES, PHASES, PROCESS_PHASES, audit_steps, phase_steps
from cloudnode.store.audit.run import audit_database
from cloudnode.store.checks import row_check, row_checks
from cloudnode.store.connection import connect
from tests.unit.store.network import SmallNetwork, random_operation
from tests.unit.store.pages import live_bytes


def findings_of(network: SmallNetwork) -> list[str]:
    """All that an offline audit finds, in this process."""
    try:
        connection = connect(network.path)
    except sqlite3.DatabaseError as error:
        return [str(error)]
    audit = Audit(connection, network.genesis)
    for name in OFFLINE_PHASES:
        for _ in phase_steps(audit, name):
            pass
    audit.connection.close()
    return audit.findings


def first_findings_of(network: SmallNetwork, phases: Mapping[str, Phase]) -> list[str]:
    """What the audit of a running node finds, from a mapping of the file as in a process of its own."""
    try:
        connection = connect(network.path, read_only=True, is_mapped=True)
    except sqlite3.DatabaseError as error:
        return [str(error)]
    audit = Audit(connection, network.genesis)
    for _ in audit_steps(audit, phases):
        pass
    connection.close()
    return audit.findings


class AuditTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp(), accounts=8)
        random = Random(5)
        for _ in range(30):
            operations = [random_operation(self.network, random) for _ in range(25)]
            self.network.block(*{operation.id: operation for operation in operations}.values())
        self.network.store.close()
        self.sound = Path(self.network.path).read_bytes()

    def alter(self, statement: str, *parameters: object) -> None:
        connection = connect(self.network.path)
        changed = connection.execute(statement, parameters).rowcount
        connection.close()
        self.assertEqual(changed, 1)

    def test_sound(self) -> None:
        """A database that nobody touched is sound, by one process or by several."""
        self.assertEqual(findings_of(self.network), [])
        report = audit_database(self.network.path, self.network.genesis)
        self.assertEqual(report.findings, ())
        assert report.data_hash is not None
        self.assertEqual(report.data_hash.height, 30)
        self.assertGreater(report.rows, 500)

    def test_rating_is_named(self) -> None:
        """A rating that was changed behind the node's back is named by record and account."""
        connection = connect(self.network.path)
        key, value = connection.execute("SELECT key, value FROM ratings").fetchone()
        connection.close()
        self.alter("UPDATE ratings SET value = ? WHERE key = ?", bytes([value[0] % 5 + 1]) + value[1:], key)
        self.assertIn(
            f"table ratings: row record {key[:32].hex()} account {key[32:].hex()} is altered",
            findings_of(self.network),
        )

    def test_record_is_named(self) -> None:
        """A record whose data was changed is named by its address."""
        connection = connect(self.network.path)
        hashed, account, collection, key = connection.execute(
            "SELECT hash, account, collection, key FROM records WHERE live"
        ).fetchone()
        connection.close()
        self.alter("UPDATE records SET data = '{}x' WHERE hash = ?", hashed)
        self.assertIn(f"{account.hex()}/{collection}/{key}", "\n".join(findings_of(self.network)))

    def test_missing_row(self) -> None:
        """A rating that is gone is missed."""
        self.alter("DELETE FROM ratings WHERE key = (SELECT min(key) FROM ratings)")
        self.assertIn("one is missing", "\n".join(findings_of(self.network)))

    def test_missing_operation(self) -> None:
        """An operation that is gone from the log is missed."""
        self.alter("DELETE FROM operations WHERE position = (SELECT max(position) FROM operations)")
        self.assertIn("is not what the block lists there", "\n".join(findings_of(self.network)))

    def test_another_true_signature(self) -> None:
        """A signature that is not the one in the block is found, even where the row agrees with itself."""
        connection = connect(self.network.path)
        row = connection.execute("SELECT position, id, result FROM operations ORDER BY position LIMIT 1").fetchone()
        connection.close()
        position, operation_id, result = row
        check = row_check(position, operation_id, bytes(64), result)
        statement = 'UPDATE operations SET signature = ?, "check" = ? WHERE position = ?'
        self.alter(statement, bytes(64), check, position)
        self.assertEqual(
            findings_of(self.network),
            ["table operations: the signatures of block 1 are not those that its header names"],
        )

    def test_parts(self) -> None:
        """A table that is gone through in many parts: sound, and then with each kind of thing in the wrong place."""
        self.patch(state, "_ROWS_A_STEP", 33)
        self.assertEqual(findings_of(self.network), [])
        slot = "(SELECT max(slot) FROM trie WHERE slot LIKE '1%')"
        stray = "(SELECT CAST(substr(max(key), 1, 63) || x'ff' AS BLOB) FROM ratings)"
        for statement, sentence in (
            ("DELETE FROM ratings WHERE key = (SELECT max(key) FROM ratings)", "one is missing"),
            (f"INSERT INTO ratings VALUES ({stray}, (SELECT min(value) FROM ratings))", "table ratings"),
            (f"UPDATE trie SET node = zeroblob(99) WHERE slot = {slot}", "is damaged"),
            (f"DELETE FROM trie WHERE slot = {slot}", "is missing"),
            (f"INSERT INTO trie SELECT '1zz', since, node, \"check\" FROM trie WHERE slot = {slot}", "trie"),
            (f"INSERT INTO trie SELECT slot || '0a', since, node, 0 FROM trie WHERE slot = {slot}", "inner node"),
            ("UPDATE ratings SET value = CAST(value AS TEXT) WHERE key = (SELECT max(key) FROM ratings)",
             "none that this table can hold"),
        ):  # fmt: skip
            Path(self.network.path).write_bytes(self.sound)
            self.alter(statement)
            self.assertIn(sentence, "\n".join(findings_of(self.network)), statement)
            for phases in (PHASES, PROCESS_PHASES):
                self.assertIn(sentence, "\n".join(first_findings_of(self.network, phases)), statement)

    def test_sums_that_agree_with_themselves(self) -> None:
        """A score, a total and a rating that are wrong although their checksums are right."""
        score = "UPDATE scores SET sum = sum + 1 WHERE created = (SELECT max(created) FROM scores)"
        total = "UPDATE totals SET stars = stars + 1 WHERE key = (SELECT max(key) FROM totals)"
        columns = "created, since, hash, account, collection, ref, live, sum, count, rank"
        for statements, sentence in (
            ([score, f'UPDATE scores SET "check" = row_check({columns}) WHERE "check" != row_check({columns})'],
             "table scores: the row of record"),
            (["DELETE FROM scores WHERE created = (SELECT max(created) FROM scores)"],
             "table scores: the row of record"),
            ([total, 'UPDATE totals SET "check" = row_check(key, since, records, ratings, stars) WHERE key ='
              " (SELECT max(key) FROM totals)"], "table totals: the row of account"),
        ):  # fmt: skip
            Path(self.network.path).write_bytes(self.sound)
            for statement in statements:
                self.alter(statement)
            for phases in (PHASES, PROCESS_PHASES):
                self.assertIn(sentence, "\n".join(first_findings_of(self.network, phases)), statements)

    def test_structure_of_every_table(self) -> None:
        """SQLite's own check is asked for each table, in all phases together once."""
        connection = connect(self.network.path)
        self.addCleanup(connection.close)
        asked: list[str] = []
        connection.set_trace_callback(lambda sql: asked.extend(re.findall(r"integrity_check\('(\w+)'\)", sql)))
        audit = Audit(connection, self.network.genesis)
        for name in PROCESS_PHASES:
            list(phase_steps(audit, name, PROCESS_PHASES))
        connection.set_trace_callback(None)
        every = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")
        self.assertEqual(sorted(asked), sorted(name for (name,) in every))

    def test_many_checksums(self) -> None:
        """They are those of the rows one by one."""
        rows = [(1, b"x", "y", None), (2**60, b"", "", 3)]
        self.assertEqual(row_checks(iter(rows)), [row_check(*row) for row in rows])

    def test_nodes_in_steps(self) -> None:
        """Each inner node is looked at in steps that keep no transaction open in between, while blocks come."""
        self.patch(state, "_NODES_A_STEP", 3)
        connection = connect(self.network.path)
        self.addCleanup(connection.close)
        slots = {name for (name,) in connection.execute("SELECT slot FROM trie")}
        opened: Counter[str] = Counter()
        open_node = state._TableCheck.open_node

        def note(check: state._TableCheck, slot: str, entry: bytes) -> InnerNode | None:
            opened[f"{check._table}{slot}"] += 1
            return open_node(check, slot, entry)

        self.patch(state._TableCheck, "open_node", note)
        audit = Audit(connection, self.network.genesis)
        done = []
        for share in phase_steps(audit, "nodes"):
            self.assertFalse(connection.in_transaction)
            done.append(share)
        self.assertEqual((audit.findings, set(opened)), ([], slots))
        self.assertGreater(len(done), len(slots) / 3)
        self.assertEqual(done, sorted(done))
        # The way down is gone again in each step.
        self.assertLess(opened.total(), 3 * len(slots))

    def test_any_flipped_byte(self) -> None:
        """One flipped byte in any live cell of any table or index is found."""
        random = Random(7)
        places = live_bytes(self.network.path)
        by_tree: dict[str, list[int]] = {}
        for name, offset in places:
            by_tree.setdefault(name, []).append(offset)
        missed = []
        tried: Counter[str] = Counter()
        for name, offsets in by_tree.items():
            for offset in random.sample(offsets, min(len(offsets), 6)):
                damaged = bytearray(self.sound)
                damaged[offset] ^= 1 << random.randrange(8)
                Path(self.network.path).write_bytes(damaged)
                for suffix in ("-wal", "-shm"):
                    Path(self.network.path + suffix).unlink(missing_ok=True)
                found = [findings_of(self.network), first_findings_of(self.network, PROCESS_PHASES)]
                # What is wrong with words alone is not looked for in a thread of the node.
                if not name.startswith("words"):
                    found.append(first_findings_of(self.network, PHASES))
                if not all(found):
                    missed.append((name, offset))
                tried[name] += 1
        self.assertEqual(missed, [])
        self.assertGreater(len(tried), 25)
