"""The files that are served, with what HTTP says of each."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

import attrs

from cloudnode.page.download import make_single_page
from cloudnode.page.policy import PAGE_HEADERS

INDEX = "index.html"
SINGLE_PAGE = "cloudnode-page.html"

_MEDIA_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
_LEAST_PACKED = 512
"""Bytes below which packing saves no packet."""


@attrs.frozen
class StaticFile:
    """A file as it is served.

    :ivar body: Its bytes. :ivar packed: The same by gzip; empty where that saves nothing.
    :ivar etag: Of the bytes, in quotes. The packed form has another one, as RFC 9110, section 8.8.3.3 asks.
    :ivar headers: What its response has besides.
    """

    media_type: bytes
    body: bytes
    packed: bytes
    etag: bytes
    packed_etag: bytes
    headers: tuple[tuple[bytes, bytes], ...]


def _make_file(name: str, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> StaticFile:
    packed = gzip.compress(body, mtime=0) if len(body) >= _LEAST_PACKED else b""
    digest = hashlib.sha256(body).hexdigest()[:32].encode()
    return StaticFile(
        _MEDIA_TYPES[PurePosixPath(name).suffix], body, packed, b'"%s"' % digest, b'"%s-gzip"' % digest, headers
    )


def _walk(directory: Traversable, above: str = "") -> Iterator[tuple[str, bytes]]:
    for each in sorted(directory.iterdir(), key=lambda entry: entry.name):
        if each.is_dir():
            yield from _walk(each, f"{above}{each.name}/")
        elif PurePosixPath(each.name).suffix in _MEDIA_TYPES:
            yield above + each.name, each.read_bytes()


@cache
def read_sources() -> Mapping[str, bytes]:
    """The bytes of all files, by their path below ``files/``."""
    return dict(_walk(files("cloudnode.page") / "files"))


@cache
def load_files() -> Mapping[str, StaticFile]:
    """All that is served, by the path of its URL: ``/`` is the page itself."""
    sources = read_sources()
    served = {
        "/" if name == INDEX else f"/{name}": _make_file(name, body, PAGE_HEADERS) for name, body in sources.items()
    }
    single = make_single_page(sources)
    attachment = (b"Content-Disposition", b'attachment; filename="%s"' % SINGLE_PAGE.encode())
    served[f"/{SINGLE_PAGE}"] = _make_file(SINGLE_PAGE, single, (*PAGE_HEADERS, attachment))
    return served
