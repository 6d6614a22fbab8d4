"""The operations of final blocks: which of them are not what they must be."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.block import Header
from cloudnode.formats.operation import Operation
from cloudnode.formats.received import Received, SignedBody, receive_operations
from cloudnode.peers.blockcheck import Unchecked, check_operations
from cloudnode.peers.messages import SentOperation
from tests.unit.signing import sign_otherwise
from tests.unit.store.network import SmallNetwork


class CheckOperationsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp())
        self.addCleanup(self.network.store.close)
        self.author = self.network.accounts[0]
        self.asked: list[int] = []

    def receive(self, signed: Sequence[SignedBody]) -> list[Received]:
        self.asked.append(len(signed))
        return receive_operations(signed, self.network.genesis)

    def put(self, count: int) -> list[Operation]:
        return [self.network.put(self.author, "film", f"f{number}") for number in range(count)]

    def sent(self, *operations: Operation) -> Unchecked:
        """A block with these operations, as it comes from a peer."""
        block = self.network.make_block(operations)
        held = [SentOperation(each.body, each.signature) for each in operations]
        return Unchecked(block, Header.decode(block.header), self.network.store.epoch, held)

    def test_several_blocks(self) -> None:
        """All that has to be verified is asked for at once, and each block has its own operations back."""
        first, held, last = self.put(3), self.put(1), self.put(2)
        known = self.sent(*held)
        known = Unchecked(known.block, known.header, known.epoch, held)
        checked = check_operations([self.sent(*first), known, self.sent(), self.sent(*last)], self.receive)
        self.assertEqual([each.operations for each in checked], [first, held, [], last])
        self.assertTrue(all(each.signed_so and not each.faults for each in checked))
        self.assertEqual(self.asked, [5])

    def test_nothing_to_verify(self) -> None:
        """What is known already is not verified a second time."""
        known = self.sent(*(held := self.put(2)))
        [checked] = check_operations([Unchecked(known.block, known.header, known.epoch, held)], self.receive)
        self.assertEqual((checked.operations, self.asked), (held, []))

    def test_faults(self) -> None:
        """A fault is told of the operation whose it is, in its own block."""
        good, [first, second] = self.put(1), self.put(2)
        wrong = self.sent(first, second)
        held = [SentOperation(first.body, second.signature), SentOperation(second.body[:-1], second.signature)]
        checked = check_operations(
            [self.sent(*good), Unchecked(wrong.block, wrong.header, wrong.epoch, held), self.sent(*good)], self.receive
        )
        self.assertEqual([sorted(each.faults) for each in checked], [[], [0, 1], []])
        names = [checked[1].faults[index].name for index in range(2)]
        self.assertEqual(names, ["wrong_signature", "wrong_operation"])

    def test_other_signature(self) -> None:
        """A true signature that is not the one in the block is nobody's lie."""
        [operation] = self.put(1)
        sent = self.sent(operation)
        other = SentOperation(operation.body, sign_otherwise(self.author, operation.body))
        [checked] = check_operations([Unchecked(sent.block, sent.header, sent.epoch, [other])], self.receive)
        self.assertEqual((checked.faults, checked.signed_so), ({}, False))

    def test_window(self) -> None:
        """An operation must be valid at the height of its block."""
        self.network.lifetime = 1
        [operation] = self.put(1)
        heights = []
        for _ in range(4):
            [checked] = check_operations([self.sent(operation)], self.receive)
            heights.append("" if not checked.faults else str(checked.faults[0]))
            self.network.block()
        self.assertEqual([bool(each) for each in heights], [False, False, True, True])
        self.assertIn("wrong_operation: operation 0 of block 3: operation_expired", heights[2])
