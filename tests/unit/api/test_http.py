"""The site: JSON-RPC by POST, reads by GET, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from treq.testing import StubTreq
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.web.http import HTTPChannel
from twisted.web.server import Request
from twisted.web.test.requesthelper import DummyChannel

from cloudnode import __version__
from cloudnode.api.limits import Limits
from cloudnode.api.web.channel import DRAINED_BYTES
from cloudnode.api.web.files import respond_file
from cloudnode.api.web.site import RPC_PATHS, HttpApi, make_site
from cloudnode.page.files import load_files
from tests.unit.api.network import NodeTestCase

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


class RoutesTests(NodeTestCase):
    """Routes and what they answer."""

    limits = Limits(requests_burst=3, requests_second=0.5, trusted=())

    def setUp(self) -> None:
        super().setUp()
        api = HttpApi(self.node.served, self.node.answerer, lambda: {"ws_frames_total": 7.0})
        self.treq = StubTreq(api.resource())

    def request(self, method: str, path: str, **options: Any) -> tuple[Any, bytes]:
        """A response and its body."""
        self.node.served.admission._buckets.clear()
        responses: list[Any] = []
        requested = self.treq.request(method, f"http://node.example{path}", **options)
        requested.addCallback(responses.append)
        for _ in range(300):
            if responses:
                break
            self.node.clock.advance(0.01)
            self.treq.flush()
        self.successResultOf(requested)
        (response,) = responses
        reading = self.treq.content(response)
        self.treq.flush()
        return response, self.successResultOf(reading)

    def header(self, response: Any, name: str) -> str | None:
        values = response.headers.getRawHeaders(name)
        return None if values is None else values[0]

    def test_post(self) -> None:
        """JSON-RPC is answered at each of its paths, for any origin, with the bytes that any transport gives."""
        for path in (*RPC_PATHS, "/public", "/post"):
            response, body = self.request("POST", path, data=PING, headers={"Origin": "https://app.example"})
            self.assertEqual((response.code, body), (200, self.node.answer(PING)))
            self.assertEqual(self.header(response, "Access-Control-Allow-Origin"), "*")
            self.assertEqual(self.header(response, "Content-Type"), "application/json")

    def test_post_waits(self) -> None:
        """A call that waits is answered when it is done."""
        params = self.node.params(self.node.put_body("1"), wait="final")
        call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "submit", "params": params}).encode()
        response, body = self.request("POST", "/", data=call)
        self.assertEqual((response.code, json.loads(body)["result"]["result"]), (200, "ok"))

    def test_notification(self) -> None:
        """A notification has a response without content."""
        response, body = self.request("POST", "/", data=b'{"jsonrpc":"2.0","method":"ping"}')
        self.assertEqual((response.code, body), (204, b""))

    def test_errors_are_answers(self) -> None:
        """A JSON-RPC error is a good HTTP response."""
        response, body = self.request("POST", "/", data=b"nonsense")
        self.assertEqual((response.code, json.loads(body)["error"]["code"]), (200, -32700))

    def test_rate(self) -> None:
        """Over the rate, the status is 429 and says when to come again, for calls and for reads."""
        post = self.treq.post
        for _ in range(3):
            self.assertEqual(self.successResultOf(post("http://node.example/", data=PING)).code, 200)
        paths = ("/status", "/", "/metrics", "/openrpc.json", "/health", "/nothing", "/records/a/b/c")
        gets = [self.treq.get(f"http://node.example{path}") for path in paths]
        for response in (post("http://node.example/", data=PING), *gets):
            refused = self.successResultOf(response)
            self.assertEqual((refused.code, self.header(refused, "Retry-After")), (429, "2"))
            body = json.loads(self.successResultOf(self.treq.content(refused)))
            self.assertEqual(body["error"]["data"]["code"], "too_many_requests")

    def test_preflight(self) -> None:
        """OPTIONS is answered 204 anywhere, with what a browser asks for."""
        for path in ("/", "/public/", "/records/a/b/c", "/anything"):
            response, body = self.request("OPTIONS", path)
            self.assertEqual((response.code, body), (204, b""))
            self.assertEqual(self.header(response, "Access-Control-Allow-Origin"), "*")
            self.assertIn("POST", self.header(response, "Access-Control-Allow-Methods") or "")
            self.assertIn("Content-Type", self.header(response, "Access-Control-Allow-Headers") or "")

    def test_record(self) -> None:
        """A record by GET is what getrecord answers, with an ETag that changes with it and with its ratings."""
        key = "50% déjà?"
        self.node.put(key)
        path = f"/records/{self.node.account.public.hex()}/film/50%25%20d%C3%A9j%C3%A0%3F"
        response, body = self.request("GET", path)
        self.assertEqual(json.loads(body), self.node.call("getrecord", self.node.name(key)))
        self.assertIn("ETag", self.header(response, "Access-Control-Expose-Headers") or "")
        self.assertEqual(self.header(response, "Cloudnode-Height"), str(self.node.ledger.head.height))
        etag = self.header(response, "ETag") or ""
        for given in (etag, f'W/{etag}, "x"', "*"):
            unchanged, nothing = self.request("GET", path, headers={"If-None-Match": given})
            self.assertEqual((unchanged.code, nothing, self.header(unchanged, "ETag")), (304, b"", etag))
        self.node.rate(key, 4)
        changed, body = self.request("GET", path, headers={"If-None-Match": etag})
        self.assertEqual((changed.code, json.loads(body)["ratings_sum"]), (200, 4))
        old, body = self.request("GET", f"{path}?at=2", headers={"If-None-Match": etag})
        self.assertEqual(old.code, 304)

    def test_record_errors(self) -> None:
        """What can't be read has a status and a named error."""
        account = self.node.account.public.hex()
        for path, status, name in (
            (f"/records/{account}/film/none", 404, "record_unknown"),
            (f"/records/{account}/Film/1", 400, "member_type"),
            ("/records/abc/film/1", 400, "member_type"),
            (f"/records/{account}/film/a%0ab", 400, "member_type"),
            (f"/records/{account}/film/1?at=99", 400, "height_future"),
            (f"/records/{account}/film/1?at=x", 400, "member_type"),
            (f"/records/{account}/film/1?at=1&at=1", 400, "member_unknown"),
            (f"/records/{account}/film/1?more=1", 400, "member_unknown"),
            (f"/records/{account}/film", 404, "path_unknown"),
            (f"/records/{account}/film/a/b", 404, "path_unknown"),
            (f"/records/{account}/film/a%2Fb", 404, "path_unknown"),
            ("/nothing", 404, "path_unknown"),
        ):
            response, body = self.request("GET", path)
            self.assertEqual((response.code, json.loads(body)["error"]["data"]["code"]), (status, name), path)

    def test_unreadable_path(self) -> None:
        """A path that is not UTF-8 is one at which nothing is, and nothing to log."""
        for path in ("/%ff", f"/records/{'ab' * 32}/film/%c0%af"):
            response, body = self.request("GET", path)
            self.assertEqual((response.code, json.loads(body)["error"]["data"]["code"]), (404, "path_unknown"))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_method_not_allowed(self) -> None:
        """A path that does not take a method says which it takes."""
        response, body = self.request("DELETE", "/status")
        self.assertEqual((response.code, json.loads(body)["error"]["data"]["code"]), (405, "http_method_unknown"))
        self.assertEqual(self.header(response, "Allow"), "GET, HEAD")
        self.assertEqual(self.request("GET", "/public/")[0].code, 405)

    def test_status(self) -> None:
        """The state's hash and sums, with the height as ETag."""
        response, body = self.request("GET", "/status")
        status = json.loads(body)
        self.assertEqual(status["root"], self.node.call("getdatahash")["root"])
        self.assertEqual(self.header(response, "ETag"), f'"{self.node.ledger.head.height}"')
        again, _ = self.request("GET", "/status", headers={"If-None-Match": self.header(response, "ETag") or ""})
        self.assertEqual(again.code, 304)

    def test_health(self) -> None:
        """Ready while data is served; live in any case."""
        for path in ("/health", "/health/ready", "/health/live"):
            self.assertEqual(self.request("GET", path)[0].code, 200)
        self.node.ledger.report_damage("Row 1 is wrong.")
        for path, status in (("/health", 503), ("/health/ready", 503), ("/health/live", 200), ("/status", 503)):
            self.assertEqual(self.request("GET", path)[0].code, status)
        self.assertEqual(json.loads(self.request("GET", "/health")[1])["state"], "corrupt")

    def test_trouble(self) -> None:
        """A node that can't write, to a full disk for instance, says why, and is ready for reads all the same."""
        self.assertIsNone(json.loads(self.request("GET", "/health")[1])["trouble"])
        self.node.ledger._writing.trouble = "no block can be written: the disk is full"
        response, body = self.request("GET", "/health")
        self.assertEqual((response.code, json.loads(body)["trouble"][:23]), (200, "no block can be written"))
        self.assertIn("disk is full", self.node.call("getnodeinfo")["sync"]["trouble"])

    def test_page(self) -> None:
        """The page and its files are served, with what browsers may do and how to ask for changes alone."""
        response, body = self.request("GET", "/")
        self.assertEqual(self.header(response, "Content-Type"), "text/html; charset=utf-8")
        self.assertIn("openrpc.json", body.decode())
        self.assertIn("default-src 'none'", self.header(response, "Content-Security-Policy") or "")
        self.assertEqual(self.header(response, "X-Content-Type-Options"), "nosniff")
        self.assertEqual(self.header(response, "X-Frame-Options"), "DENY")
        self.assertEqual(self.header(response, "Referrer-Policy"), "no-referrer")
        self.assertEqual(self.header(response, "Cache-Control"), "no-cache")
        etag = self.header(response, "ETag") or ""
        unchanged, nothing = self.request("GET", "/", headers={"If-None-Match": etag})
        self.assertEqual((unchanged.code, nothing), (304, b""))
        self.assertIn("default-src 'none'", self.header(unchanged, "Content-Security-Policy") or "")
        for path, file in load_files().items():
            response, body = self.request("GET", path)
            self.assertEqual((response.code, body), (200, file.body), path)
            self.assertEqual(self.header(response, "Content-Type"), file.media_type.decode(), path)

    def test_packed(self) -> None:
        """Who takes gzip gets it, under an ETag of its own; who refuses it does not."""
        file = load_files()["/"]
        for given, is_packed in (
            ("gzip, deflate, br", True), ("br;q=1.0, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.0", False),
            ("identity", False), ("x-gzip-not", False),
        ):  # fmt: skip
            request = self.bare_request(given)
            body = respond_file(request, file)
            self.assertEqual(body, file.packed if is_packed else file.body, given)
            headers = request.responseHeaders
            self.assertEqual(headers.getRawHeaders(b"Content-Encoding"), [b"gzip"] if is_packed else None)
            self.assertEqual(headers.getRawHeaders(b"ETag"), [file.packed_etag if is_packed else file.etag])
            self.assertEqual(headers.getRawHeaders(b"Vary"), [b"Accept-Encoding"])

    def bare_request(self, accept_encoding: str) -> Request:
        """A request whose response nothing unpacks."""
        request = Request(DummyChannel())  # type: ignore[arg-type]
        request.requestHeaders.setRawHeaders(b"Accept-Encoding", [accept_encoding.encode()])
        return request

    def test_head(self) -> None:
        """HEAD has GET's headers and no body."""
        packed = load_files()["/"].packed
        for path in ("/", "/status", "/openrpc.json", "/health"):
            got, body = self.request("GET", path)
            response, nothing = self.request("HEAD", path)
            self.assertEqual((response.code, nothing), (200, b""))
            self.assertEqual(self.header(response, "Content-Length"), str(len(packed if path == "/" else body)))
            self.assertEqual(self.header(response, "ETag"), self.header(got, "ETag"))

    def test_openrpc(self) -> None:
        """The document is the one that rpc.discover answers."""
        _, body = self.request("GET", "/openrpc.json")
        self.assertEqual(json.loads(body), self.node.call("rpc.discover"))

    def test_metrics(self) -> None:
        """Prometheus reads the counts of calls, the ledger's height and what other parts add."""
        self.request("POST", "/", data=PING)
        self.request("POST", "/", data=b'{"jsonrpc":"2.0","id":1,"method":"evil\\nname"}')
        _, body = self.request("GET", "/metrics")
        samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
        }

        def value(name: str, **labels: str) -> float:
            return samples[(f"cloudnode_{name}", tuple(sorted(labels.items())))]

        self.assertEqual(value("requests_total", method="ping", transport="http", outcome="ok"), 1)
        self.assertEqual(value("requests_total", method="unknown", transport="http", outcome="method_unknown"), 1)
        self.assertEqual(value("request_seconds_count", method="ping", transport="http"), 1)
        self.assertEqual(value("ledger_height"), self.node.ledger.head.height)
        self.assertEqual(value("ledger_serving"), 1)
        self.assertEqual(value("pool_operations"), 0)
        self.assertEqual(value("ws_frames_total"), 7)


class Transport(StringTransportWithDisconnection):
    """A TCP connection in memory."""

    aborted = False

    def loseConnection(self) -> None:
        self.disconnecting = True
        super().loseConnection()

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


class ChannelTests(NodeTestCase):
    """Connections: what they take, how long they last."""

    limits = Limits(message_bytes=1_000, http_seconds=10, connections_address=2, buffered_bytes=1_500, trusted=())

    def setUp(self) -> None:
        super().setUp()
        self.site = make_site(self.node.served, self.node.answerer, self.node.clock)
        self.heartbeats = 2  # the ledger's own timers

    def connect(self, address: str = "192.0.2.1") -> tuple[HTTPChannel, Transport]:
        peer = IPv4Address("TCP", address, 40_000)
        channel: Any = self.site.buildProtocol(peer)
        transport = Transport(peerAddress=peer)
        transport.protocol = channel
        channel.makeConnection(transport)
        return channel, transport

    def take(self, transport: Transport) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the response that was written."""
        head, _, body = transport.value().partition(b"\r\n\r\n")
        transport.clear()
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(status.split(" ")[1]), headers, body

    def post(self, body: bytes, *headers: str) -> bytes:
        lines = "".join(f"{header}\r\n" for header in ("Host: node", f"Content-Length: {len(body)}", *headers))
        return b"POST / HTTP/1.1\r\n" + lines.encode() + b"\r\n" + body

    def test_answer(self) -> None:
        """A request in any pieces is answered; the response tells no more of the server than its name."""
        channel, transport = self.connect()
        for place in range(0, 400, 7):
            channel.dataReceived(self.post(PING)[place : place + 7])
        status, headers, body = self.take(transport)
        self.assertEqual((status, body), (200, self.node.answer(PING)))
        self.assertEqual(headers["server"], f"cloudnode/{__version__}")
        self.assertNotIn("transfer-encoding", headers)
        channel.dataReceived(self.post(PING) * 2)
        self.assertEqual(transport.value().count(b"pong"), 2)

    def test_any_content_type(self) -> None:
        """The body is JSON whatever its type is said to be."""
        channel, transport = self.connect()
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "text/x;"):
            channel.dataReceived(self.post(PING, f"Content-Type: {kind}"))
            self.assertEqual(json.loads(self.take(transport)[2])["result"], "pong")

    def test_large_body(self) -> None:
        """A body over the limit is refused by its Content-Length, before a byte of it came; the rest is thrown away."""
        channel, transport = self.connect()
        request = self.post(b"x" * 2_000, "Expect: 100-continue")
        head = request[: request.index(b"\r\n\r\n") + 4]
        channel.dataReceived(head)
        status, headers, body = self.take(transport)
        self.assertEqual((status, headers["connection"]), (413, "close"))
        self.assertEqual(json.loads(body)["error"]["data"]["code"], "message_too_large")
        channel.dataReceived(b"x" * 1_999)
        self.assertTrue(transport.connected)
        channel.dataReceived(b"x")
        self.assertFalse(transport.connected)
        self.assertEqual((transport.value(), self.site.buffered_bytes), (b"", 0))

    def test_large_chunks(self) -> None:
        """A chunked body is refused as soon as its chunks add up to too much."""
        channel, transport = self.connect()
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\n")
        channel.dataReceived(b"3e8\r\n" + b"x" * 1_000 + b"\r\n")
        self.assertEqual((transport.value(), self.site.buffered_bytes), (b"", 1_000))
        channel.dataReceived(b"1\r\nx\r\n")
        self.assertEqual((self.take(transport)[0], self.site.buffered_bytes), (413, 0))
        channel.dataReceived(b"0\r\n\r\n")
        self.assertFalse(transport.connected)

    def test_endless_body(self) -> None:
        """Whoever goes on sending a refused body is cut off."""
        channel, transport = self.connect()
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: node\r\nContent-Length: 99999999999\r\n\r\n")
        for _ in range(DRAINED_BYTES // 1_000_000 + 1):
            channel.dataReceived(b"x" * 1_000_000)
        self.assertTrue(transport.aborted)

    def test_all_bodies(self) -> None:
        """Bodies of all callers together are bounded; the room comes back."""
        (first, one), (second, two) = self.connect(), self.connect("192.0.2.2")
        first.dataReceived(self.post(b" " * 1_000)[:-1])
        second.dataReceived(self.post(b" " * 600))
        status, headers, body = self.take(two)
        self.assertEqual((status, json.loads(body)["error"]["data"]["code"]), (503, "node_overloaded"))
        self.assertIn("retry-after", headers)
        one.loseConnection()
        self.assertEqual(self.site.buffered_bytes, 0)
        third, three = self.connect("192.0.2.3")
        third.dataReceived(self.post(PING))
        self.assertEqual(self.take(three)[0], 200)

    def test_unreadable_host(self) -> None:
        """What the caller calls this host, in whatever bytes, makes no difference."""
        channel, transport = self.connect()
        channel.dataReceived(self.post(PING).replace(b"Host: node", b"Host: \xff\xfe"))
        self.assertEqual(self.take(transport)[0], 200)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_malformed(self) -> None:
        """Bytes that are not HTTP close that connection alone."""
        for data in (b"\x16\x03\x01\r\n", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                     b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                     b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 600,
                     b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n"):  # fmt: skip
            channel, transport = self.connect()
            channel.dataReceived(data)
            self.assertFalse(transport.connected)
        self.assertEqual(self.node.served.admission.connected, 0)

    def test_idle(self) -> None:
        """A connection that sends nothing is closed in time."""
        _, transport = self.connect()
        self.node.clock.advance(9.9)
        self.assertTrue(transport.connected)
        self.node.clock.advance(0.2)
        self.assertFalse(transport.connected)

    def test_slow_request(self) -> None:
        """A request that comes byte by byte has the same time, whatever arrives meanwhile."""
        channel, transport = self.connect()
        for byte in self.post(PING)[:12]:
            channel.dataReceived(bytes([byte]))
            self.node.clock.advance(1)
        self.assertFalse(transport.connected)

    def test_kept_connection(self) -> None:
        """A connection in use is kept: each request has its own time."""
        channel, transport = self.connect()
        for _ in range(5):
            self.node.clock.advance(9)
            channel.dataReceived(self.post(PING)[:20])
            self.node.clock.advance(9)
            channel.dataReceived(self.post(PING)[20:])
            self.assertEqual(self.take(transport)[0], 200)
        self.node.clock.advance(11)
        self.assertFalse(transport.connected)

    def test_response_not_read(self) -> None:
        """A response that nobody reads does not keep a connection for ever."""
        channel, transport = self.connect()
        transport.loseConnection = lambda: None  # type: ignore[method-assign]
        channel.dataReceived(self.post(PING, "Connection: close"))
        transport.loseConnection = lambda: setattr(transport, "connected", False)  # type: ignore[method-assign]
        self.node.clock.advance(11)
        self.assertTrue(transport.aborted)

    def test_pipelining_without_reading(self) -> None:
        """While the send buffer is full no request is answered nor read; afterwards all are, in order."""
        channel, transport = self.connect()
        calls = [
            self.post(json.dumps({"jsonrpc": "2.0", "id": number, "method": "ping"}).encode()) for number in range(50)
        ]
        write = transport.write

        def write_and_fill(data: bytes) -> None:
            write(data)
            if len(transport.value()) > 2_000:
                transport.producer.pauseProducing()

        transport.write = write_and_fill  # type: ignore[method-assign]
        channel.dataReceived(b"".join(calls))
        answered: list[int] = []
        for _ in range(60):
            answers = transport.value()
            self.assertLess(len(answers), 3_000)
            self.assertEqual(transport.producerState, "paused" if len(answers) > 2_000 else "producing")
            answered += [int(part.split(b",")[0]) for part in answers.split(b'"id":')[1:]]
            transport.clear()
            transport.producer.resumeProducing()
        self.assertEqual(answered, list(range(50)))

    def test_too_many_connections(self) -> None:
        """More connections than an address may have are refused with 429."""
        (_, one), _ = self.connect(), self.connect()
        _, refused = self.connect()
        status, headers, body = self.take(refused)
        self.assertEqual((status, json.loads(body)["error"]["data"]["code"]), (429, "too_many_connections"))
        self.assertIn("retry-after", headers)
        self.assertFalse(refused.connected)
        one.loseConnection()
        _, third = self.connect()
        self.assertTrue(third.connected)

    def test_gone_caller(self) -> None:
        """A caller that leaves while its call waits leaves nothing behind."""
        channel, transport = self.connect()
        waiting = b'{"jsonrpc":"2.0","id":1,"method":"ping","context":{"min_height":1000}}'
        channel.dataReceived(self.post(waiting))
        transport.loseConnection()
        self.assertEqual(self.node.served.admission.connected, 0)
        self.assertEqual(len(self.node.ledger._waiting), 0)
        self.assertEqual(len(self.node.clock.getDelayedCalls()), self.heartbeats)

    def test_nothing_left(self) -> None:
        """A closed connection leaves no timer behind."""
        channel, transport = self.connect()
        channel.dataReceived(self.post(PING))
        transport.loseConnection()
        self.assertEqual(len(self.node.clock.getDelayedCalls()), self.heartbeats)
