"""What browsers are told to allow, and not.

Records hold whatever their authors wrote. The page puts them on the screen as text alone; should it fail to, the policy
still lets no script run that is not one of its files: nothing inline, nothing from elsewhere, no ``javascript:`` URL,
no string that becomes markup (``trusted-types 'none'``). Connections may go to any host: nodes are anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

_CONNECT = "connect-src 'self' http: https: ws: wss:"
_NOTHING_ELSE = (
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)


def _join(*directives: str) -> str:
    return "; ".join(directives)


PAGE_POLICY = _join(
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    _CONNECT,
    *_NOTHING_ELSE,
    "frame-ancestors 'none'",
)
"""Of the page as a node serves it."""

PAGE_HEADERS = (
    (b"Content-Security-Policy", PAGE_POLICY.encode()),
    (b"Referrer-Policy", b"no-referrer"),
    (b"X-Frame-Options", b"DENY"),
    (b"Permissions-Policy", b"camera=(), geolocation=(), microphone=()"),
)


def make_single_page_policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    """The policy that the page in one file has as its ``<meta>``: its own scripts and styles, by their hashes.

    What these scripts import is inside the file as well, as ``data:`` URLs, so these are allowed; who could add a
    script of that kind would have to make markup of a string first, which trusted types forbid. (``'strict-dynamic'``
    would be narrower, but does not reach the imports of scripts that stand in markup. ``frame-ancestors`` has no effect
    in a ``<meta>``.)

    :param scripts: :param styles: The exact text between the tags.
    """
    return _join(
        "default-src 'none'",
        " ".join(["script-src data:", *map(_hash, scripts)]),
        " ".join(["style-src", *map(_hash, styles)]),
        "img-src data:",
        _CONNECT,
        *_NOTHING_ELSE,
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
