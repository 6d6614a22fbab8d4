"""The client's side, by a clock that the test turns."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.stun.attributes import (
    ALTERNATE_SERVER,
    XOR_MAPPED_ADDRESS,
    Address,
    encode_address,
    encode_error,
    encode_unknown,
    encode_xor_address,
)
from cloudnode.stun.errors import StunError, StunRefused
from cloudnode.stun.integrity import add_integrity_sha256, check_integrity
from cloudnode.stun.message import BINDING, Attribute, Kind, Message, decode, encode
from cloudnode.stun.transaction import Answer, Done, Timing, Transactions, is_same

SERVER = ("192.0.2.1", 3478)
MAPPED = ("198.51.100.7", 40_000)
KEY = b"k" * 32


def success(transaction: bytes, *more: Attribute, key: bytes | None = None) -> bytes:
    mapped = Attribute(XOR_MAPPED_ADDRESS, encode_xor_address(MAPPED, transaction))
    data = encode(Message(BINDING, Kind.SUCCESS, transaction, (mapped, *more)))
    return data if key is None else add_integrity_sha256(data, key)


def error(transaction: bytes, *attributes: Attribute) -> bytes:
    return encode(Message(BINDING, Kind.ERROR, transaction, attributes))


class TransactionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.transactions = Transactions(Random(1).randbytes)

    def run_out(self, transactions: Transactions, began: float) -> tuple[list[float], float, str]:
        """When requests were sent, and when and why it failed."""
        sent, failed = [0.0], []
        while (deadline := transactions.deadline()) is not None:
            again, over = transactions.handle_timer(deadline)
            sent += [round(deadline - began, 6) for _ in again]
            failed += [(round(deadline - began, 6), each.outcome) for each in over]
        [(at, outcome)] = failed
        assert isinstance(outcome, StunError)
        return sent, at, outcome.name

    def test_schedule(self) -> None:
        """Without an answer a request is sent seven times, by RFC 8489's schedule, and fails after 39.5 s."""
        self.transactions.begin(SERVER, 100.0)
        sent, failed, name = self.run_out(self.transactions, 100.0)
        self.assertEqual(sent, [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5])
        self.assertEqual((failed, name), (39.5, "timed_out"))
        self.assertEqual(len(self.transactions), 0)

    def test_other_rto(self) -> None:
        """The RTO and the counts can be set, for all requests or for one."""
        transactions = Transactions(Random(1).randbytes, timing=Timing(rto=0.1))
        transactions.begin(SERVER, 0.0, timing=Timing(rto=0.1, rc=3, rm=2))
        self.assertEqual(self.run_out(transactions, 0.0), ([0, 0.1, 0.3], 0.5, "timed_out"))

    def test_reliable(self) -> None:
        """Over TCP a request is sent once, and fails after 39.5 s."""
        transactions = Transactions(Random(1).randbytes, reliable=True)
        transactions.begin(SERVER, 5.0)
        self.assertEqual(self.run_out(transactions, 5.0), ([0], 39.5, "timed_out"))

    def test_answer(self) -> None:
        """An answer ends its transaction; the round trip is told if the request was sent once."""
        one, sent = self.transactions.begin(SERVER, 1.0)
        self.assertEqual(decode(sent.data).transaction, one)
        two, _ = self.transactions.begin(SERVER, 1.0)
        done = self.receive(success(one), 1.25)
        assert isinstance(done.outcome, Answer)
        self.assertEqual((done.transaction, done.outcome.mapped, done.outcome.seconds), (one, MAPPED, 0.25))
        self.transactions.handle_timer(1.5)
        done = self.receive(success(two), 1.6)
        assert isinstance(done.outcome, Answer)
        self.assertIs(done.outcome.seconds, None)
        self.assertIs(self.transactions.deadline(), None)
        self.assertIs(self.transactions.receive(success(two), SERVER, 1.7), None)

    def receive(self, data: bytes, now: float, source: Address = SERVER) -> Done:
        done = self.transactions.receive(data, source, now)
        assert done is not None
        return done

    def test_passed_over(self) -> None:
        """What comes from elsewhere, with another id, or is no response, ends nothing."""
        one, sent = self.transactions.begin(SERVER, 0.0)
        for data, source in (
            (success(one), ("192.0.2.1", 3479)),
            (success(one), ("192.0.2.2", 3478)),
            (success(bytes(12)), SERVER),
            (sent.data, SERVER),
            (encode(Message(3, Kind.SUCCESS, one)), SERVER),
        ):
            self.assertIs(self.transactions.receive(data, source, 0.1), None)
        self.assertRaises(StunError, self.transactions.receive, b"junk", SERVER, 0.1)
        self.receive(success(one), 0.2, ("::ffff:192.0.2.1", 3478))

    def test_any_source(self) -> None:
        """What CHANGE-REQUEST asked for comes from elsewhere, and is taken where it was expected."""
        one, _ = self.transactions.begin(SERVER, 0.0, any_source=True)
        done = self.receive(success(one), 0.1, ("192.0.2.9", 3479))
        assert isinstance(done.outcome, Answer)
        self.assertEqual(done.outcome.server, ("192.0.2.9", 3479))

    def test_integrity(self) -> None:
        """With a key, the request has an integrity; answers without a good one don't count but are told of."""
        one, sent = self.transactions.begin(SERVER, 0.0, username="me", key=KEY)
        self.assertTrue(check_integrity(decode(sent.data), KEY))
        self.assertIs(self.transactions.receive(success(one), SERVER, 0.1), None)
        self.assertIs(self.transactions.receive(success(one, key=b"other"), SERVER, 0.1), None)
        sent_at, failed, name = self.run_out(self.transactions, 0.0)
        self.assertEqual((len(sent_at), failed, name), (7, 39.5, "wrong_integrity"))
        two, _ = self.transactions.begin(SERVER, 0.0, username="me", key=KEY)
        self.assertIsInstance(self.receive(success(two, key=KEY), 0.1).outcome, Answer)

    def test_integrity_reliable(self) -> None:
        """Over TCP a wrong integrity ends the transaction at once."""
        self.transactions = Transactions(Random(1).randbytes, reliable=True)
        one, _ = self.transactions.begin(SERVER, 0.0, username="me", key=KEY)
        outcome = self.receive(success(one), 0.1).outcome
        assert isinstance(outcome, StunError)
        self.assertEqual(outcome.name, "wrong_integrity")

    def test_refused(self) -> None:
        """An error response tells its code, what is unknown, and where else to ask."""
        alternate = Attribute(ALTERNATE_SERVER, encode_address(("192.0.2.8", 99)))
        for attributes, expected in (
            ((encode_error(420, "Unknown"), encode_unknown((3,))), (420, "Unknown", (3,), None)),
            ((encode_error(300), alternate), (300, "", (), ("192.0.2.8", 99))),
        ):
            one, _ = self.transactions.begin(SERVER, 0.0)
            outcome = self.receive(error(one, *attributes), 0.1).outcome
            assert isinstance(outcome, StunRefused)
            self.assertEqual((outcome.code, outcome.reason, outcome.unknown, outcome.alternate), expected)

    def test_unusable(self) -> None:
        """An answer that can't be used ends its transaction with the reason's name."""
        for make, name in (
            (lambda one: success(one, Attribute(0x7001, b"")), "unknown_required"),
            (lambda one: encode(Message(BINDING, Kind.SUCCESS, one)), "no_address"),
            (lambda one: error(one), "attribute_length"),
            (lambda one: encode(Message(BINDING, Kind.SUCCESS, one, (Attribute(XOR_MAPPED_ADDRESS, b"\0\1"),))),
             "attribute_length"),
        ):  # fmt: skip
            one, _ = self.transactions.begin(SERVER, 0.0)
            outcome = self.receive(make(one), 0.1).outcome
            assert isinstance(outcome, StunError)
            self.assertEqual(outcome.name, name)

    def test_end(self) -> None:
        """What is cancelled is never heard of again; what waits when the socket ends fails by its name."""
        one, _ = self.transactions.begin(SERVER, 0.0)
        two, _ = self.transactions.begin(SERVER, 0.0)
        self.transactions.cancel(one)
        [done] = self.transactions.fail(StunError("disconnected"))
        self.assertEqual(done.transaction, two)
        self.assertIs(self.transactions.deadline(), None)

    def test_same(self) -> None:
        """An address is the same in all its spellings."""
        self.assertTrue(is_same(("2001:db8::1", 1), ("2001:0db8:0::1", 1)))
        self.assertFalse(is_same(("2001:db8::1", 1), ("2001:db8::1", 2)))
        self.assertFalse(is_same(("2001:db8::1", 1), ("2001:db8::2", 1)))
