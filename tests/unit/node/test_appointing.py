"""Appointing validators through a node: what it takes, and what becomes of what waits."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.appointment import sign_approval
from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Parameters
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Appoint, build_appoint, sign_operation
from cloudnode.node.pool import Pool, PoolLimits
from tests.unit.node.nodes import LedgerOnClock
from tests.unit.store.network import SmallNetwork, make_key

SENDER = make_key(100)


class AppointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.node = LedgerOnClock(self.mktemp())
        self.successResultOf(self.node.ledger.start())  # type: ignore[arg-type]
        self.node.advance(0.5)

    def tearDown(self) -> None:
        self.successResultOf(self.node.ledger.stop())  # type: ignore[arg-type]

    def appoint(
        self, *keys: SigningKey, epoch: int = 0, by: Sequence[SigningKey] = (), sender: SigningKey = SENDER
    ) -> tuple[bytes, bytes]:
        validators = tuple(key.public for key in keys)
        approvals = tuple(
            sign_approval(key, index, self.node.genesis.network, epoch, validators)
            for index, key in enumerate(by or [self.node.validator])
        )
        body = build_appoint(self.node.envelope(sender), Appoint(epoch, validators, approvals))
        return body, sign_operation(sender, body)

    def refused(self, signed: tuple[bytes, bytes]) -> str:
        try:
            submitting = self.node.submit(signed)
        except LedgerError as error:
            return error.code
        return self.failureResultOf(submitting, LedgerError).value.code  # type: ignore[attr-defined, no-any-return]

    def test_epoch_ends_and_goes_on(self) -> None:
        """The validator may appoint itself again: the epoch ends with that block, alone, and views begin anew."""
        self.successResultOf(self.node.submit(self.node.put("a")))
        accepted = self.successResultOf(self.node.submit(self.appoint(self.node.validator)))
        final = self.node.ledger.when_final(accepted.id, accepted.expiry)
        self.node.advance(0.5)
        outcome = self.successResultOf(final)
        self.assertEqual((outcome.result, outcome.cursor.index), (0, 0))
        header = self.header(outcome.cursor.height)
        self.assertEqual((header.epoch, header.operations_count, header.ends_epoch), (0, 1, True))
        self.assertEqual((self.node.ledger.epoch.number, self.node.ledger.epoch.base), (1, outcome.cursor.height))
        self.node.advance(0.5)
        after = self.header(outcome.cursor.height + 1)
        self.assertEqual((after.epoch, after.view, after.ends_epoch), (1, 0, False))
        self.assertEqual(self.node.ledger.pool_operations, 0)

    def header(self, height: int) -> Header:
        block = self.node.ledger.reading().block(height)
        assert block is not None
        return Header.decode(block.header)

    def test_other_validators(self) -> None:
        """A validator that appoints others makes no block any more."""
        self.successResultOf(self.node.submit(self.appoint(make_key(2), make_key(3))))
        self.node.advance(0.5)
        height = self.node.ledger.head.height
        self.assertEqual(self.node.ledger.epoch.validators, (make_key(2).public, make_key(3).public))
        self.successResultOf(self.node.submit(self.node.put("a")))
        self.node.advance(30)
        self.assertEqual(self.node.ledger.head.height, height)

    def test_refused(self) -> None:
        """Without the approval of a quorum, and for another epoch, it is refused by name."""
        stranger = make_key(9)
        self.assertEqual(self.refused(self.appoint(stranger, by=[stranger])), "appoint_signature")
        two = self.appoint(stranger, by=[self.node.validator, stranger])
        self.assertEqual(self.refused(two), "appoint_validator")
        self.assertEqual(self.refused(self.appoint(stranger, epoch=1)), "appoint_epoch")
        self.assertIn("behind", str(self.assertRaises(LedgerError, self.node.submit, self.appoint(stranger, epoch=1))))
        body, _ = self.appoint(stranger)
        self.assertEqual(self.refused((body, bytes(64))), "signature_invalid")
        self.assertEqual(self.node.ledger.pool_operations, 0)

    def test_waits_when_another_is_first(self) -> None:
        """Of two that would end one epoch, the first does; the other one leaves the pool and its sender is told."""
        self.successResultOf(self.node.submit(self.node.put("a")))  # whose block makes the next one wait for its pace
        self.node.clock.advance(0)
        submitting = [self.node.ledger.submit(*self.appoint(make_key(number))) for number in (7, 8)]
        self.node.clock.advance(0)
        accepted = [self.successResultOf(each) for each in submitting]
        done = [self.node.ledger.when_final(each.id, each.expiry) for each in accepted]
        self.node.advance(0.5)
        self.assertEqual(self.successResultOf(done[0]).result, 0)
        self.assertEqual(self.failureResultOf(done[1], LedgerError).value.code, "appoint_epoch")  # type: ignore[attr-defined]
        self.assertEqual(self.node.ledger.pool_operations, 0)

    def test_from_a_peer_that_is_ahead(self) -> None:
        """What a peer passes on for a later epoch is not taken, by no code that would name the peer a liar."""
        body, signature = self.appoint(make_key(7), epoch=1)
        error = self.assertRaises(LedgerError, self.node.ledger.relay, body, signature, self.fail)
        self.assertEqual(error.code, "appoint_epoch")


class PoolTests(SynchronousTestCase):
    def test_alone_and_first(self) -> None:
        """What appoints validators goes before everything else and alone, at heights where it is valid."""
        network = SmallNetwork(self.mktemp())
        self.addCleanup(lambda: network.store.close())
        put, appoint = network.put(SENDER, "film", "a"), network.appoint(make_key(7))
        pool = Pool(PoolLimits())
        pool.add(put)
        pool.add(appoint)
        self.assertEqual(pool.choose(appoint.valid_from, 0, Parameters()), [appoint])
        self.assertEqual(pool.choose(appoint.expiry + 1, 0, Parameters()), [])
        pool.remove([put.id])
        self.assertEqual(pool.choose(appoint.expiry, 0, Parameters()), [appoint])
        pool.add(put)
        other = msgspec.structs.replace(appoint, signature=bytes(64))
        pool.replace(other)
        self.assertEqual(pool.choose(appoint.expiry, 0, Parameters()), [other])
        self.assertEqual(pool.drop_appoints(), [appoint.id])
        self.assertEqual(pool.choose(put.valid_from, 0, Parameters()), [put])
        self.assertEqual((len(pool), pool.size), (1, len(put.body)))
