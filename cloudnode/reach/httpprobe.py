"""Whether an HTTP port is reached from here and is a certain node's: it is asked something whose answer nodes sign.

In the clear there is no certificate to see. What is signed is the state of the ledger, so somebody at that address
could pass on what the node answered elsewhere; that would make one node keep a mapping by the other's STUN server,
whose answers have an integrity of their own, and nothing else.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from cloudnode.formats.receipt import Answer, verify_answer

PROBE_SECONDS = 4.0
ANSWER_BYTES_MAX = 8_192
METHOD = "getdatahash"
_BODY = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": METHOD, "params": {}, "context": {"sign": True}})


class HttpProbeFailed(Exception):
    """What answered is not the node; the text says why, for the log."""


class _Signature(msgspec.Struct, frozen=True):
    node: str
    root: str
    params: str
    signature: str


class _Context(msgspec.Struct, frozen=True):
    network: str
    height: int
    signature: _Signature


class _Answer(msgspec.Struct, frozen=True):
    result: msgspec.Raw
    context: _Context


async def probe_http(
    reactor: Any, host: str, port: int, node: bytes, network: bytes, *, timeout: float = PROBE_SECONDS
) -> None:
    """Ask a node over HTTP.

    :param node: The key that the answer has to be signed with. :param network: The genesis' hash.
    :param timeout: Seconds for the connection, and again for the answer.
    :raises Exception: It can't be reached (whatever the system says), or is no such node.
    """
    done: Deferred[bytes] = Deferred()
    factory = Factory.forProtocol(lambda: _HttpProbe(done, host))
    factory.noisy = False
    connected: Any = await HostnameEndpoint(reactor, host, port, timeout=timeout).connect(factory)
    try:
        check_answer(await done.addTimeout(timeout, reactor), node, network)
    finally:
        connected.transport.abortConnection()


def check_answer(response: bytes, node: bytes, network: bytes) -> None:
    """See whether a whole HTTP response is a node's signed answer.

    :raises HttpProbeFailed: It is not. :raises LedgerError: ``answer_signature``: the signature is wrong.
    """
    head, found, body = response.partition(b"\r\n\r\n")
    if not found or not head.startswith((b"HTTP/1.0 200 ", b"HTTP/1.1 200 ")):
        raise HttpProbeFailed("no HTTP answer with status 200 came")
    try:
        told = msgspec.json.decode(body, type=_Answer)
        signature = told.context.signature
        signed = Answer(
            network=bytes.fromhex(told.context.network),
            node=bytes.fromhex(signature.node),
            method=METHOD,
            params_hash=sha256(signature.params.encode()).digest(),
            height=told.context.height,
            root=bytes.fromhex(signature.root),
            answer_hash=sha256(bytes(told.result)).digest(),
        )
        seal = bytes.fromhex(signature.signature)
    except (msgspec.DecodeError, ValueError):
        raise HttpProbeFailed("no signed answer came") from None
    if (signed.network, signed.node) != (network, node) or len(signed.root) != 32 or len(seal) != 64:
        raise HttpProbeFailed("another node, or one of another network, answered")
    if not 0 <= signed.height < 2**63:
        raise HttpProbeFailed("the answer has no height")
    verify_answer(signed, seal)


class _HttpProbe(Protocol):
    transport: Any

    def __init__(self, done: Deferred[bytes], host: str) -> None:
        self._done = done
        self._host = f"[{host}]" if ":" in host else host
        self._received = b""

    def connectionMade(self) -> None:
        head = (
            f"POST / HTTP/1.0\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(_BODY)}\r\n\r\n"
        )
        self.transport.write(head.encode() + _BODY)

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > ANSWER_BYTES_MAX:
            self._finish(HttpProbeFailed("the answer is too long"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # HTTP/1.0: the end of the connection is the end of the answer.
        self._finish(None)

    def _finish(self, error: Exception | None) -> None:
        if self._done.called:
            return
        if error is None:
            self._done.callback(self._received)
        else:
            self._done.errback(error)
