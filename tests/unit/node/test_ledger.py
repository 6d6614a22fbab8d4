"""The shared ledger with a lone validator, on a clock."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats import errors
from cloudnode.formats.addresses import record_hash
from cloudnode.formats.block import FINALIZE, Header
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Parameters
from cloudnode.ledger.reading import Damage, FinalBlock, Spots
from cloudnode.node import background_audit
from cloudnode.node.ledger import LedgerConfig
from cloudnode.node.pool import PoolLimits
from cloudnode.store.connection import connect
from cloudnode.store.damage import read_damage, write_damage
from tests.unit.node.nodes import LedgerOnClock


class LedgerTests(SynchronousTestCase):
    def make(self, config: LedgerConfig | None = None, parameters: Parameters | None = None) -> LedgerOnClock:
        node = LedgerOnClock(self.mktemp(), config, parameters)
        self.successResultOf(Deferred.fromCoroutine(node.ledger.start()))
        self.addCleanup(self.stop, node)
        return node

    def stop(self, node: LedgerOnClock) -> None:
        stopping = Deferred.fromCoroutine(node.ledger.stop())
        node.advance(0.2)
        self.successResultOf(stopping)
        self.assertEqual(node.clock.getDelayedCalls(), [])

    def test_put_and_rate(self) -> None:
        """An operation that is accepted becomes final at the pace, and then it can be read."""
        node = self.make()
        node.advance(1)
        accepted = self.successResultOf(node.submit(node.put("a")))
        self.assertIsNone(accepted.outcome)
        final = node.ledger.when_final(accepted.id, accepted.expiry)
        node.advance(0.3)
        outcome = self.successResultOf(final)
        self.assertEqual((outcome.result, outcome.cursor.index), (errors.OK, 0))
        self.successResultOf(node.submit(node.rate("a", 4)))
        node.advance(0.5)
        record = node.ledger.reading().get_record(node.author.public, "film", "a")
        assert record is not None
        self.assertEqual((record.ratings_sum, record.ratings_count, record.data), (4, 1, b'{"title":"a"}'))

    def test_refusal_is_told(self) -> None:
        """An operation that a rule refuses is final too, with the rule's result."""
        node = self.make()
        accepted = self.successResultOf(node.submit(node.rate("missing", 4)))
        final = node.ledger.when_final(accepted.id, accepted.expiry)
        node.advance(0.5)
        self.assertEqual(self.successResultOf(final).result, errors.RECORD_UNKNOWN)

    def test_idempotent(self) -> None:
        """The same operation again, waiting or final, takes effect once and is told of its outcome."""
        node = self.make()
        signed = node.put("a")
        first = self.successResultOf(node.submit(signed))
        second = self.successResultOf(node.submit(signed))
        self.assertEqual((first.id, second.outcome), (second.id, None))
        self.assertEqual(node.ledger.pool_operations, 1)
        node.advance(0.5)
        third = self.successResultOf(node.submit(signed))
        assert third.outcome is not None
        self.assertEqual(third.outcome.result, errors.OK)
        self.assertEqual(node.ledger.pool_operations, 0)

    def test_wrong_signature(self) -> None:
        """An operation whose signature is another's is refused by name and not kept."""
        node = self.make()
        body, _ = node.put("a")
        _, signature = node.put("b")
        failure = self.failureResultOf(node.submit((body, signature)), LedgerError)
        self.assertEqual(failure.value.code, "signature_invalid")
        self.assertEqual(node.ledger.pool_operations, 0)

    def test_window(self) -> None:
        """What is not valid yet, or no longer, is refused by name at once."""
        node = self.make()
        early = node.put("a")
        node.advance(1)
        body, signature = node.put("late", lifetime=1)
        node.advance(40)
        expired = self.assertRaises(LedgerError, node.ledger.submit, body, signature)
        self.assertEqual(expired.code, "operation_expired")
        self.assertEqual(self.successResultOf(node.submit(early)).expiry, 51)
        other = LedgerOnClock(self.mktemp())
        self.addCleanup(other.store.close)
        future = node.put("a")
        self.assertEqual(
            self.assertRaises(LedgerError, other.ledger.submit, *future).code, "operation_future"
        )

    def test_expires_in_the_pool(self) -> None:
        """Who waits for an operation that no block took in time is told so."""
        node = self.make(parameters=Parameters(max_block_operations=1))
        node.advance(1)
        waiting = []
        for signed in [node.put(str(number), lifetime=1) for number in range(4)]:
            accepted = self.successResultOf(node.submit(signed))
            waiting.append(node.ledger.when_final(accepted.id, accepted.expiry))
        node.advance(2)
        for final in waiting[:2]:
            self.assertEqual(self.successResultOf(final).result, errors.OK)
        for final in waiting[2:]:
            self.assertEqual(self.failureResultOf(final, LedgerError).value.code, "operation_expired")
        self.assertEqual(node.ledger.pool_operations, 0)

    def test_pool_full(self) -> None:
        """A full pool refuses by name, and takes more once a block has emptied it."""
        node = self.make(LedgerConfig(pool=PoolLimits(operations=2), audit_interval=0))
        for name in ("a", "b"):
            self.successResultOf(node.submit(node.put(name)))
        third = node.put("c")
        self.assertEqual(self.assertRaises(LedgerError, node.ledger.submit, *third).code, "pool_full")
        node.advance(0.5)
        self.successResultOf(node.submit(third))

    def test_pace(self) -> None:
        """Blocks come at the pace while there is something to order or to prove, else with the heartbeat."""
        node = self.make()
        heights: list[tuple[int, float]] = []
        start = node.clock.seconds()
        node.ledger.watch_blocks(
            lambda final: heights.append((final.block.height, round(node.clock.seconds() - start, 1)))
        )
        node.advance(11)
        self.successResultOf(node.submit(node.put("a")))
        node.advance(5)
        at = [when for _, when in heights]
        self.assertEqual([height for height, _ in heights], [1, 2, 3, 4])
        self.assertLess(at[0], 0.3)
        self.assertApproximates(at[1] - at[0], 10, 0.3)
        self.assertApproximates(at[2], 11.1, 0.3)
        self.assertApproximates(at[3] - at[2], 0.2, 0.11)

    def test_blocks(self) -> None:
        """Every block extends the one before, carries its parent's state root, and is signed by the validator."""
        node = self.make()
        seen: list[FinalBlock] = []
        node.ledger.watch_blocks(seen.append)
        for name in "abc":
            self.successResultOf(node.submit(node.put(name)))
            node.advance(0.5)
        parent, root = node.genesis.network, None
        for final in seen:
            header = Header.decode(final.block.header)
            self.assertEqual((header.parent, header.hash), (parent, final.block.hash))
            self.assertEqual(header.root_height, header.height - 1)
            if root is not None:
                self.assertEqual(header.root, root)
            certificate = Finality.decode(final.block.finality).certificate
            self.assertEqual((certificate.kind, certificate.hash), (FINALIZE, header.hash))
            certificate.verify(node.genesis.network, node.genesis.validators)
            parent, root = final.block.hash, final.root
        self.assertEqual(node.ledger.provable_height(), seen[-1].block.height - 1)

    def test_when_height(self) -> None:
        """Who waits for a height is told when it is there; who gives up is forgotten."""
        node = self.make()
        node.advance(0.5)
        height = node.ledger.head.height
        reached, given_up = node.ledger.when_height(height + 1), node.ledger.when_height(height + 1)
        given_up.addErrback(lambda _: None)
        given_up.cancel()
        self.assertNoResult(reached)
        self.successResultOf(node.submit(node.put("a")))
        node.advance(0.5)
        self.assertIsNone(self.successResultOf(reached))

    def test_observer_that_fails(self) -> None:
        """An observer's exception is logged and keeps nobody else from being told."""
        node = self.make()
        seen: list[int] = []

        def fail(_: FinalBlock) -> None:
            raise RuntimeError("an observer's own fault")

        node.ledger.watch_blocks(fail)
        stop_watching = node.ledger.watch_blocks(lambda final: seen.append(final.block.height))
        node.advance(0.5)
        self.assertEqual(seen, [1])
        stop_watching()
        node.advance(11)
        self.assertEqual(seen, [1])
        self.assertGreaterEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_stop_with_waiters(self) -> None:
        """Whoever still waits when the node stops is told by name."""
        node = LedgerOnClock(self.mktemp())
        self.successResultOf(Deferred.fromCoroutine(node.ledger.start()))
        node.advance(0.5)
        self.successResultOf(node.submit(node.put("a")))
        # The first one had its block at once, this one waits for the pace.
        accepted = self.successResultOf(node.submit(node.put("b")))
        final, height = node.ledger.when_final(accepted.id, accepted.expiry), node.ledger.when_height(1000)
        self.assertNoResult(final)
        stopping = Deferred.fromCoroutine(node.ledger.stop())
        node.advance(0.5)
        self.successResultOf(stopping)
        for waiting in (final, height):
            self.assertEqual(self.failureResultOf(waiting, LedgerError).value.code, "node_stopping")

    def test_full_disk(self) -> None:
        """When a block can't be written the node says so, keeps what waits, and goes on once it can."""
        node = self.make()
        node.advance(0.5)
        writer = node.store._write
        pages = writer.execute("PRAGMA page_count").fetchone()[0]
        writer.execute(f"PRAGMA max_page_count = {pages}")
        finals = []
        for number in range(200):
            accepted = self.successResultOf(node.submit(node.put(f"{number:0200d}")))
            finals.append(node.ledger.when_final(accepted.id, accepted.expiry))
        node.advance(1)
        waiting = node.ledger.pool_operations
        self.assertGreater(waiting, 150)
        self.assertIn("full", node.ledger.ordering_trouble or "")
        writer.execute("PRAGMA max_page_count = 1000000")
        node.advance(6)
        self.assertIsNone(node.ledger.ordering_trouble)
        for final in finals:
            self.assertEqual(self.successResultOf(final).result, errors.OK)

    def test_damage_stops_service(self) -> None:
        """A node whose audit finds damage says what, and no longer serves or orders."""
        node = LedgerOnClock(self.mktemp(), LedgerConfig(audit_interval=3600, audit_share=1.0))
        self.successResultOf(Deferred.fromCoroutine(node.ledger.start()))
        self.addCleanup(self.stop, node)
        for name in ("a", "b"):
            self.successResultOf(node.submit(node.put(name)))
        node.advance(3)
        self.assertEqual((node.ledger.state, node.ledger.audit.state), ("serving", "ok"))
        other = sqlite3.connect(node.store.path)
        other.execute("UPDATE records SET data = '{\"title\":\"x\"}' WHERE key = 'b'")
        other.commit()
        other.close()
        node.clock.advance(3600)
        node.advance(3)
        self.assertEqual((node.ledger.state, node.ledger.audit.state), ("corrupt", "corrupt"))
        self.assertIn("film/b", " ".join(node.ledger.audit.findings))
        height = node.ledger.head.height
        node.advance(30, step=1)
        self.assertEqual(node.ledger.head.height, height)

    def test_what_to_repair(self) -> None:
        """Of rows that a repair compares anyway the first finding is enough; of the log all damaged blocks are told.
        Where all was sound before, the first finding says where to look."""
        self.patch(background_audit, "LONG_BURST", 0.0)
        alter_record = "UPDATE records SET data = '{}' WHERE key = 'b'"
        alter_log = "UPDATE operations SET body = 'x'"
        for statement, was_sound, is_at_once, damage in (
            (alter_record, False, True, Damage()),
            (alter_log, False, False, Damage(heights=(2, 4), is_log_only=True)),
            (alter_record, True, True, None),
            (alter_log, True, True, Damage(heights=(2, 4), spots=Spots(heights=(2, 4)))),
        ):
            node = LedgerOnClock(self.mktemp(), LedgerConfig(audit_interval=3600, audit_share=1.0))
            self.successResultOf(Deferred.fromCoroutine(node.ledger.start()))
            self.addCleanup(self.stop, node)
            for name in ("a", "b"):
                self.successResultOf(node.submit(node.put(name)))
                node.advance(1)
            node.advance(30)
            told: list[tuple[bool, Damage | None]] = []
            node.ledger.on_damage = lambda node=node, told=told: told.append(
                (node.ledger.audit.progress < 1, node.ledger.damage)
            )
            self.assertTrue(node.ledger._was_sound)
            node.ledger._was_sound = was_sound
            with closing(connect(node.store.path)) as connection:
                connection.execute(statement)
            node.advance(20)
            record = record_hash(f"{node.author.public.hex()}/film/b").hex()
            at_the_record = Damage(spots=Spots(places=((0, record),)))
            self.assertEqual(told[0], (is_at_once, damage or at_the_record))

    def test_damage_is_remembered(self) -> None:
        """A restart does not forget damage; once an audit finds the database sound, data is served again."""
        path = self.mktemp()
        node = LedgerOnClock(path, LedgerConfig(audit_interval=3600, audit_share=1.0))
        write_damage(path, ("table records: row x is altered",))
        self.successResultOf(Deferred.fromCoroutine(node.ledger.start()))
        self.addCleanup(self.stop, node)
        self.assertEqual(node.ledger.state, "corrupt")
        self.assertEqual(node.ledger.audit.findings, ("table records: row x is altered",))
        node.advance(2)
        self.assertEqual((node.ledger.state, node.ledger.audit.findings), ("serving", ()))
        self.assertEqual(read_damage(path), ())
        self.successResultOf(node.submit(node.put("a")))
        node.advance(1)
        self.assertGreater(node.ledger.head.height, 0)

    def test_same_operation_from_two_callers(self) -> None:
        """An operation that a block takes while its signature is verified for a second caller takes effect once."""
        node = self.make()
        node.advance(1)
        signed = node.put("a")
        checks: list[Deferred[list[bool]]] = []

        def run_later(function: object, *arguments: object) -> Deferred[list[bool]]:
            checks.append(Deferred())
            return checks[-1]

        node.ledger._intake._checker._run_in_thread = run_later
        first, second = node.submit(signed), node.submit(signed)
        checks[0].callback([True])
        self.assertIsNone(self.successResultOf(first).outcome)
        node.advance(0.5)
        self.assertNoResult(second)
        checks[1].callback([True])
        outcome = self.successResultOf(second).outcome
        assert outcome is not None
        self.assertEqual((outcome.result, node.ledger.pool_operations), (errors.OK, 0))
        record = node.ledger.reading().get_record(node.author.public, "film", "a")
        assert record is not None
        self.assertEqual(record.version, 1)
