"""The HTTP carrier, against a resource in memory."""

from __future__ import annotations

import json
from typing import Any

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseNeverReceived
from twisted.web.resource import Resource

from cloudnode.client.address import parse_url
from cloudnode.client.client import Client
from cloudnode.client.errors import ConnectionFailed, RemoteError
from cloudnode.client.http import HttpCarrier


class Echo(Resource):
    """Answers a request with its parameters, or as told."""

    isLeaf = True
    status = 200
    body: bytes | None = None

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def render_POST(self, request: Any) -> bytes:
        asked = json.loads(request.content.read())
        self.sizes.append(len(asked) if isinstance(asked, list) else 1)
        request.setResponseCode(self.status)
        if self.status == 429:
            request.setHeader(b"retry-after", b"3")
        if self.body is not None:
            return self.body
        if isinstance(asked, list):
            return json.dumps([{"id": each["id"], "result": each["params"]} for each in reversed(asked)]).encode()
        return json.dumps({"id": asked["id"], "result": asked["params"]}).encode()


class FlakyAgent:
    """Fails the first requests, then hands on."""

    def __init__(self, inner: Any, failures: list[Exception]) -> None:
        self.inner = inner
        self.failures = failures
        self.count = 0

    def request(self, *arguments: Any, **options: Any) -> Deferred[Any]:
        self.count += 1
        if self.failures:
            return fail(self.failures.pop(0))
        asked: Deferred[Any] = self.inner.request(*arguments, **options)
        return asked


class HttpTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.resource = Echo()
        self.agent = RequestTraversalAgent(self.resource)
        self.client = self.make(self.agent)

    def make(self, agent: Any) -> Client:
        carrier = HttpCarrier(self.clock, agent, parse_url("http://127.0.0.1:38081"), None, None)
        return Client(carrier, self.clock, outstanding=1000)

    def flush(self) -> None:
        """Let everything go out and come back."""
        for _ in range(10):
            self.clock.advance(0)
            self.agent.flush()

    def test_calls(self) -> None:
        """A few calls are requests of their own."""
        asked = [self.client.call("echo", [number]) for number in range(3)]
        self.flush()
        self.assertEqual(self.resource.sizes, [1, 1, 1])
        self.assertEqual([self.successResultOf(call).result for call in asked], [[0], [1], [2]])

    def test_batches(self) -> None:
        """Many calls at once share the connections as batches, and each finds its answer."""
        asked = [self.client.call("echo", [number]) for number in range(500)]
        self.flush()
        self.assertEqual([self.successResultOf(call).result for call in asked], [[number] for number in range(500)])
        self.assertEqual(max(self.resource.sizes), 50)
        self.assertLess(len(self.resource.sizes), 60)
        self.assertEqual(sum(self.resource.sizes), 500)

    def test_large_batches(self) -> None:
        """A batch is no longer than a node takes."""
        asked = [self.client.call("echo", ["x" * 200_000]) for _ in range(24)]
        self.flush()
        self.assertEqual(self.resource.sizes, [2] * 8 + [1] * 8)
        for call in asked:
            self.successResultOf(call)

    def test_batch_refused(self) -> None:
        """A node that takes no batch fails all of its calls by name."""
        self.resource.body = b'{"id":null,"error":{"code":-32600,"message":"no","data":{"code":"batch_too_long"}}}'
        asked = [self.client.call("echo", [number]) for number in range(9)]
        self.flush()
        names = [self.failureResultOf(call, RemoteError).value.name for call in asked]
        self.assertEqual(names, ["batch_too_long"] * 9)

    def test_error_with_status(self) -> None:
        """A JSON-RPC error is taken as such whatever the HTTP status says."""
        self.resource.status = 429
        self.resource.body = b'{"id":1,"error":{"code":-32005,"message":"wait","data":{"code":"too_many_requests"}}}'
        asked = self.client.call("echo", [1])
        self.flush()
        self.assertEqual(self.failureResultOf(asked, RemoteError).value.name, "too_many_requests")

    def test_refused_by_limit(self) -> None:
        """A refusal in plain text tells when to try again, and hurts no other call."""
        self.resource.status, self.resource.body = 429, b"slow down"
        asked = self.client.call("echo", [1])
        self.flush()
        error = self.failureResultOf(asked, RemoteError).value
        self.assertEqual(error.code, 429)
        self.assertEqual(error.message, "The node takes no request now: slow down; try again after 3 s.")
        self.assertTrue(self.client.is_connected)

    def test_something_else(self) -> None:
        """A web page is no answer of a node."""
        self.resource.status, self.resource.body = 404, b"<html>"
        asked = self.client.call("echo", [1])
        self.flush()
        self.assertIn("is it a cloudnode", self.failureResultOf(asked, ConnectionFailed).value.message)

    def test_nobody_listens(self) -> None:
        """A refused connection says so with the address."""
        client = self.make(FlakyAgent(self.agent, [ConnectionRefusedError()]))
        asked = client.call("echo", [1])
        self.flush()
        error = self.failureResultOf(asked, ConnectionFailed).value
        self.assertEqual(error.message, "Cannot reach http://127.0.0.1:38081: nobody listens there.")

    def test_stale_connection(self) -> None:
        """A kept connection that the node closed meanwhile costs a second try, once."""
        stale = ResponseNeverReceived([Failure(ConnectionRefusedError())])
        agent = FlakyAgent(self.agent, [stale])
        asked = self.make(agent).call("echo", [1])
        self.flush()
        self.assertEqual((self.successResultOf(asked).result, agent.count), ([1], 2))

    def test_close(self) -> None:
        """Closing gives up what is under way."""
        silent: list[Deferred[Any]] = []

        class Silent:
            def request(self, *arguments: Any, **options: Any) -> Deferred[Any]:
                silent.append(Deferred())
                return silent[-1]

        client = self.make(Silent())
        asked = client.call("echo", [1])
        self.flush()
        self.successResultOf(client.close())
        self.failureResultOf(asked, ConnectionFailed)
        self.assertTrue(silent[0].called)
