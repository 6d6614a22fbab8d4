"""Calls, their order, their ends and their times."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.errors import AnswerMalformed, ConnectionFailed, RemoteError, TimedOut
from tests.unit.client.fakes import make_client


class CallTests(SynchronousTestCase):
    """One call and its answer."""

    def test_request(self) -> None:
        """A request is JSON-RPC 2.0 with what was asked for and nothing else."""
        client, carrier = make_client()
        client.call("getrecord", {"key": "1"}, {"at": 3})
        client.call("ping")
        self.assertEqual(
            carrier.sent,
            [
                {"jsonrpc": "2.0", "id": 1, "method": "getrecord", "params": {"key": "1"}, "context": {"at": 3}},
                {"jsonrpc": "2.0", "id": 2, "method": "ping"},
            ],
        )

    def test_answer(self) -> None:
        """An answer keeps the exact text of its result, and tells its context."""
        client, carrier = make_client()
        asked = client.call("getrecord")
        assert carrier.receiver is not None
        carrier.receiver.message_received(b'{"jsonrpc":"2.0","id":1,"result":{"data": [1 ,2]},"context":{"height":9}}')
        answer = self.successResultOf(asked)
        self.assertEqual(bytes(answer.raw), b'{"data": [1 ,2]}')
        self.assertEqual(answer.result, {"data": [1, 2]})
        assert answer.context is not None
        self.assertEqual(answer.context.height, 9)

    def test_answers_in_any_order(self) -> None:
        """Each answer finds its own call."""
        client, carrier = make_client()
        first, second = client.call("a"), client.call("b")
        carrier.answer(carrier.sent[1], "second")
        carrier.answer(carrier.sent[0], "first")
        self.assertEqual(self.successResultOf(first).result, "first")
        self.assertEqual(self.successResultOf(second).result, "second")

    def test_newest_height(self) -> None:
        """The client remembers the newest height and never goes back."""
        client, carrier = make_client()
        for height in (4, 9, 6):
            client.call("ping")
            carrier.answer(carrier.sent[-1], None, height)
        self.assertEqual(client.newest_height, 9)

    def test_remote_error(self) -> None:
        """An error keeps its number, name, sentence and data."""
        client, carrier = make_client()
        asked = client.call("submit")
        carrier.refuse(carrier.sent[0], "pool_full", -32005, most=10)
        error = self.failureResultOf(asked, RemoteError).value
        self.assertEqual((error.code, error.name, error.message), (-32005, "pool_full", "It is pool_full."))
        self.assertEqual(error.data["most"], 10)

    def test_error_without_id(self) -> None:
        """An error about a message that the node could not read fails the oldest call."""
        client, carrier = make_client()
        asked = client.call("ping")
        carrier.receive({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "no"}})
        self.assertEqual(self.failureResultOf(asked, RemoteError).value.code, -32700)

    def test_unknown_id_is_ignored(self) -> None:
        """An answer to nothing changes nothing."""
        client, carrier = make_client()
        asked = client.call("ping")
        carrier.receive({"jsonrpc": "2.0", "id": 99, "result": "late"})
        self.assertNoResult(asked)

    def test_not_json(self) -> None:
        """Bytes that are no answer end the connection, and every call says why."""
        client, carrier = make_client()
        asked = client.call("ping")
        assert carrier.receiver is not None
        carrier.receiver.message_received(b"<html>")
        self.failureResultOf(asked, AnswerMalformed)
        self.assertTrue(carrier.is_closed)
        self.failureResultOf(client.call("ping"), ConnectionFailed)


class PipelineTests(SynchronousTestCase):
    """How many calls are on their way."""

    def test_bound(self) -> None:
        """Calls above the bound go out one by one, in order, as answers come."""
        client, carrier = make_client(outstanding=2)
        asked = [client.call("m", [number]) for number in range(4)]
        self.assertEqual([request["params"] for request in carrier.sent], [[0], [1]])
        carrier.answer(carrier.sent[0], None)
        self.assertEqual(carrier.sent[-1]["params"], [2])
        carrier.answer(carrier.sent[1], None)
        self.assertEqual(carrier.sent[-1]["params"], [3])
        self.successResultOf(asked[0])
        self.assertNoResult(asked[3])

    def test_cancel(self) -> None:
        """A cancelled call makes room for the next one, and is never sent if it still waited."""
        client, carrier = make_client(outstanding=1)
        first, second, third = (client.call("m", [number]) for number in range(3))
        for asked in (first, second, third):
            asked.addErrback(lambda _: None)
        second.cancel()
        first.cancel()
        self.assertEqual([request["params"] for request in carrier.sent], [[0], [2]])

    def test_one_request_fails(self) -> None:
        """Where each request can fail by itself, the others go on."""
        client, carrier = make_client()
        first, second = client.call("a"), client.call("b")
        assert carrier.receiver is not None
        carrier.receiver.request_failed(1, ConnectionFailed("no"))
        self.failureResultOf(first, ConnectionFailed)
        carrier.answer(carrier.sent[1], "fine")
        self.successResultOf(second)


class EndTests(SynchronousTestCase):
    """Lost connections, closing, and time."""

    def test_lost(self) -> None:
        """A lost connection fails what was sent, what waited and what comes later, and says so once."""
        clock = Clock()
        client, carrier = make_client(clock, outstanding=1)
        asked = [client.call("a"), client.call("b")]
        carrier.lose()
        for call in (*asked, client.call("c")):
            self.failureResultOf(call, ConnectionFailed)
        self.assertIsInstance(self.successResultOf(client.lost), ConnectionFailed)
        self.assertFalse(client.is_connected)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_one_gives_up_another(self) -> None:
        """Whoever is told of one call's failure may give up others, which fail at the same moment: at the end of the
        connection, and of their time.
        """
        for end in ("lost", "late"):
            client, carrier = make_client()
            first, second, third = client.call("a"), client.call("b"), client.call("c")
            first.addErrback(lambda _, second=second: second.cancel())
            if end == "lost":
                carrier.lose()
            else:
                client._clock.pump([1.0] * 40)  # type: ignore[attr-defined]
            self.failureResultOf(second, CancelledError)
            self.failureResultOf(third, ConnectionFailed if end == "lost" else TimedOut)
            self.assertEqual(client.lost.called, end == "lost")

    def test_close(self) -> None:
        """Closing closes the carrier, fails open calls, and leaves no timer."""
        clock = Clock()
        client, carrier = make_client(clock)
        asked = client.call("a")
        self.successResultOf(client.close())
        self.assertTrue(carrier.is_closed)
        self.failureResultOf(asked, ConnectionFailed)
        self.assertIsNone(self.successResultOf(client.lost))
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_time_out(self) -> None:
        """A call fails at its time or up to a tenth later, and its late answer is ignored."""
        clock = Clock()
        client, carrier = make_client(clock, timeout=10.0)
        slow, patient = client.call("a"), client.call("b", timeout=60)
        for _ in range(99):
            clock.advance(0.1)
        self.assertNoResult(slow)
        for _ in range(11):
            clock.advance(0.1)
        self.failureResultOf(slow, TimedOut)
        self.assertNoResult(patient)
        carrier.answer(carrier.sent[0], "late")
        carrier.answer(carrier.sent[1], "fine")
        self.assertEqual(self.successResultOf(patient).result, "fine")
        clock.pump([1] * 60)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_waiting_call_times_out(self) -> None:
        """A call that was never sent times out as well."""
        clock = Clock()
        client, carrier = make_client(clock, outstanding=1, timeout=100.0)
        client.call("a").addErrback(lambda _: None)
        waiting = client.call("b", timeout=1.0)
        clock.pump([0.5] * 30)
        self.failureResultOf(waiting, TimedOut)
        self.assertEqual(len(carrier.sent), 1)
        self.successResultOf(client.close())

    def test_malformed_notification(self) -> None:
        """A notification that can't be read is logged and hurts nobody."""
        client, carrier = make_client()
        asked = client.call("ping")
        carrier.notify({"subscription": 5})
        self.assertEqual(len(self.flushLoggedErrors(Exception)), 1)
        carrier.answer(carrier.sent[0], "pong")
        self.successResultOf(asked)
