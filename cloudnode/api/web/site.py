"""The site's routes. Klein is imported here only when a site is made: to import it is to install a reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from cloudnode.api.answerer import Answer, Answerer, over_rate
from cloudnode.api.calls import Scope
from cloudnode.api.errors import ApiError
from cloudnode.api.metrics import Gauges, expose
from cloudnode.api.served import ServedNode
from cloudnode.api.web.channel import ApiChannel, ApiSite
from cloudnode.api.web.files import respond_file
from cloudnode.api.web.reads import Reads
from cloudnode.api.web.responses import respond, respond_error, set_retry_after
from cloudnode.page.files import StaticFile, load_files
from cloudnode.transports.seam import Caller

RPC_PATHS = ("/", "/public/", "/rpc/public/", "/post/")
"""Where JSON-RPC is taken by POST; the last three are Pocketnet's."""

_PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"

_log = Logger()


class HttpApi:
    """Answers requests of the site."""

    def __init__(self, served: ServedNode, answerer: Answerer, gauges: Gauges | None = None) -> None:
        """:param gauges: Further values for ``/metrics``."""
        self._served = served
        self._answerer = answerer
        self._reads = Reads(served, answerer)
        self._expose = expose(served, gauges)

    def _scope(self, request: Request) -> Scope:
        channel = request.channel
        if isinstance(channel, ApiChannel):
            return Scope(self._served, channel.caller)
        # The resource on a site of another kind.
        address = getattr(request.getClientAddress(), "host", "local")
        return Scope(self._served, Caller(address, "http", request.isSecure()))

    def call(self, request: Request) -> bytes | Deferred[bytes]:
        """JSON-RPC by POST."""
        scope = self._scope(request)
        assert request.content is not None
        answer = self._answerer.answer(request.content.read(), scope)
        if isinstance(answer, Deferred):
            request.notifyFinish().addErrback(lambda _: scope.end())
            return answer.addCallback(lambda answer: _respond_answer(request, scope, answer))
        return _respond_answer(request, scope, answer)

    def record(self, request: Request, account: str, collection: str, key: str) -> bytes:
        """A record by GET."""
        return self._reads.record(request, self._scope(request), account, collection, key)

    def status(self, request: Request) -> bytes:
        """The ledger's state by GET."""
        return self._reads.status(request, self._scope(request))

    def _limited(self, answer: Callable[[Request], bytes]) -> Callable[[Request], bytes]:
        """A route that counts against the caller's rate as calls and reads do."""

        def endpoint(request: Request) -> bytes:
            scope = self._scope(request)
            if not scope.take(1):
                return respond_error(request, over_rate(scope))
            return answer(request)

        return endpoint

    def metrics(self, request: Request) -> bytes:
        """Prometheus's values."""
        return respond(request, self._expose(), _PROMETHEUS)

    def openrpc(self, request: Request) -> bytes:
        """The OpenRPC document."""
        return respond(request, self._served.openrpc())

    def failed(self, request: Request, failure: Failure) -> bytes:
        """What no route answers: unknown paths and methods, and failures of ours."""
        status = getattr(failure.value, "code", 500)
        if request.method == b"OPTIONS" and status in (404, 405):
            return _respond_preflight(request)
        if status == 404:
            return respond_error(request, ApiError("path_unknown"), 404)
        if status == 405:
            allowed = sorted(getattr(failure.value, "valid_methods", None) or ())
            request.responseHeaders.setRawHeaders(b"Allow", [", ".join(allowed).encode()])
            return respond_error(request, ApiError("http_method_unknown"), 405)
        if 300 <= status < 500:
            return respond_error(request, ApiError("path_unknown"), 404)
        _log.failure("A request failed", failure)
        return respond_error(request, ApiError("internal_error"))

    def resource(self) -> IResource:
        """The site's root."""
        from klein import Klein

        app = Klein()
        for path in RPC_PATHS:
            _route(app, path, "POST", self.call)
        for path, file in load_files().items():
            _route(app, path, "GET", self._limited(_serve(file)))
        _route(app, "/records/<account>/<collection>/<key>", "GET", self.record)
        _route(app, "/status", "GET", self.status)
        _route(app, "/health", "GET", self._limited(self._reads.health))
        _route(app, "/health/ready", "GET", self._limited(self._reads.health))
        _route(app, "/health/live", "GET", self._limited(self._reads.live))
        _route(app, "/metrics", "GET", self._limited(self.metrics))
        _route(app, "/openrpc.json", "GET", self._limited(self.openrpc))
        app.handle_errors(Exception)(
            lambda request, failure: self._limited(lambda request: self.failed(request, failure))(request)
        )
        unreadable = self._limited(lambda request: respond_error(request, ApiError("path_unknown")))
        return _ReadablePaths(app.resource(), unreadable)


class _ReadablePaths(Resource):
    """Routes only paths that are UTF-8: Klein would log a failure for each other one."""

    isLeaf = True

    def __init__(self, routes: IResource, unreadable: Callable[[Request], bytes]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._routes = routes
        self._unreadable = unreadable

    def render(self, request: Request) -> Any:
        """Have the routes answer, or say that there is nothing at such a path."""
        try:
            b"/".join(request.postpath or ()).decode()
        except UnicodeDecodeError:
            return self._unreadable(request)
        return self._routes.render(request)


def _serve(file: StaticFile) -> Callable[[Request], bytes]:
    return lambda request: respond_file(request, file)


def _route(app: Any, path: str, method: str, answer: Callable[..., Any]) -> None:
    def endpoint(request: Request, **parts: str) -> Any:
        return answer(request, **parts)

    endpoint.__name__ = f"{method} {path}"
    app.route(path, methods=[method], strict_slashes=False)(endpoint)


def _respond_answer(request: Request, scope: Scope, answer: Answer) -> bytes:
    if scope.retry_after:
        set_retry_after(request, scope.retry_after)
        return respond(request, answer or b"", status=429)
    if answer is None:
        return respond(request, b"", status=204)
    return respond(request, answer)


def _respond_preflight(request: Request) -> bytes:
    """Any origin may call with any content type (the Fetch standard, CORS-preflight)."""
    headers = request.responseHeaders
    headers.setRawHeaders(b"Access-Control-Allow-Methods", [b"GET, HEAD, POST, OPTIONS"])
    headers.setRawHeaders(b"Access-Control-Allow-Headers", [b"Content-Type, If-None-Match"])
    headers.setRawHeaders(b"Access-Control-Max-Age", [b"86400"])
    return respond(request, b"", status=204)


def make_site(served: ServedNode, answerer: Answerer, clock: IReactorTime, gauges: Gauges | None = None) -> ApiSite:
    """The factory to listen with.

    :param gauges: Further values for ``/metrics``, by name without the prefix ``cloudnode_``.
    """
    return ApiSite(HttpApi(served, answerer, gauges).resource(), served, clock)
