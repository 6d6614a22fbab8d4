"""Keeping evidence: verified, once for each culprit, bounded, over restarts."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.consensus.messages import Evidence
from cloudnode.formats.block import FINALIZE, NOTARIZE
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.evidence import encode_evidence, first_epoch, votes_evidence
from cloudnode.node import evidence as module
from cloudnode.node.evidence import EvidenceStore, Kept
from tests.unit.formats.support import load
from tests.unit.node.nodes import run_at_once
from tests.vectors.make_blocks import genesis, validator_keys
from tests.vectors.make_evidence import vote

VECTORS = {case["name"]: bytes.fromhex(case["bytes"]) for case in load("evidence.json")["accepted"]}
GENESIS = genesis(4)
ONE, OTHER, THIRD = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32


def double_vote(validator: int, hash_: bytes = OTHER, kind: int = NOTARIZE) -> bytes:
    one, other = (vote(GENESIS, kind, each, validator=validator) for each in (ONE, hash_))
    return encode_evidence(votes_evidence(GENESIS.network, one, other))


class EvidenceStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.store = self.open()

    def open(self) -> EvidenceStore:
        return EvidenceStore(self.path, GENESIS.network, first_epoch(GENESIS), run_at_once, lambda: 5.5)

    def add(self, raw: bytes, store: EvidenceStore | None = None) -> bool:
        added = self.successResultOf((store or self.store).add(raw))
        return added.is_new

    def test_kept(self) -> None:
        """Evidence is kept with what it shows, told to those who watch, and there again after a restart."""
        heard: list[Kept] = []
        self.store.watch(heard.append)
        for raw in VECTORS.values():
            self.add(raw)
        self.assertEqual(self.store.counts(), {"votes": 1, "answers": 1, "answer": 1, "receipt": 1})
        self.assertEqual(heard, self.store.page(0, 10))
        again = self.open()
        self.assertEqual(again.page(0, 10), heard)
        self.assertEqual([kept.received for kept in heard], [5] * 4)
        self.assertEqual(again.page(heard[1].number, 1), heard[2:3])
        self.assertEqual(again.newest(2), heard[2:])

    def test_once(self) -> None:
        """The same again, and other evidence of the same, is no news."""
        self.assertTrue(self.add(double_vote(1)))
        self.assertFalse(self.add(double_vote(1)))
        self.assertFalse(self.add(double_vote(1, THIRD)))
        self.assertFalse(self.add(double_vote(1, kind=FINALIZE)))
        self.assertTrue(self.add(double_vote(2)))
        self.assertEqual(len(self.store), 2)

    def test_nothing_shown(self) -> None:
        """What shows nothing is refused and leaves nothing."""
        for case in load("evidence.json")["refused"]:
            raw = bytes.fromhex(case["bytes"])
            try:
                error = self.failureResultOf(self.store.add(raw), LedgerError).value
            except LedgerError as raised:
                error = raised
            self.assertEqual(error.code, case["code"], case["name"])
            self.assertFalse(self.store.has_seen(raw))
        self.assertEqual(len(self.store), 0)
        self.assertFalse(self.path.exists())

    def test_bounds(self) -> None:
        """The oldest of a kind gives way to the newest, and to no other kind."""
        self.patch(module, "MOST", {"votes": 2, "answers": 1, "answer": 1, "receipt": 1})
        for validator in range(4):
            self.add(double_vote(validator))
        for raw in VECTORS.values():
            self.add(raw)
        votes = [kept.verdict.culprit for kept in self.store.page(0, 10) if kept.verdict.kind == "votes"]
        keys = validator_keys(GENESIS)
        self.assertEqual(votes, [keys[3].public, keys[2].public][::-1])
        self.assertEqual(sum(self.store.counts().values()), 5)

    def test_from_consensus(self) -> None:
        """What consensus found is kept in the form that everyone can verify."""
        first, second = (vote(GENESIS, NOTARIZE, each) for each in (OTHER, ONE))
        self.store.add_votes(validator_keys(GENESIS)[2].public, Evidence(first, second))
        (kept,) = self.store.page(0, 10)
        self.assertEqual(kept.raw, double_vote(2))
        self.assertEqual(kept.verdict.culprit, validator_keys(GENESIS)[2].public)
        unknown = [vote(GENESIS, NOTARIZE, each, epoch=2**64 - 1) for each in (ONE, OTHER)]
        self.store.add_votes(b"", Evidence(*unknown))
        self.assertEqual(len(self.store), 1)

    def test_busy(self) -> None:
        """Only so much is verified at once, and nothing twice at a time."""
        waiting: list[Deferred[object]] = []

        def later(*arguments: object) -> Deferred[object]:
            waiting.append(Deferred())
            return waiting[-1]

        store = EvidenceStore(None, GENESIS.network, first_epoch(GENESIS), later, lambda: 0.0)
        self.patch(module, "CHECKED_AT_ONCE", 2)
        store.add(double_vote(0))
        for raw in (double_vote(0), double_vote(1), double_vote(2)):
            if raw == double_vote(1):
                store.add(raw)
            else:
                self.assertEqual(self.assertRaises(LedgerError, store.add, raw).code, "evidence_waiting")
        self.assertEqual(len(waiting), 2)

    def test_damaged_file(self) -> None:
        """A file that can't be read is begun anew; a line that shows nothing is left out."""
        self.add(double_vote(1))
        text = self.path.read_text()
        self.path.write_text(text.replace(double_vote(1).hex(), double_vote(1).hex()[:-2]))
        self.assertEqual(len(self.open()), 0)
        for broken in ("", "{", "[]", text.replace(GENESIS.network_hex, "00" * 32)):
            self.path.write_text(broken)
            self.assertEqual(len(self.open()), 0)
        self.path.write_text(text)
        self.assertEqual(len(self.open()), 1)
