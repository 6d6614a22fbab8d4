"""Signatures are checked in batches, and each operation's fate is its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import build_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Envelope, Operation, build_delete, decode_operation, sign_operation
from cloudnode.node.checking import SignatureChecker

KEY = SigningKey(b"k" * 32)
GENESIS = build_genesis(name="test", time=0, validators=[KEY.public])


def make_operation(number: int, *, signed: bool = True) -> Operation:
    body = build_delete(Envelope(GENESIS.network, KEY.public, 0, 1, 9), "note", str(number))
    return decode_operation(body, sign_operation(KEY, body if signed else b"something else"), GENESIS)


class SignatureCheckerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.checker = SignatureChecker(self.clock, self.run_later, batch=4)
        self.work: list[tuple[Callable[[], Any], Deferred[Any]]] = []
        self.told: list[tuple[Operation, str | None]] = []

    def run_later(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.work.append((partial(function, *arguments), done))
        return done

    def check_all(self) -> None:
        """Let the thread do what waits for it."""
        self.clock.advance(0)
        while self.work:
            function, done = self.work.pop(0)
            done.callback(function())

    def take(self, operation: Operation, wrong: Failure | None) -> None:
        self.told.append((operation, None if wrong is None else wrong.value.code))

    def test_order(self) -> None:
        """All are told in the order in which they came, over several batches, and a false signature is named."""
        operations = [make_operation(number, signed=number != 2) for number in range(10)]
        for operation in operations:
            self.checker.check(operation, self.take)
        self.assertEqual(self.checker.pending, 10)
        self.check_all()
        expected = [(each, "signature_invalid" if at == 2 else None) for at, each in enumerate(operations)]
        self.assertEqual(self.told, expected)
        self.assertEqual((self.checker.pending, self.checker.pending_size), (0, 0))

    def test_taker_that_fails(self) -> None:
        """What goes wrong with one operation is logged, and the others of its batch are taken."""

        def fail(operation: Operation, wrong: Failure | None) -> None:
            raise LedgerError("pool_full")

        self.checker.check(make_operation(0), fail)
        self.checker.check(make_operation(1), self.take)
        self.check_all()
        self.assertEqual(len(self.told), 1)
        self.assertEqual(len(self.flushLoggedErrors(LedgerError)), 1)
