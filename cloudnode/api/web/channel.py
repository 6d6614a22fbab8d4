"""HTTP/1.1 connections that can't be made to hold more, or to last longer, than the limits say.

twisted.web takes a body of any size into a temporary file before a resource sees it, starts its time-out anew with each
byte, and goes on answering pipelined requests while nobody reads the answers. Here a body is refused by its
Content-Length, or as soon as its chunks add up to too much; a request has to be complete a fixed time after its first
byte; and a caller that does not read is not answered.
"""

from __future__ import annotations

from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from cloudnode import __version__
from cloudnode.api.errors import ApiError
from cloudnode.api.jsonrpc import encode_answer, encode_error
from cloudnode.transports.seam import Caller

if TYPE_CHECKING:
    from cloudnode.api.served import ServedNode

SERVER = f"cloudnode/{__version__}".encode()

DRAINED_BYTES = 8_388_608
"""How much of a refused body is read and thrown away, so that its sender gets to read the answer."""

_PHRASES = {413: b"Content Too Large", 429: b"Too Many Requests", 503: b"Service Unavailable"}


def make_refusal(status: int, error: ApiError) -> bytes:
    """A whole response, with the error as JSON-RPC has it, after which the connection is closed."""
    body = encode_answer(b"null", False, b"error", encode_error(error), None)
    retry = b"Retry-After: 10\r\n" if status in (429, 503) else b""
    return (
        b"HTTP/1.1 %d %s\r\nServer: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        b"Access-Control-Allow-Origin: *\r\nConnection: close\r\n%s\r\n%s"
    ) % (status, _PHRASES[status], SERVER, len(body), retry, body)


class ApiRequest(Request):
    """A request whose body stays in memory, within bounds."""

    channel: ApiChannel
    site: ApiSite

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        self._body = BytesIO()
        self._length = 0
        self._refused = False
        self._counted = 0

    def gotLength(self, length: int | None) -> None:
        """The headers are complete; a body of ``length`` bytes follows, of unknown length if None."""
        self.content = self._body = BytesIO()
        if length is not None and length > self.channel.site.served.limits.message_bytes:
            self._refuse(413, "message_too_large")

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body."""
        self._length += len(data)
        if self._refused:
            if self._length > DRAINED_BYTES:
                self.channel.abort()
            return
        site = self.channel.site
        if self._length > site.served.limits.message_bytes:
            self._refuse(413, "message_too_large")
        elif site.buffered_bytes + len(data) > site.served.limits.buffered_bytes:
            self._refuse(503, "node_overloaded")
        else:
            site.buffered_bytes += len(data)
            self._counted += len(data)
            self._body.write(data)

    def _refuse(self, status: int, name: str) -> None:
        self._refused = True
        self._uncount()
        self.content = self._body = BytesIO()
        self.requestHeaders.removeHeader(b"Expect")  # or the sender would be told to continue
        self.channel.stream.write(make_refusal(status, ApiError(name)))

    def _uncount(self) -> None:
        self.channel.site.buffered_bytes -= self._counted
        self._counted = 0

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The body is complete."""
        self._uncount()
        if self._refused:
            self.channel.loseConnection()
        else:
            super().requestReceived(command, path, version)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:
        """The connection is gone before the request was answered."""
        self._uncount()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def getRequestHostname(self) -> bytes:
        """Not what the Host header says, which may be any bytes: nothing here depends on the name."""
        return b"localhost"

    def render(self, resrc: IResource) -> None:
        """Have a resource answer."""
        self.responseHeaders.setRawHeaders(b"Server", [SERVER])
        super().render(resrc)  # type: ignore[no-untyped-call]


class ApiChannel(HTTPChannel):
    """A connection."""

    site: ApiSite
    _arriving = False
    _counted = False

    def connectionMade(self) -> None:
        """Take the connection, or say that there are too many."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        admission = self.site.served.admission
        self._counted = admission.connect(self.address)
        if not self._counted:
            self.stream.write(make_refusal(429, ApiError("too_many_connections")))
            self.loseConnection()

    @property
    def stream(self) -> ITCPTransport:
        """The transport, which a connection has from its beginning to its end."""
        transport: Any = self.transport
        return transport  # type: ignore[no-any-return]

    @property
    def address(self) -> str:
        """The caller's IP address, or the same word for all that have none (Unix sockets)."""
        return getattr(self.stream.getPeer(), "host", "local")

    @cached_property
    def _host(self) -> Any:
        return super().getHost()  # type: ignore[no-untyped-call]

    def getHost(self) -> Any:
        """This end's address; the same for all requests of a connection, and otherwise a system call for each."""
        return self._host

    @cached_property
    def _is_secure(self) -> bool:
        return bool(super().isSecure())  # type: ignore[no-untyped-call]

    def isSecure(self) -> bool:
        """Whether it is TLS; the same for all requests of a connection."""
        return self._is_secure

    @cached_property
    def caller(self) -> Caller:
        """Who is at the other end, the same for all requests of a connection."""
        return Caller(self.address, "http", self.isSecure())

    def dataReceived(self, data: bytes) -> None:
        """Bytes came; only the first ones of a request give it more time."""
        if not self._arriving:
            self._arriving = True
            self.resetTimeout()  # type: ignore[no-untyped-call]
        LineReceiver.dataReceived(self, data)

    def requestDone(self, request: ApiRequest) -> None:
        """A request is answered; the next one may come."""
        self._arriving = False
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def pauseProducing(self) -> None:
        """The send buffer is full: answer no request more until the caller reads.

        twisted.web stops reading from the socket here unless a request is under way, and answers all requests that
        it has read already; a caller that pipelines requests and reads nothing could so fill the memory.
        """
        super().pauseProducing()  # type: ignore[no-untyped-call]
        self.paused = True
        self._networkProducer.pauseProducing()

    def resumeProducing(self) -> None:
        """There is room again."""
        self.paused = False
        super().resumeProducing()  # type: ignore[no-untyped-call]
        LineReceiver.dataReceived(self, b"")

    def loseConnection(self) -> None:
        """Close after what was written, in bounded time even if nobody reads it."""
        if self._abortingCall is None:
            seconds = self.site.served.limits.http_seconds
            self._abortingCall = self.site.reactor.callLater(seconds, self.forceAbortClient)
        super().loseConnection()  # type: ignore[no-untyped-call]

    def timeoutConnection(self) -> None:
        """The request took too long, or the connection was idle."""
        self.loseConnection()

    def abort(self) -> None:
        """Close at once."""
        self.stream.abortConnection()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """The connection is gone."""
        if self._counted:
            self._counted = False
            self.site.served.admission.disconnect(self.address)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class ApiSite(Site):
    """Builds connections.

    :ivar buffered_bytes: Bytes of all bodies on their way in.
    """

    protocol = ApiChannel  # type: ignore[assignment]
    displayTracebacks = False

    def __init__(self, resource: IResource, served: ServedNode, clock: IReactorTime) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            resource,
            requestFactory=ApiRequest,
            timeout=served.limits.http_seconds,
            reactor=clock,
            parsePOSTFormSubmission=False,
        )
        self.served = served
        self.buffered_bytes = 0

    def startFactory(self) -> None:
        """Keep no access log, and no clock for it: calls are counted instead."""

    def stopFactory(self) -> None:
        """Nothing was started."""

    def log(self, request: Any) -> None:
        """Requests are counted, not logged: callers' addresses are nobody's business."""
