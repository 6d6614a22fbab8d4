"""Reads by GET, for people and caches: a record, the node's status, its health."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import msgspec
from twisted.web.server import Request

from cloudnode.api.answerer import Answerer
from cloudnode.api.calls import Scope
from cloudnode.api.errors import ApiError
from cloudnode.api.served import ServedNode
from cloudnode.api.web.responses import is_unchanged, respond, respond_error

_encode = msgspec.json.Encoder().encode


class Reads:
    """Answers GET."""

    def __init__(self, served: ServedNode, answerer: Answerer) -> None:
        self._served = served
        self._answerer = answerer

    def record(self, request: Request, scope: Scope, account: str, collection: str, key: str) -> bytes:
        """``/records/<account>/<collection>/<key>[?at=HEIGHT]``: the ETag is made of all that can change."""
        params: dict[str, Any] = {"account": account, "collection": collection, "key": key}
        try:
            height, result = self._answerer.read("getrecord", params, _wanted_height(request), scope)
        except ApiError as error:
            return respond_error(request, error)
        record: Any = result
        etag = b'"%d.%d.%d"' % (record.version, record.ratings_sum, record.ratings_count)
        request.responseHeaders.setRawHeaders(b"Cloudnode-Height", [b"%d" % height])
        if is_unchanged(request, etag):
            return respond(request, b"", status=304)
        return respond(request, _encode(result))

    def status(self, request: Request, scope: Scope) -> bytes:
        """``/status``: the state's hash and sums; the ETag is the height."""
        try:
            height, result = self._answerer.read("getdatahash", {}, _wanted_height(request), scope)
        except ApiError as error:
            return respond_error(request, error)
        if is_unchanged(request, b'"%d"' % height):
            return respond(request, b"", status=304)
        ledger = self._served.ledger
        state = msgspec.to_builtins(result)
        return respond(request, _encode({"network": ledger.network.hex(), "name": ledger.genesis.name} | state))

    def health(self, request: Request) -> bytes:
        """``/health`` and ``/health/ready``: 200 while data is served, else 503; why nothing can be written, if so."""
        ledger = self._served.ledger
        ready = ledger.state == "serving"
        body = {
            "live": True,
            "ready": ready,
            "state": ledger.state,
            "height": ledger.head.height,
            "trouble": ledger.ordering_trouble or ledger.repair.trouble,
            "repair": ledger.repair.doing,
        }
        return respond(request, _encode(body), status=200 if ready else 503)

    def live(self, request: Request) -> bytes:
        """``/health/live``: 200 as long as anything is answered."""
        return respond(request, b'{"live":true}')


def _wanted_height(request: Request) -> int | None:
    """The query's ``at``.

    :raises ApiError: ``member_type`` or ``member_unknown``.
    """
    _, _, query = request.uri.partition(b"?")
    if not query:
        return None
    try:
        given = parse_qs(query.decode("ascii"), keep_blank_values=True, max_num_fields=8)
    except ValueError:
        raise ApiError("member_unknown", "The query can't be read.") from None
    if set(given) != {"at"} or len(given["at"]) != 1:
        raise ApiError("member_unknown", "The query's only member is at, a height.")
    text = given["at"][0]
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ApiError("member_type", "The query's at is a height.")
    return int(text)
