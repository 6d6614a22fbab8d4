"""Requests by HTTP to one router, whose answers are bounded in size and in time: what asks it trusts it in nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import ClientCreator, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from cloudnode.reach.portmapping.gateway import Gateway
from cloudnode.reach.portmapping.packets import PortMappingError
from cloudnode.transports.requestbody import RequestBody
from cloudnode.transports.responsebody import BodyReader

REQUEST_SECONDS = 5.0
ANSWER_BYTES_MAX = 32_768
"""Of a whole answer, with its head. Descriptions of devices have some 5,000."""

SAID_LONGEST = 200
"""Characters of what a router says that are passed on to the operator."""


class RouterHttp:
    """Asks one router.

    Whatever a URL's host is, the connection goes to the router's own address, from the one that is to be opened: a
    router takes requests for an address from there alone.
    """

    def __init__(self, reactor: Any, gateway: Gateway, *, seconds: float = REQUEST_SECONDS) -> None:
        self._reactor = reactor
        self._gateway = gateway
        self._seconds = seconds

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> tuple[int, str]:
        """Ask, and return the status and the body of the answer.

        :raises PortMappingError: ``no_answer``.
        """
        asking = Deferred.fromCoroutine(self._request(method, url, headers, body))
        try:
            return await asking.addTimeout(self._seconds, self._reactor)
        except CancelledError:
            raise
        except TimeoutError:
            said = f"the router does not answer over HTTP in {self._seconds:g} s"
            raise PortMappingError("no_answer", said) from None
        except Exception as error:
            # The Agent's own errors tell why by those that led to them.
            reasons = getattr(error, "reasons", None)
            said = reasons[0].getErrorMessage() if reasons else str(error)
            said = shortened(said or type(error).__name__)
            raise PortMappingError("no_answer", f"the router does not answer over HTTP ({said})") from None

    async def _request(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> tuple[int, str]:
        port = urlsplit(url).port or 80
        agent = Agent.usingEndpointFactory(
            self._reactor, _Endpoints(_RouterEndpoint(self._reactor, self._gateway, port, self._seconds)),
            HTTPConnectionPool(self._reactor, persistent=False),
        )  # fmt: skip
        asking: Deferred[Any] = agent.request(
            method.encode(), url.encode(), Headers({name: [value] for name, value in headers.items()}),
            None if body is None else RequestBody(body.encode()),
        )  # fmt: skip
        try:
            response = await asking
        except ResponseNeverReceived as error:
            # The end of a request that is cancelled.
            if any(each.check(CancelledError) for each in error.reasons):
                raise CancelledError from None
            raise
        reader = BodyReader(ANSWER_BYTES_MAX)
        response.deliverBody(reader)
        return response.code, (await reader.done).decode("utf-8", "replace")


def shortened(text: str) -> str:
    """Of what a router says, or what is said of that, one line that is safe to show."""
    return "".join(each if each.isprintable() else " " for each in text[:SAID_LONGEST])


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """One endpoint for whatever URI."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, uri: object) -> IStreamClientEndpoint:
        return self._endpoint


@implementer(IStreamClientEndpoint)
class _RouterEndpoint:
    """A port of the router. Twisted's own endpoints lose the link that an address is on."""

    def __init__(self, reactor: Any, gateway: Gateway, port: int, seconds: float) -> None:
        self._reactor = reactor
        self._gateway = gateway
        self._port = port
        self._seconds = seconds

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        protocol: Any = factory.buildProtocol(None)  # type: ignore[arg-type]  # no factory of the Agent's looks at it
        creator = ClientCreator(self._reactor, Bounded, protocol, ANSWER_BYTES_MAX)
        connecting: Deferred[Any] = creator.connectTCP(
            self._gateway.address, self._port, timeout=self._seconds, bindAddress=(self._gateway.client, 0)
        )
        return connecting.addCallback(lambda _: protocol)


class Bounded(Protocol):
    """Hands what arrives on to a protocol, and ends the connection when it is too much.

    Twisted's client of HTTP takes any number of headers.
    """

    transport: Any

    def __init__(self, protocol: Any, room: int) -> None:
        self._protocol = protocol
        self._room = room

    def connectionMade(self) -> None:
        self._protocol.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._room -= len(data)
        if self._room < 0:
            self.transport.abortConnection()
        else:
            self._protocol.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._protocol.connectionLost(Failure(ValueError("its answer is too long")) if self._room < 0 else reason)
