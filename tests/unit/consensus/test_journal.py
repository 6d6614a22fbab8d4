"""The journal's bytes and what is left of them after a crash."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.consensus.effects import Entry, Prune
from cloudnode.consensus.errors import ConsensusError
from cloudnode.consensus.journal import HEAD_SIZE, NO_FLOOR, Record, encode_floor, journal_head, keep, read_journal
from cloudnode.formats.block import FINALIZE, NOTARIZE, SKIP
from tests.unit.consensus.scene import NETWORK, OPERATION, VALIDATORS, Scene, block, certificate, proposal, vote

BLOCK = block(None, 0, (OPERATION,))
RECORDS = [
    Record(Entry(vote(0, NOTARIZE, 0, BLOCK.hash), block=BLOCK), (b"a body", b"")),
    Record(Entry(vote(0, FINALIZE, 0, BLOCK.hash), certificate=certificate(NOTARIZE, 0, BLOCK.hash))),
    Record(Entry(vote(0, SKIP, 1)), (b"another",)),
]
HEAD = journal_head(NETWORK, VALIDATORS[0])
RAW = HEAD + b"".join(record.encode() for record in RECORDS)


class JournalTests(SynchronousTestCase):
    def read(self, raw: bytes) -> tuple[list[Record], int]:
        content = read_journal(raw, NETWORK, VALIDATORS[0], 10)
        return list(content.records), content.length

    def code(self, raw: bytes) -> str:
        return self.assertRaises(ConsensusError, self.read, raw).code

    def test_round_trip(self) -> None:
        """What was appended is read back."""
        self.assertEqual(self.read(RAW), (RECORDS, len(RAW)))
        self.assertEqual(self.read(HEAD), ([], HEAD_SIZE))

    def test_torn_anywhere(self) -> None:
        """Cut at any byte, the whole entries before it are read and the length says where to cut."""
        ends = [HEAD_SIZE]
        for record in RECORDS:
            ends.append(ends[-1] + len(record.encode()))
        for length in range(len(RAW)):
            records, whole = self.read(RAW[:length])
            expected = max((end for end in ends if end <= length), default=0)
            self.assertEqual((len(records), whole), (max(ends.index(expected), 0) if expected else 0, expected))

    def test_torn_with_rubbish(self) -> None:
        """A last entry whose bytes did not all reach the disk, and zeros after the end, are cut off."""
        torn = RAW[:-20] + bytes(20)
        self.assertEqual(self.read(torn)[0], RECORDS[:2])
        self.assertEqual(self.read(RAW + bytes(4096)), (RECORDS, len(RAW)))

    def test_damage(self) -> None:
        """A flipped byte before the last entry is no crash's doing: the validator must not vote on."""
        for position in range(HEAD_SIZE, len(RAW) - len(RECORDS[-1].encode())):
            for flipped in (1, 0x80):
                damaged = bytearray(RAW)
                damaged[position] ^= flipped
                self.assertEqual(self.code(bytes(damaged)), "journal_damaged", position)

    def test_other(self) -> None:
        """Another network's or validator's journal is refused."""
        self.assertEqual(self.code(journal_head(b"x" * 32, VALIDATORS[0])), "journal_other")
        self.assertEqual(self.code(journal_head(NETWORK, VALIDATORS[1])), "journal_other")

    def test_keep(self) -> None:
        """Pruning keeps what is above the view, and later epochs."""
        later = Record(Entry(vote(0, SKIP, 0, epoch=1)))
        self.assertEqual(keep([*RECORDS, later], 0, 0), ([RECORDS[2], later], (0, 0)))
        self.assertEqual(keep([later], 0, 5), ([later], NO_FLOOR))

    def test_long(self) -> None:
        """A journal of many records is read in one go: the work grows with its length, not with its square."""
        record = Record(RECORDS[0].entry, (b"x" * 100,) * 2_000)
        looked_at = 0

        class Counting(bytes):
            def __getitem__(self, key: object) -> object:
                nonlocal looked_at
                part = super().__getitem__(key)  # type: ignore[index]
                looked_at += len(part) if isinstance(part, bytes) else 1
                return part

        raw = Counting(HEAD + record.encode() * 3)
        self.assertEqual(len(self.read(raw)[0]), 3)
        self.assertLess(looked_at, 3 * len(raw))

    def test_floor(self) -> None:
        """A file that was written anew says up to where votes are forgotten; elsewhere such an entry is damage."""
        raw = HEAD + encode_floor((3, 17)) + RECORDS[2].encode()
        content = read_journal(raw, NETWORK, VALIDATORS[0], 10)
        self.assertEqual((content.records, content.floor, content.length), ((RECORDS[2],), (3, 17), len(raw)))
        self.assertEqual(self.code(RAW + encode_floor((3, 17)) + RECORDS[2].encode()), "journal_damaged")

    def test_pruned_when_durable(self) -> None:
        """The core asks for pruning when a block is executed, not when it is final."""
        scene = Scene()
        scene.hear(proposal(BLOCK), 0)
        scene.play(BLOCK)
        self.assertEqual(scene.of(Prune), [])
        scene._add(scene.core.executed(scene.now, 1))
        self.assertEqual(scene.of(Prune), [Prune(0, 0)])
