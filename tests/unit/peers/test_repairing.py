"""Nodes that find damage, or that they have diverged, and put it right from their peers while they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.ledger.reading import Damage, Spots
from cloudnode.node.ledger import LedgerConfig
from cloudnode.peers.messages import GetState, State
from cloudnode.peers.truth import NobodyTells
from cloudnode.store.audit import state, worker
from cloudnode.store.connection import connect
from cloudnode.store.repair import rowsup
from cloudnode.store.repair.mending import StateMending
from cloudnode.store.states import StateRoot
from tests.unit.peers.network import MemoryNetwork, MemoryNode
from tests.unit.peers.silence import Silence
from tests.unit.store.network import make_key
from tests.unit.store.test_repair import contents

AUDITED = LedgerConfig(audit_interval=3600, audit_share=1.0)
FINALITY = 3
"""The column of a block that may differ between nodes."""


def same_rows(node: MemoryNode, without: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All rows but for proofs of finality."""
    found = contents(node.store.path, without)
    found["blocks"] = [(*row[:FINALITY], *row[FINALITY + 1 : -1]) for row in found["blocks"]]
    return found


class RepairingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        self.validator = self.network.add(config=AUDITED)
        self.follower = self.network.add("10.1.0.1", config=AUDITED)
        self.network.advance(2)
        for number in range(45):
            self.validator.put(f"film{number}", make_key(100 + number % 3))
            if number % 5 == 0:
                self.network.advance(0.5)
        self.network.advance(3)
        self.assertEqual(self.follower.ledger.head, self.validator.ledger.head)

    def alter(self, node: MemoryNode, statement: str) -> None:
        with closing(connect(node.store.path)) as connection:
            self.assertGreater(connection.execute(statement).rowcount, 0)

    def wait_repaired(self, node: MemoryNode, seconds: float = 20) -> None:
        """Wait for one more repair than there were."""
        before = node.ledger.repair.repairs
        for _ in range(round(seconds * 10)):
            self.network.advance(0.1)
            if node.ledger.repair.repairs > before:
                return
        self.fail(f"{node.ledger.state} for {seconds} s: {node.ledger.repair} {node.ledger.audit}")

    def wait(self, node: MemoryNode, state: str, seconds: float = 20) -> None:
        for _ in range(round(seconds * 10)):
            if node.ledger.state == state:
                return
            self.network.advance(0.1)
        self.fail(f"{node.ledger.state} for {seconds} s: {node.ledger.repair} {node.ledger.audit}")

    def check_repaired(self, node: MemoryNode, other: MemoryNode, without: tuple[str, ...] = ()) -> None:
        self.wait_repaired(node)
        self.check_same(node, other, without)

    def check_same(self, node: MemoryNode, other: MemoryNode, without: tuple[str, ...] = ()) -> None:
        self.wait(node, "serving")
        self.assertIsNone(node.ledger.repair.trouble)
        self.network.advance(1)
        other.put("after")
        self.network.advance(5)
        self.assertEqual(node.ledger.head.height, other.ledger.head.height)
        self.assertEqual(same_rows(node, without), same_rows(other, without))

    def test_rows(self) -> None:
        """Rows of all kinds: found without being told, named, and mended, on the follower and on the validator."""
        newest = "(SELECT max(height) FROM blocks)"
        oldest = "(SELECT min(position) FROM operations)"
        for node, other, statement in (
            (self.follower, self.validator, "DELETE FROM records WHERE key = 'film7'"),
            (self.validator, self.follower, "UPDATE records SET data = '{}' WHERE key = 'film9'"),
            (self.follower, self.validator, "UPDATE scores SET sum = 3 WHERE since < 9"),
            (self.validator, self.follower, f"UPDATE operations SET body = 'x' WHERE position = {oldest}"),
            (self.follower, self.validator, "UPDATE blocks SET ids = x'00' WHERE height = 4"),
            (self.follower, self.validator, f"UPDATE blocks SET header = x'00' WHERE height = {newest}"),
            (self.validator, self.follower, "UPDATE trie SET node = zeroblob(9)"),
        ):  # fmt: skip
            self.alter(node, statement)
            self.check_repaired(node, other)
        self.assertEqual(self.follower.ledger.repair.repairs, 4)

    def test_silent_peers(self) -> None:
        """Peers that answer nothing, though nearer than the one that does, keep a repair up for some seconds."""
        silent = [self.network.add(self.validator.host, self.follower.host) for _ in range(3)]
        self.network.advance(3)
        silences = [Silence(node) for node in silent]
        for peer in self.follower.neighbourhood:
            peer._link.ping_seconds = 0.05 if peer.address == self.validator.host else 0.001
        self.assertEqual(len(self.follower.peers), 4)
        self.alter(self.follower, "DELETE FROM records WHERE key = 'film7'")
        self.wait_repaired(self.follower, 6)
        self.assertTrue(all(each.asked for each in silences))
        self.check_same(self.follower, self.validator)

    def count_whole(self) -> list[int]:
        """Note each repair that compares all rows, by how many there are."""
        whole: list[int] = []
        compare = StateMending.compare

        def count(mending: StateMending, true: StateRoot) -> Iterator[float]:
            whole.append(len(whole))
            return compare(mending, true)

        self.patch(StateMending, "compare", count)
        return whole

    def test_one_place(self) -> None:
        """In a database that was sound only the place of the finding is looked at, again and again."""
        whole = self.count_whole()
        for statement in (
            "DELETE FROM records WHERE key = 'film7'",
            "UPDATE trie SET node = zeroblob(9) WHERE slot = (SELECT max(slot) FROM trie)",
            "UPDATE operations SET body = 'x' WHERE position = (SELECT min(position) FROM operations)",
        ):
            self.alter(self.follower, statement)
            self.check_repaired(self.follower, self.validator)
            self.network.advance(3)
            self.assertEqual(self.follower.ledger.audit.state, "ok")
        self.assertEqual(whole, [])

    def test_more_than_one_place(self) -> None:
        """What the first repair did not look at is found by the audit after it, and then all rows are compared."""
        whole = self.count_whole()
        with closing(connect(self.follower.store.path)) as connection:
            connection.execute("BEGIN")
            connection.execute("UPDATE records SET data = '{}' WHERE key = 'film9'")
            connection.execute("UPDATE scores SET sum = 3 WHERE created = (SELECT max(created) FROM scores)")
            connection.execute("COMMIT")
        self.network.advance(10)
        self.assertEqual((self.follower.ledger.repair.repairs, whole), (2, [0]))
        self.assertEqual((self.follower.ledger.state, self.follower.ledger.audit.state), ("serving", "ok"))
        self.assertEqual(same_rows(self.follower), same_rows(self.validator))

    def test_row_elsewhere(self) -> None:
        """A record whose hash was altered, so that it sorts elsewhere, is put back, not removed."""
        self.patch(state, "_ROWS_A_STEP", 64)
        self.patch(rowsup, "_PORTION", 64)
        # In a portion of its own each step is known, as the first one with a finding is in a large database.
        self.patch(worker, "_advance", lambda steps, _: next(steps, None))
        for number in range(150):
            self.validator.put(f"more{number}", make_key(100 + number % 3))
            if number % 15 == 0:
                self.network.advance(0.5)
        self.network.advance(5)
        self.assertEqual(self.follower.ledger.audit.state, "ok")
        with closing(connect(self.follower.store.path)) as connection:
            (last,) = connection.execute("SELECT max(hash) FROM records").fetchone()
            moved = bytes([last[0] & 0x7F]) + last[1:]
            connection.execute("UPDATE records SET hash = ? WHERE hash = ?", (moved, last))
        self.wait_repaired(self.follower)
        self.assertEqual(same_rows(self.follower), same_rows(self.validator))
        self.check_serving()

    def check_serving(self) -> None:
        self.network.advance(5)
        self.assertEqual((self.follower.ledger.state, self.follower.ledger.audit.state), ("serving", "ok"))
        self.assertEqual(self.follower.ledger.repair.repairs, 1)
        self.assertIsNone(self.follower.ledger.repair.trouble)

    def test_failure_at_one_place(self) -> None:
        """If a repair of one place fails, whatever the reason, all rows are compared."""

        def fail(*_: object) -> None:
            raise ValueError("not to be expected")

        self.patch(StateMending, "compare_at", fail)
        whole = self.count_whole()
        self.alter(self.follower, "DELETE FROM records WHERE key = 'film7'")
        self.check_repaired(self.follower, self.validator)
        self.assertEqual(whole, [0])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_nothing_at_one_place(self) -> None:
        """If nothing is to be replaced where an audit found something, all rows are compared."""
        whole = self.count_whole()
        damage = Damage(spots=Spots(places=((1, ""),)))
        self.follower.ledger._audit_found("table ratings: something is wrong")
        self.follower.ledger._set_damage(damage)
        self.wait_repaired(self.follower)
        self.assertEqual(whole, [0])

    def test_failed_repair_compares_all(self) -> None:
        """After a repair that failed nothing is known to have been sound a while ago."""
        truth = self.follower.neighbourhood._repairs._truth
        state = truth.state

        async def fail(height: int, root: bytes) -> StateRoot:
            raise NobodyTells("nobody knows")

        truth.state = fail  # type: ignore[method-assign]
        whole = self.count_whole()
        self.alter(self.follower, "DELETE FROM records WHERE key = 'film7'")
        self.wait(self.follower, "corrupt")
        self.network.advance(1)
        self.assertIn("nobody knows", self.follower.ledger.repair.trouble or "")
        truth.state = state  # type: ignore[method-assign]
        self.check_repaired(self.follower, self.validator)
        self.assertEqual(whole, [0])

    def test_diverged(self) -> None:
        """A follower whose state is wrong, though it agrees with itself, is made right by itself."""
        store = self.follower.store
        with closing(connect(store.path)) as connection:
            connection.execute("UPDATE accounts SET value = zeroblob(76) WHERE key = (SELECT min(key) FROM accounts)")
            from cloudnode.ledger.trie import page_entry
            from cloudnode.store.state import ROWS_SQL

            rows = connection.execute(ROWS_SQL[3], (b"", b"\xff" * 65)).fetchall()
            state = store.state.with_entry(3, page_entry(3, rows))
            connection.execute("DELETE FROM states WHERE height = ?", (state.height,))
            state.store(connection)
        store.reload()
        self.validator.put("new")
        self.wait(self.follower, "diverged")
        self.check_repaired(self.follower, self.validator, ("states", "trie_old", "totals_old", "scores_old"))
        self.assertEqual(self.follower.store.lowest_height, self.follower.store._first_state)

    def test_alone(self) -> None:
        """A node that nobody can help says so, and what to do; it goes on looking for help."""
        self.validator.stop()
        self.network.advance(1)
        self.alter(self.follower, "DELETE FROM records WHERE key = 'film7'")
        self.wait(self.follower, "corrupt")
        self.network.advance(3)
        self.assertIn("--join", self.follower.ledger.repair.trouble or "")
        self.assertEqual(self.follower.ledger.state, "corrupt")

    def test_liar(self) -> None:
        """Rows that are not what was signed name who sent them; the next peer is asked."""
        third = self.network.add("10.1.0.1", "10.2.0.1")
        self.network.advance(5)
        self.assertEqual(len(self.follower.peers), 2)

        def lie(question: GetState) -> State:
            return State(question.request, tuple(b"" for _ in question.slots))

        serving = self.validator.neighbourhood._state_serving
        serving._find = lambda question: lie(question) if isinstance(question, GetState) else type(serving)._find(serving, question)  # type: ignore[method-assign] # noqa: E501
        self.alter(self.follower, "DELETE FROM records WHERE key = 'film7'")
        self.wait_repaired(self.follower)
        self.assertEqual(self.follower.ledger.head, third.ledger.head)
        self.assertEqual(self.follower.differences(third), ())

    def test_again_and_again(self) -> None:
        """Damage that comes back each time is said to be the machine's, and repaired at growing intervals."""
        for _ in range(3):
            self.alter(self.follower, "DELETE FROM records WHERE key = 'film7'")
            self.wait_repaired(self.follower)
        self.assertIn("disk or the memory", self.follower.ledger.repair.trouble or "")
        self.alter(self.follower, "DELETE FROM records WHERE key = 'film7'")
        self.wait(self.follower, "corrupt")
        self.network.advance(30)
        self.assertEqual(self.follower.ledger.state, "corrupt")
        self.wait(self.follower, "serving", 60)
