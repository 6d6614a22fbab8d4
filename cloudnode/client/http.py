"""HTTP: each request is a POST of its own, over connections that are kept and used again."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseNeverReceived, readBody
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IPolicyForHTTPS, IResponse
from zope.interface import implementer

from cloudnode.client.address import NodeAddress
from cloudnode.client.carrier import Receiver
from cloudnode.client.errors import ClientError, ConnectionFailed, RemoteError
from cloudnode.client.trust import Trust, explain_connect_error, tls_creator

CONNECTIONS = 8
"""Connections kept open, and requests on their way at once (a request has its connection to itself)."""

_HEADERS = Headers({b"content-type": [b"application/json"], b"accept": [b"application/json"]})


@implementer(IBodyProducer)
class _Body:
    def __init__(self, body: bytes) -> None:
        self.length = len(body)
        self._body = body

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self._body)
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def pauseProducing(self) -> None:
        """Everything is written at once."""

    def resumeProducing(self) -> None:
        """As above."""

    def stopProducing(self) -> None:
        """As above."""


@implementer(IPolicyForHTTPS)
class _Policy:
    def __init__(self, creator: Any) -> None:
        self._creator = creator

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        return self._creator


class HttpCarrier:
    """Carries by requests. Whether a node listens shows with the first one."""

    keeps_connection = False

    def __init__(self, agent: IAgent, address: NodeAddress, pool: HTTPConnectionPool | None, creator: Any) -> None:
        """:param creator: What :func:`tls_creator` gave, or None without TLS; it knows a refused certificate."""
        self._agent = agent
        self._address = address
        self._url = f"{address.scheme}://{address.authority}{address.path}".encode()
        self._pool = pool
        self._creator = creator
        self._receiver: Receiver | None = None
        self._under_way: dict[int, Deferred[Any]] = {}

    def start(self, receiver: Receiver) -> None:
        """As :class:`Carrier` says."""
        self._receiver = receiver

    def send(self, request_id: int, message: bytes) -> None:
        """As :class:`Carrier` says."""
        asked: Deferred[Any] = Deferred.fromCoroutine(self._exchange(message))
        self._under_way[request_id] = asked
        asked.addBoth(self._done, request_id)

    def close(self) -> Deferred[None]:
        """As :class:`Carrier` says."""
        for asked in list(self._under_way.values()):
            asked.cancel()
        closed: Deferred[None] = Deferred()
        if self._pool is None:
            closed.callback(None)
        else:
            self._pool.closeCachedConnections().addBoth(lambda _: closed.callback(None))
        return closed

    async def _exchange(self, message: bytes) -> bytes:
        try:
            response = await self._post(message)
            body = await readBody(response)
        except CancelledError:
            raise
        except Exception as error:
            raise self._explain(error) from error
        if not body.lstrip().startswith(b"{"):
            raise _refusal(response, body)
        return bytes(body)

    async def _post(self, message: bytes) -> IResponse:
        """One request; once more if the kept connection turns out to be closed (any call may be made twice)."""
        try:
            return await self._agent.request(b"POST", self._url, _HEADERS, _Body(message))
        except ResponseNeverReceived:
            return await self._agent.request(b"POST", self._url, _HEADERS, _Body(message))

    def _explain(self, error: Exception) -> ConnectionFailed:
        # A broken TLS handshake or response arrives as a list of reasons.
        reasons = getattr(error, "reasons", None)
        cause = reasons[0].value if reasons else error
        return explain_connect_error(self._address, self._creator, cause)

    def _done(self, result: bytes | Failure, request_id: int) -> None:
        del self._under_way[request_id]
        receiver = self._receiver
        assert receiver is not None
        if not isinstance(result, Failure):
            receiver.message_received(result)
        elif isinstance(result.value, ClientError):
            receiver.request_failed(request_id, result.value)
        else:
            receiver.request_failed(request_id, ConnectionFailed("The request was given up."))


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
    return HttpCarrier(agent, address, pool, creator)
