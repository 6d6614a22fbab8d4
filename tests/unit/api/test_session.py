"""Sessions: answers out of order, bounded waiting, back-pressure, admission."""

from __future__ import annotations

import json

from cloudnode.api.limits import Limits
from cloudnode.transports.seam import Caller, Refused, Session, SessionOpener
from tests.unit.api.network import MemoryConnection, NodeTestCase


def call(method: str, number: int = 1, **more: object) -> bytes:
    """A request's bytes."""
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, **more}).encode()


class SessionTests(NodeTestCase):
    """One connection."""

    limits = Limits(outstanding=3, unread_bytes=10_000, wait_seconds=2)

    def setUp(self) -> None:
        super().setUp()
        self.session, self.connection = self.node.connect("127.0.0.1")

    def test_seam(self) -> None:
        """Session and opener are what transports expect."""
        session: Session = self.session
        opener: SessionOpener = self.node.opener
        session.message_received(call("ping"))
        opener.check_admission(self.connection.caller)
        self.assertEqual([answer["result"] for answer in self.connection.take()], ["pong"])

    def test_out_of_order(self) -> None:
        """A call that waits does not hold up those after it."""
        height = self.node.ledger.head.height + 1
        self.session.message_received(call("ping", 1, context={"min_height": height}))
        self.session.message_received(call("ping", 2))
        self.assertEqual([answer["id"] for answer in self.connection.take()], [2])
        self.node.put("1")
        self.assertEqual([answer["id"] for answer in self.connection.take()], [1])

    def test_outstanding(self) -> None:
        """More waiting calls than the limit are refused by name; those that wait are answered."""
        height = self.node.ledger.head.height + 1
        for number in range(4):
            self.session.message_received(call("ping", number, context={"min_height": height}))
        (refused,) = self.connection.take()
        self.assertEqual((refused["id"], refused["error"]["code"]), (3, -32005))
        self.assertEqual(refused["error"]["data"], {"code": "too_many_outstanding", "most": 3})
        self.node.put("1")
        self.assertEqual([answer["id"] for answer in self.connection.take()], [0, 1, 2])
        self.session.message_received(call("ping", 5))
        self.assertEqual([answer["id"] for answer in self.connection.take()], [5])

    def test_pause(self) -> None:
        """While the caller does not read, nothing is answered; then everything is, in order."""
        self.session.pause_sending()
        for number in range(3):
            self.session.message_received(call("ping", number))
        self.assertEqual(self.connection.sent, [])
        self.session.resume_sending()
        self.assertEqual([answer["id"] for answer in self.connection.take()], [0, 1, 2])

    def test_pause_again(self) -> None:
        """A buffer that fills up while kept messages are answered stops that."""
        self.session.pause_sending()
        for number in range(3):
            self.session.message_received(call("ping", number))
        send = self.connection.send_message

        def fill(message: bytes) -> None:
            send(message)
            self.session.pause_sending()

        self.connection.send_message = fill  # type: ignore[method-assign]
        self.session.resume_sending()
        self.assertEqual([answer["id"] for answer in self.connection.take()], [0])
        self.session.message_received(call("ping", 3))
        self.session.resume_sending()
        self.session.resume_sending()
        self.session.resume_sending()
        self.assertEqual([answer["id"] for answer in self.connection.take()], [1, 2, 3])

    def test_never_reads(self) -> None:
        """A caller that asks on without reading is closed, and nothing is kept for it."""
        for messages in ([call("ping")] * 4, [call("ping") + b" " * 9_990]):
            session, connection = self.node.connect("127.0.0.1")
            session.pause_sending()
            for message in messages:
                session.message_received(message)
            self.assertEqual(connection.closed, (1008, "answers are not being read"))
            session.connection_lost()
            session.resume_sending()
            self.assertEqual(connection.sent, [])

    def test_lost(self) -> None:
        """After the connection is lost nothing is sent and nothing is left behind."""
        self.session.message_received(call("subscribe", params={"topic": "records"}))
        self.session.message_received(call("submit", params=self.node.params(self.node.put_body("1"), wait="final")))
        self.connection.take()
        self.session.connection_lost()
        self.session.message_received(call("ping"))
        self.node.pass_time(1)
        self.assertEqual(self.connection.sent, [])
        meters = self.node.served.meters
        self.assertEqual((meters.subscriptions, meters.sessions["ws"], self.node.served.admission.connected), (0, 0, 0))

    def test_write_outlives_its_caller(self) -> None:
        """An operation that was taken becomes final though its caller left."""
        self.session.message_received(call("submit", params=self.node.params(self.node.put_body("1"), wait="final")))
        self.node.clock.advance(0)
        self.session.connection_lost()
        self.node.pass_time(1)
        self.assertEqual(self.node.call("getrecord", self.node.name("1"))["version"], 1)

    def test_same_bytes(self) -> None:
        """The same call is answered with the same bytes on every transport."""
        self.node.put("1")
        for message in (call("getrecord", params=self.node.name("1")), call("listrecords"), call("getnodeinfo"),
                        call("rpc.discover"), call("getproof", params={"of": "datahash"}), b"nonsense"):  # fmt: skip
            answers = {self.node.answer(message)}
            for transport in ("ws", "ws-udp", "webtransport"):
                session, connection = self.node.connect("127.0.0.1", transport)
                session.message_received(message)
                answers.update(connection.sent)
            self.assertEqual(len(answers), 1)


class AdmissionTests(NodeTestCase):
    """Limits by address."""

    limits = Limits(
        connections=6, connections_address=2, requests_second=10, requests_burst=5, addresses=3, wait_seconds=1
    )

    def refusal(self, address: str) -> Refused:
        with self.assertRaises(Refused) as raised:
            self.node.connect(address)
        with self.assertRaises(Refused):
            self.node.opener.check_admission(Caller(address, "ws"))
        return raised.exception

    def test_connections_of_an_address(self) -> None:
        """An address has so many connections at most; a lost one makes room; others are not concerned."""
        first, _ = self.node.connect("192.0.2.1")
        self.node.connect("192.0.2.1")
        refused = self.refusal("192.0.2.1")
        self.assertEqual((refused.status, refused.retry_after), (429, 10))
        self.node.connect("192.0.2.2")
        first.connection_lost()
        self.node.connect("192.0.2.1")

    def test_networks(self) -> None:
        """An IPv6 /64 counts as one address; an IPv4 address is the same when mapped into IPv6."""
        self.node.connect("2001:db8::1")
        self.node.connect("2001:db8::2")
        self.refusal("2001:db8::3")
        self.node.connect("2001:db8:0:1::1")
        self.node.connect("192.0.2.1")
        self.node.connect("::ffff:192.0.2.1")
        self.refusal("192.0.2.1")

    def test_all_connections(self) -> None:
        """All callers together have so many connections at most, trusted ones too."""
        for number in range(6):
            self.node.connect(f"192.0.2.{number}")
        self.refusal("127.0.0.1")

    def test_stopped(self) -> None:
        """A node that has stopped opens no session."""
        self.node.stop()
        self.assertEqual(self.refusal("192.0.2.1").status, 503)

    def answers(self, session: object, connection: MemoryConnection, count: int) -> list[str]:
        """Names of the outcomes of so many pings."""
        for number in range(count):
            session.message_received(call("ping", number))  # type: ignore[attr-defined]
        return [answer.get("result") or answer["error"]["data"]["code"] for answer in connection.take()]

    def test_rate(self) -> None:
        """A burst is answered, then requests at the rate; a refusal says when to come again."""
        session, connection = self.node.connect("192.0.2.1")
        self.assertEqual(self.answers(session, connection, 7), ["pong"] * 5 + ["too_many_requests"] * 2)
        session.message_received(call("ping"))
        error = connection.take()[0]["error"]
        self.assertEqual((error["code"], error["data"]["retry_after"]), (-32005, 0.1))
        self.node.clock.advance(0.1)
        self.assertEqual(self.answers(session, connection, 2), ["pong", "too_many_requests"])
        other, elsewhere = self.node.connect("192.0.2.2")
        self.assertEqual(self.answers(other, elsewhere, 1), ["pong"])

    def test_rate_of_an_address(self) -> None:
        """Connections of one address share its rate, garbage and batches count, and this machine has no limit."""
        first, one = self.node.connect("192.0.2.1")
        second, two = self.node.connect("192.0.2.1")
        first.message_received(b"nonsense")
        first.message_received(b"[" + b",".join([call("ping")] * 3) + b"]")
        one.take()
        self.assertEqual(self.answers(second, two, 2), ["pong", "too_many_requests"])
        first.message_received(b"[" + b",".join([call("ping")] * 2) + b"]")
        self.assertEqual(one.take()[0]["error"]["data"]["code"], "too_many_requests")
        local, here = self.node.connect("127.0.0.1")
        self.assertEqual(self.answers(local, here, 50), ["pong"] * 50)

    def test_addresses_are_bounded(self) -> None:
        """However many addresses call, no more than so many are remembered."""
        for number in range(100):
            self.node.scope(f"192.0.2.{number}")
        self.assertEqual(len(self.node.served.admission._buckets), 3)
        self.assertEqual(self.node.served.admission._connections, {})
