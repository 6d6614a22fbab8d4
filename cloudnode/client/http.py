"""HTTP: requests are POSTs over connections that are kept and used again.

A POST has its connection to itself until it is answered, and a ``submit`` that waits for its block takes its time. So
that many calls at once need not wait for each other, those that find no connection free go as JSON-RPC batches.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IPolicyForHTTPS, IResponse
from zope.interface import implementer

from cloudnode.client.address import NodeAddress
from cloudnode.client.carrier import MESSAGE_BYTES, Receiver
from cloudnode.client.errors import AnswerMalformed, ClientError, ConnectionFailed, RemoteError
from cloudnode.client.httpbody import read_body
from cloudnode.client.messages import decode_incoming
from cloudnode.client.trust import Trust, explain_connect_error, tls_creator
from cloudnode.transports.requestbody import RequestBody

CONNECTIONS = 8
"""Connections kept open, and POSTs on their way at once."""

BATCH = 50
"""Calls in one POST; nodes take 100 by default."""

BATCH_BYTES = 512 * 1024
"""Calls together in one POST; nodes take 1 MiB by default."""

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_HEADERS = Headers({b"content-type": [b"application/json"], b"accept": [b"application/json"]})


@implementer(IPolicyForHTTPS)
class _Policy:
    def __init__(self, creator: Any) -> None:
        self._creator = creator

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        return self._creator


class HttpCarrier:
    """Carries by requests. Whether a node listens shows with the first one."""

    keeps_connection = False
    local_address = ""
    """Each request may have a connection of its own."""

    def __init__(
        self, clock: IReactorTime, agent: IAgent, address: NodeAddress, pool: HTTPConnectionPool | None, creator: Any
    ) -> None:
        """:param creator: What :func:`tls_creator` gave, or None without TLS; it knows a refused certificate."""
        self._clock = clock
        self._agent = agent
        self._address = address
        self._url = f"{address.scheme}://{address.authority}{address.path}".encode()
        self._pool = pool
        self._creator = creator
        self._receiver: Receiver | None = None
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._under_way: set[Deferred[Any]] = set()
        self._turn: IDelayedCall | None = None

    def start(self, receiver: Receiver) -> None:
        """As :class:`Carrier` says."""
        self._receiver = receiver

    def send(self, request_id: int, message: bytes) -> None:
        """As :class:`Carrier` says."""
        self._waiting.append((request_id, message))
        self._plan()

    def close(self) -> Deferred[None]:
        """As :class:`Carrier` says."""
        self._waiting.clear()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        for asked in list(self._under_way):
            asked.cancel()
        closed: Deferred[None] = Deferred()
        if self._pool is None:
            closed.callback(None)
        else:
            self._pool.closeCachedConnections().addBoth(lambda _: closed.callback(None))
        return closed

    def _plan(self) -> None:
        if self._turn is None and self._waiting and len(self._under_way) < CONNECTIONS:
            self._turn = self._clock.callLater(0, self._send_waiting)

    def _send_waiting(self) -> None:
        """Share what waits among the free connections; what is more than one goes as a batch."""
        self._turn = None
        while self._waiting and (free := CONNECTIONS - len(self._under_way)) > 0:
            share = min(BATCH, -(-len(self._waiting) // free))
            self._post(self._take(share))

    def _take(self, count: int) -> list[tuple[int, bytes]]:
        taken = [self._waiting.popleft()]
        size = len(taken[0][1])
        while len(taken) < count and size + len(self._waiting[0][1]) <= BATCH_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1][1])
        return taken

    def _post(self, requests: list[tuple[int, bytes]]) -> None:
        ids = [request_id for request_id, _ in requests]
        body = requests[0][1] if len(requests) == 1 else b"[" + b",".join(text for _, text in requests) + b"]"
        asked: Deferred[bytes] = Deferred.fromCoroutine(self._exchange(body))
        self._under_way.add(asked)
        asked.addBoth(self._done, asked, ids)

    async def _exchange(self, body: bytes) -> bytes:
        try:
            response = await self._request(body)
            answer = await read_body(response, MESSAGE_BYTES)
        except (CancelledError, ClientError):
            raise
        except Exception as error:
            raise self._explain(error) from error
        if not answer.lstrip().startswith((b"{", b"[")):
            raise _refusal(response, answer)
        return answer

    async def _request(self, body: bytes) -> IResponse:
        """One request; once more if the kept connection turns out to be closed (any call may be made twice)."""
        try:
            return await self._agent.request(b"POST", self._url, _HEADERS, RequestBody(body))
        except ResponseNeverReceived:
            return await self._agent.request(b"POST", self._url, _HEADERS, RequestBody(body))

    def _explain(self, error: Exception) -> ConnectionFailed:
        # A broken TLS handshake or response arrives as a list of reasons.
        reasons = getattr(error, "reasons", None)
        cause = reasons[0].value if reasons else error
        return explain_connect_error(self._address, self._creator, cause)

    def _done(self, result: bytes | Failure, asked: Deferred[bytes], ids: list[int]) -> None:
        self._under_way.discard(asked)
        if not isinstance(result, Failure):
            self._deliver(result, ids)
        elif isinstance(result.value, ClientError):
            self._fail(ids, result.value)
        else:
            self._fail(ids, ConnectionFailed("The request was given up."))
        self._plan()

    def _deliver(self, answer: bytes, ids: list[int]) -> None:
        assert self._receiver is not None
        try:
            if answer.lstrip().startswith(b"["):
                for each in _split(answer):
                    self._receiver.message_received(bytes(each))
            elif len(ids) == 1:
                self._receiver.message_received(answer)
            else:  # no batch: the node answers for all of it at once
                error = decode_incoming(answer).remote_error
                self._fail(ids, error or AnswerMalformed("The answer to a batch is no array."))
        except msgspec.DecodeError:
            self._fail(ids, AnswerMalformed("The answer is not JSON: is it a cloudnode that listens there?"))
        except AnswerMalformed as error:
            self._fail(ids, error)

    def _fail(self, ids: list[int], error: ClientError) -> None:
        assert self._receiver is not None
        for request_id in ids:
            self._receiver.request_failed(request_id, error)


def _refusal(response: IResponse, body: bytes) -> ClientError:
    """An answer that is no JSON-RPC: by a limit of the node, or by something that is no node."""
    phrase = response.phrase.decode("latin-1")
    words = body[:200].decode("utf-8", "replace").strip() or phrase
    if response.code in (429, 503):
        wait = response.headers.getRawHeaders(b"retry-after", [b""])[0].decode("latin-1")
        advice = f"; try again after {wait} s" if wait else ""
        return RemoteError(response.code, "", f"The node takes no request now: {words}{advice}.")
    return ConnectionFailed(f"The answer is HTTP {response.code} ({words}): is it a cloudnode that listens there?")


def open_http(reactor: Any, address: NodeAddress, trust: Trust, *, timeout: float) -> HttpCarrier:
    """A carrier by HTTP.

    :param timeout: Seconds for each connection to come about.
    """
    creator = tls_creator(address.host, trust) if address.is_secure else None
    pool = HTTPConnectionPool(reactor, persistent=True)
    pool.maxPersistentPerHost = CONNECTIONS
    policy: Any = {} if creator is None else {"contextFactory": _Policy(creator)}
    agent = Agent(reactor, pool=pool, connectTimeout=timeout, **policy)
    return HttpCarrier(reactor, agent, address, pool, creator)
