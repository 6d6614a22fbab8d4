"""Operations as others send them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.received import receive_operations
from tests.unit.store.network import SmallNetwork


class ReceivedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SmallNetwork(self.mktemp())
        self.addCleanup(self.network.store.close)
        author = self.network.accounts[0]
        self.good = [self.network.put(author, "film", f"f{number}") for number in range(3)]

    def receive(self, *signed: tuple[bytes, bytes]) -> list[object]:
        received = receive_operations(signed, self.network.genesis)
        return [each.code if isinstance(each, LedgerError) else each for each in received]

    def test_good(self) -> None:
        """What was sent, in its order."""
        self.assertEqual(self.receive(*((each.body, each.signature) for each in self.good)), self.good)
        self.assertEqual(self.receive(), [])

    def test_each_has_its_own_fault(self) -> None:
        """A fault is that of one operation: the signatures of those around it are verified all the same."""
        first, second, third = self.good
        wrong = self.receive(
            (b"{}", first.signature),
            (first.body, first.signature),
            (second.body, first.signature),
            (third.body[:-1], third.signature),
            (third.body, third.signature),
        )
        self.assertEqual(wrong, ["member_missing", first, "signature_invalid", "json_malformed", third])
