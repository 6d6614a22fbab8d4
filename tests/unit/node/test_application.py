"""What a validator finds of a proposed block: the ledger's answers to consensus."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.consensus.messages import Block
from cloudnode.formats.appointment import sign_approval
from cloudnode.formats.block import Header, operations_hash, signatures_hash, validators_hash
from cloudnode.formats.genesis import Parameters, build_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import (
    Appoint,
    Envelope,
    Operation,
    build_appoint,
    build_put,
    decode_operation,
    sign_operation,
)
from cloudnode.node.application import AHEAD_MOST_MS, LedgerApplication
from cloudnode.node.pool import Pool, PoolLimits
from cloudnode.store.sqlite import SqliteStore
from tests.unit.node.nodes import LedgerOnClock
from tests.unit.signing import sign_otherwise
from tests.unit.store.network import TIME, make_key

AUTHOR, VALIDATOR = make_key(100), make_key(1)
PARAMETERS = Parameters(max_operation_bytes=4_096, max_block_bytes=4_096)


class ApplicationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.genesis = build_genesis(name="test", time=TIME, validators=[VALIDATOR.public], parameters=PARAMETERS)
        self.store = SqliteStore.open(self.mktemp(), self.genesis)
        self.addCleanup(self.store.close)
        self.pool = Pool(PoolLimits())
        self.application = LedgerApplication(self.store, self.pool, self.genesis, lambda: TIME / 1000)
        self.missing: list[tuple[bytes, ...]] = []
        self.other: list[Block] = []
        self.early: list[int] = []
        self.application.on_missing = lambda block, ids: self.missing.append(ids)
        self.application.on_other_signatures = self.other.append
        self.application.on_early = lambda block, milliseconds: self.early.append(milliseconds)

    def put(self, name: str, first: int = 0, last: int = 50, size: int = 1, key: SigningKey = AUTHOR) -> Operation:
        body = build_put(Envelope(self.genesis.network, key.public, TIME, first, last), "film", name, "x" * size)
        return decode_operation(body, sign_operation(key, body), self.genesis)

    def appoint(self, *keys: SigningKey, epoch: int = 0) -> Operation:
        validators = tuple(key.public for key in keys)
        approvals = (sign_approval(VALIDATOR, 0, self.genesis.network, epoch, validators),)
        envelope = Envelope(self.genesis.network, AUTHOR.public, TIME, 0, 50)
        body = build_appoint(envelope, Appoint(epoch, validators, approvals))
        return decode_operation(body, sign_operation(AUTHOR, body), self.genesis)

    def block(
        self,
        operations: Sequence[Operation],
        height: int = 1,
        time: int = TIME + 1,
        validators: Sequence[bytes] = (),
        epoch: int = 0,
    ) -> Block:
        ids = tuple(operation.id for operation in operations)
        header = Header(
            network=self.genesis.network,
            epoch=epoch,
            view=0,
            height=height,
            time=time,
            parent=self.store.head.hash,
            operations_hash=operations_hash(ids),
            operations_count=len(ids),
            root_height=0,
            root=self.store.head.root,
            signatures_hash=signatures_hash(operation.signature for operation in operations),
            next_validators=validators_hash(tuple(validators)),
        )
        return Block.of(header, ids, tuple(validators))

    def hold(self, *operations: Operation) -> None:
        for operation in operations:
            self.pool.add(operation)

    def check(self, block: Block, *ancestors: Block) -> str:
        return self.application.check(block, ancestors).name

    def test_good(self) -> None:
        """What is here, in time and unused may stand in it; so may nothing."""
        operations = [self.put("a"), self.put("b")]
        self.hold(*operations)
        self.assertEqual(self.check(self.block(operations)), "VALID")
        self.assertEqual(self.check(self.block([])), "VALID")
        self.assertEqual((self.missing, self.other, self.early), ([], [], []))

    def test_twice(self) -> None:
        """An operation may stand once in a block, and not in one that an ancestor holds already."""
        operation = self.put("a")
        self.hold(operation)
        self.assertEqual(self.check(self.block([operation, operation])), "INVALID")
        before = self.block([operation])
        self.assertEqual(self.check(self.block([operation], height=2), before), "INVALID")

    def test_missing(self) -> None:
        """What isn't here is asked for, in the block's order; once it is here the block is good."""
        operations = [self.put(name) for name in "abc"]
        self.hold(operations[1])
        block = self.block(operations)
        self.assertEqual(self.check(block), "WAITING")
        self.assertEqual(self.missing, [(operations[0].id, operations[2].id)])
        self.hold(*operations)
        self.assertEqual(self.check(block), "VALID")

    def test_other_signatures(self) -> None:
        """A block covers the signatures: the same operation signed otherwise waits for the leader's."""
        operation = self.put("a")
        self.hold(operation)
        signed_so = decode_operation(operation.body, sign_otherwise(AUTHOR, operation.body), self.genesis)
        block = self.block([signed_so])
        self.assertEqual(self.check(block), "WAITING")
        self.assertEqual(self.other, [block])
        self.pool.replace(signed_so)
        self.assertEqual(self.check(block), "VALID")

    def test_window(self) -> None:
        """An operation stands between its first and its last height, both included."""
        operation = self.put("a", first=3, last=5)
        self.hold(operation)
        verdicts = [self.check(self.block([operation], height=height)) for height in range(2, 7)]
        self.assertEqual(verdicts, ["INVALID", "VALID", "VALID", "VALID", "INVALID"])

    def test_too_large(self) -> None:
        """All bodies together have a bound; bodies that are missing still can't make it good."""
        operations = [self.put(f"{number}", size=1_500) for number in range(3)]
        self.hold(*operations)
        self.assertEqual(self.check(self.block(operations[:2])), "VALID")
        self.assertEqual(self.check(self.block(operations)), "INVALID")
        self.assertEqual(self.check(self.block([*operations, self.put("missing")])), "INVALID")
        self.assertEqual(self.missing, [])

    def test_early(self) -> None:
        """A time further ahead than allowed waits for as long, unless it can be no less after the parent's."""
        block = self.block([], time=TIME + AHEAD_MOST_MS)
        self.assertEqual(self.check(block), "VALID")
        late = self.block([], time=TIME + AHEAD_MOST_MS + 700)
        self.assertEqual(self.check(late), "WAITING")
        self.assertEqual(self.early, [700])
        self.assertEqual(self.check(self.block([], height=2, time=late.header.time + 1), late), "VALID")
        self.assertEqual(self.check(self.block([], height=2, time=late.header.time + 2), late), "WAITING")

    def test_appoint(self) -> None:
        """A block appoints exactly whom its one operation appoints, in the epoch that this ends, and holds nothing
        else."""
        operation, other = self.appoint(make_key(7), make_key(8)), self.put("a")
        named = [make_key(7).public, make_key(8).public]
        self.hold(operation, other)
        self.assertEqual(self.check(self.block([operation], validators=named)), "VALID")
        self.assertEqual(self.check(self.block([operation], validators=named[:1])), "INVALID")
        self.assertEqual(self.check(self.block([operation])), "INVALID")
        self.assertEqual(self.check(self.block([other], validators=named)), "INVALID")
        self.assertEqual(self.check(self.block([], validators=named)), "INVALID")
        self.assertEqual(self.check(self.block([operation, other], validators=named)), "INVALID")
        self.assertEqual(self.check(self.block([operation], validators=named, epoch=1)), "INVALID")

    def test_draft(self) -> None:
        """A leader takes what waits and is in no ancestor, covers the signatures, and tells its own time."""
        operations = [self.put(name) for name in "abc"]
        self.hold(*operations)
        before = self.block(operations[:1])
        self.assertTrue(self.application.has_work(0, [before]))
        draft = self.application.draft(2, 0, [before], False)
        self.assertEqual(draft.ids, tuple(operation.id for operation in operations[1:]))
        self.assertEqual(draft.signatures_hash, signatures_hash(each.signature for each in operations[1:]))
        self.assertEqual((draft.time, draft.validators), (TIME, ()))
        self.assertEqual(self.application.draft(2, 0, [before], True).ids, ())
        self.assertFalse(self.application.has_work(0, [before, self.block(operations[1:], height=2)]))

    def test_root(self) -> None:
        """Only what is executed has a root."""
        self.assertEqual(self.application.root(0), self.store.head.root)
        self.assertIsNone(self.application.root(1))

    def test_begin(self) -> None:
        """What was found before a repair says nothing of what is there after it."""
        node = LedgerOnClock(self.mktemp())
        self.successResultOf(Deferred.fromCoroutine(node.ledger.start()))
        for name in "ab":
            self.successResultOf(node.submit(node.put(name)))
            node.advance(0.5)
        validator = node.ledger.validator
        assert validator is not None
        application = validator._application
        root, block = application.root(1), node.ledger.reading().block(1)
        assert block is not None
        application.executed(1, b"?" * 32, b"wrong" * 6 + b"??")
        self.assertNotEqual(application.root(1), root)
        validator.halt()
        validator.start()
        self.assertEqual(application.root(1), root)
        self.assertIsNotNone(application.find_block(block.hash))
        self.assertIsNone(application.find_block(b"?" * 32))
        stopping = Deferred.fromCoroutine(node.ledger.stop())
        node.advance(0.2)
        self.successResultOf(stopping)
