"""Operations that wait for a block."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Parameters
from cloudnode.formats.operation import Operation, Withdraw
from cloudnode.node.pool import Pool, PoolLimits


def operation(number: int, expiry: int = 100, size: int = 10, valid_from: int = 1) -> Operation:
    """An operation of which only what the pool looks at matters."""
    return Operation(
        number.to_bytes(32, "big"), bytes(size), bytes(64), bytes(32), bytes(32), 0, valid_from, expiry,
        Withdraw("x"),
    )  # fmt: skip


class PoolTests(SynchronousTestCase):
    def test_first_in_first_out(self) -> None:
        """A block takes the oldest operations, as many as genesis allows; they stay until they are removed."""
        pool = Pool(PoolLimits())
        for number in range(5):
            pool.add(operation(number))
        chosen = pool.choose(1, 0, Parameters(max_block_operations=3))
        self.assertEqual([int.from_bytes(op.id, "big") for op in chosen], [0, 1, 2])
        self.assertEqual(len(pool), 5)
        pool.remove(op.id for op in chosen)
        self.assertEqual((len(pool), pool.size), (2, 20))

    def test_block_bytes(self) -> None:
        """A block takes no more bytes than genesis allows."""
        pool = Pool(PoolLimits())
        for number in range(5):
            pool.add(operation(number, size=2000))
        self.assertEqual(len(pool.choose(1, 0, Parameters(max_block_bytes=4096))), 2)

    def test_heights(self) -> None:
        """An operation is chosen only for heights that it is valid at, both ends included."""
        pool = Pool(PoolLimits())
        pool.add(operation(1, valid_from=5, expiry=7))
        self.assertEqual([bool(pool.choose(height, 0, Parameters())) for height in range(4, 9)],
                         [False, True, True, True, False])  # fmt: skip

    def test_same_again(self) -> None:
        """The same operation twice is there once."""
        pool = Pool(PoolLimits())
        pool.add(operation(1))
        pool.add(operation(1))
        self.assertEqual((len(pool), pool.size), (1, 10))

    def test_full(self) -> None:
        """What does not fit, by number or by bytes, is refused by name."""
        pool = Pool(PoolLimits(operations=2, size=25))
        pool.add(operation(1))
        pool.check_room(1, 15)
        self.assertEqual(self.assertRaises(LedgerError, pool.check_room, 2, 2).code, "pool_full")
        self.assertEqual(self.assertRaises(LedgerError, pool.check_room, 1, 16).code, "pool_full")

    def test_expired(self) -> None:
        """What no later block may hold is given up and named, once."""
        pool = Pool(PoolLimits())
        for number, expiry in ((1, 10), (2, 5), (3, 20)):
            pool.add(operation(number, expiry))
        self.assertEqual(pool.drop_expired(11), [operation(2).id, operation(1).id])
        self.assertEqual(pool.drop_expired(11), [])
        self.assertEqual(len(pool), 1)

    def test_removed_is_not_expired(self) -> None:
        """An operation that a block took is not reported as expired later."""
        pool = Pool(PoolLimits())
        pool.add(operation(1, 5))
        pool.remove([operation(1).id])
        self.assertEqual(pool.drop_expired(50), [])
