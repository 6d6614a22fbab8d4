"""Responses: what all of them have, and the errors of reads by GET."""

from __future__ import annotations

from twisted.web.server import Request

from cloudnode.api.errors import INTERNAL, LIMIT, NOT_FOUND, STARTING, ApiError
from cloudnode.api.jsonrpc import encode_error

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"

_STATUS = {NOT_FOUND: 404, STARTING: 503, LIMIT: 429, INTERNAL: 500}


def respond(request: Request, body: bytes, content_type: bytes = JSON, status: int = 200) -> bytes:
    """Set what every response has, and hand the body back."""
    set_header = request.responseHeaders.setRawHeaders
    if status != 200:
        request.setResponseCode(status)
    set_header(b"Access-Control-Allow-Origin", [b"*"])
    set_header(b"Access-Control-Expose-Headers", [b"ETag, Retry-After, Cloudnode-Height"])
    set_header(b"X-Content-Type-Options", [b"nosniff"])
    if status not in (204, 304):
        set_header(b"Content-Type", [content_type])
        set_header(b"Content-Length", [b"%d" % len(body)])
    return body


def respond_error(request: Request, error: ApiError, status: int | None = None) -> bytes:
    """Answer a GET with an error: ``{"error": ...}`` with the members that JSON-RPC's errors have."""
    status = _STATUS.get(error.number, 400) if status is None else status
    retry_after = error.data.get("retry_after")
    if retry_after is not None:
        set_retry_after(request, retry_after)
    elif status == 503:
        set_retry_after(request, 5.0)
    return respond(request, b'{"error":' + encode_error(error) + b"}", status=status)


def set_retry_after(request: Request, seconds: float) -> None:
    """Tell when to come again, in whole seconds (RFC 9110, section 10.2.3)."""
    request.responseHeaders.setRawHeaders(b"Retry-After", [b"%d" % max(1, round(seconds + 0.5))])


def is_unchanged(request: Request, etag: bytes) -> bool:
    """Set the ETag; True if the caller has this version already and is to be answered 304 with no body."""
    request.responseHeaders.setRawHeaders(b"ETag", [etag])
    request.responseHeaders.setRawHeaders(b"Cache-Control", [b"no-cache"])
    given = b",".join(request.requestHeaders.getRawHeaders(b"If-None-Match") or [])
    known = {tag.strip().removeprefix(b"W/") for tag in given.split(b",")}
    return etag in known or b"*" in known
