"""The API: JSON-RPC messages of a session, and HTTP requests with their paths, queries and cursors."""

from __future__ import annotations

import json
import shutil
import tempfile
from typing import Any

from twisted.internet.address import IPv4Address

from cloudnode.api.errors import NAMED
from cloudnode.api.limits import Limits
from cloudnode.api.web.site import make_site
from cloudnode.formats.errors import CODES
from tests.fuzz.formats import JSON_WORDS
from tests.fuzz.target import Check, Outcome, Target
from tests.unit.api.network import MemoryNode
from tests.unit.api.scenario import example_params
from tests.unit.api.test_http import Transport

_NAMES = set(NAMED) | {code.name for code in CODES}
_OURS = {"internal_error", "cancelled"}
"""Errors that say that the node failed; no caller can bring them about."""

_STATUSES = {"200", "204", "304", "400", "404", "405", "413", "429", "501", "503", "505"}


class _Duplicate(Exception):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Duplicate
    return dict(pairs)


class _Node:
    """A node in memory with a record and a rating."""

    def __init__(self) -> None:
        self._directory = tempfile.mkdtemp(prefix="cloudnode-fuzz-")
        limits = Limits(message_bytes=20_000, batch_length=20, subscriptions=4, wait_seconds=1.0, http_seconds=5)
        self.node = MemoryNode(f"{self._directory}/ledger.sqlite3", limits)
        self.final = self.node.put("metropolis")
        self.node.rate("metropolis", 4)
        self.site = make_site(self.node.served, self.node.answerer, self.node.clock)

    def close(self) -> None:
        """Let everything go."""
        self.node.stop()
        shutil.rmtree(self._directory)

    def message(self, data: bytes) -> Outcome:
        """One message on a connection that stays."""
        session, connection = self.node.connect("127.0.0.1")
        session.message_received(data)
        if session.outstanding:
            self.node.pass_time(1.1)
        assert session.outstanding == 0, "a call is never answered"
        assert connection.closed is None
        answers = [json.loads(message) for message in connection.sent]
        session.connection_lost()
        self._check_meaning(data, answers)
        names = {self._check_answer(answer) for each in answers for answer in (each if type(each) is list else [each])}
        return " ".join(sorted(names)) if len(names) < 3 else "several"

    def _check_answer(self, answer: dict[str, Any]) -> str:
        if "method" in answer:
            return answer["method"]
        error = answer.get("error")
        if error is None:
            assert "result" in answer
            return "ok"
        name = error["data"]["code"]
        assert name in _NAMES and name not in _OURS, answer
        assert error["message"] and isinstance(error["code"], int)
        return name

    def _check_meaning(self, data: bytes, answers: list[Any]) -> None:
        """Only what every parser reads alike, without a name twice, is ever acted on."""
        acted = [answer for answer in answers if type(answer) is dict and "result" in answer and "method" not in answer]
        if not acted or acted[0].get("error") is not None:
            return
        members = json.loads(data, object_pairs_hook=_pairs)
        assert members.get("id") == acted[0]["id"]
        assert type(members["method"]) is str

    def message_seeds(self) -> list[bytes]:
        """A call of every method, batches, dialects and contexts."""
        calls = [
            {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            for method, params in example_params(self.node, self.final).items()
        ]
        seeds = [json.dumps(call).encode() for call in calls if call["method"] not in ("rpc.discover", "submit")]
        seeds += [
            b'{"method":"ping","id":"x"}',
            b'{"method":"getaccount","params":["%s"],"id":null}' % (b"ab" * 32),
            b'{"jsonrpc":"2.0","method":"ping"}',
            b'[{"jsonrpc":"2.0","id":1,"method":"ping"},{"method":"gettime"},1]',
            b'{"jsonrpc":"2.0","id":1,"method":"listrecords","context":{"at":1}}',
            b'{"jsonrpc":"2.0","id":1,"method":"getdatahash","context":{"min_height":3,"proof":true,"sign":true}}',
            b'{"jsonrpc":"2.0","id":1,"method":"listrecords","params":{"order":"best","after":[5,1,0]}}',
            b'{"jsonrpc":"2.0","id":1,"method":"submit","params":["{\\"a\\":1}","%s"]}' % (b"00" * 64),
            b'{"jsonrpc":"2.0","id":1,"method":"search","params":{"text":"\\"metro OR ( NEAR * ^"}}',
        ]
        return seeds

    def http(self, data: bytes) -> Outcome:
        """Any bytes on an HTTP connection."""
        peer = IPv4Address("TCP", "127.0.0.1", 40_000)
        channel: Any = self.site.buildProtocol(peer)
        transport = Transport(peerAddress=peer)
        transport.protocol = channel
        channel.makeConnection(transport)
        for start in range(0, len(data), 1_000):
            if transport.connected:
                channel.dataReceived(data[start : start + 1_000])
        self.node.pass_time(0.02)
        if not transport.value():
            self.node.pass_time(1.1)
        answer = transport.value()
        if transport.connected:
            transport.loseConnection()
        self.node.clock.advance(20)
        assert self.site.buffered_bytes == 0, "bodies are still counted"
        assert self.node.served.admission.connected == 0, "connections are still counted"
        if not answer:
            return "silent"
        status = answer.split(b" ", 2)[1].decode()
        assert answer.startswith(b"HTTP/1.") and status in _STATUSES, answer[:200]
        body = answer.partition(b"\r\n\r\n")[2]
        return f"{status} {self._named(body)}".rstrip()

    @staticmethod
    def _named(body: bytes) -> str:
        if not body.startswith((b'{"error":', b'{"jsonrpc":"2.0","id":null,"error"')):
            return ""
        try:
            name: str = json.loads(body)["error"]["data"]["code"]
        except ValueError:  # another response follows
            return ""
        assert name in _NAMES and name not in _OURS
        return name

    def http_seeds(self) -> list[bytes]:
        """Reads, calls, and odd requests."""
        account = self.node.account.public.hex().encode()
        post = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
        paths = [b"/", b"/status", b"/status?at=1", b"/health", b"/nothing", b"/openrpc.json", b"/metrics", b"/%ff"]
        queries = (b"", b"?at=2", b"?at=1&at=1", b"?x=1")
        paths += [b"/records/%s/film/metropolis%s" % (account, query) for query in queries]
        seeds = [b'GET %s HTTP/1.1\r\nHost: x\r\nIf-None-Match: "2", W/"1.4.1"\r\n\r\n' % path for path in paths]
        return [
            *seeds,
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(post), post),
            b"POST /public/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
            % (len(post), post),
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n",
            b"OPTIONS /x HTTP/1.1\r\nHost: x\r\n\r\n",
            b"HEAD /status HTTP/1.0\r\n\r\n",
        ]


def _seeds(name: str) -> list[bytes]:
    node = _Node()
    try:
        seeds: list[bytes] = getattr(node, f"{name}_seeds")()
        return seeds
    finally:
        node.close()


def _open(name: str) -> Check:
    node = _Node()
    return Check(getattr(node, name), node.close)


_RPC_WORDS = tuple(
    f'"{word}":'.encode()
    for word in ("jsonrpc", "id", "method", "params", "context", "at", "min_height", "proof", "sign", "limit", "after",
                 "account", "collection", "key", "record", "height", "index", "topic", "filter", "order")
)  # fmt: skip
_HTTP_WORDS = (
    b"GET ", b"POST ", b"HEAD ", b" HTTP/1.1\r\n", b"\r\n\r\n", b"Content-Length: ", b"0\r\n\r\n", b"?at=", b"&",
    b"%00", b"%2f", b"%ff", b"../", b"/records/", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n",
    b"Connection: close\r\n", b"If-None-Match: *\r\n",
)  # fmt: skip

TARGETS = (
    Target("jsonrpc", "any message gets its answer or a documented error; none with a name twice is acted on",
           lambda: _open("message"), lambda: _seeds("message"), JSON_WORDS + _RPC_WORDS),
    Target("http", "any bytes get a response with a documented status and error, or none; nothing stays counted",
           lambda: _open("http"), lambda: _seeds("http"), _HTTP_WORDS),
)  # fmt: skip
