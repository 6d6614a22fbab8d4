"""Serves the page's files: with an ETag, packed for those who take that, and with what browsers are to allow."""

from __future__ import annotations

from twisted.web.server import Request

from cloudnode.api.web.responses import is_unchanged, respond
from cloudnode.page.files import StaticFile


def respond_file(request: Request, file: StaticFile) -> bytes:
    """Answer with a file, or that it is unchanged."""
    is_packed = bool(file.packed) and _takes_gzip(request)
    headers = request.responseHeaders
    headers.setRawHeaders(b"Vary", [b"Accept-Encoding"])
    for name, value in file.headers:
        headers.setRawHeaders(name, [value])
    if is_unchanged(request, file.packed_etag if is_packed else file.etag):
        return respond(request, b"", status=304)
    if is_packed:
        headers.setRawHeaders(b"Content-Encoding", [b"gzip"])
    return respond(request, file.packed if is_packed else file.body, file.media_type)


def _takes_gzip(request: Request) -> bool:
    """Whether the caller names gzip, and not with the weight 0 (RFC 9110, section 12.5.3)."""
    given = b",".join(request.requestHeaders.getRawHeaders(b"Accept-Encoding") or [])
    for coding in given.lower().split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip() == b"gzip":
            return weight.replace(b" ", b"").rstrip(b"0") not in (b"q=", b"q=0.")
    return False
