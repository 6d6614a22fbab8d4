"""The bytes of a search by SSDP (UPnP Device Architecture 1.1, section 1.3), at port 1900 (pure)."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from cloudnode.reach.portmapping.packets import PortMappingError

PORT = 1900
EVERYBODY = "ff02::c"
"""All that speak SSDP on one link."""

ANSWER_BYTES_MAX = 2_048
URL_LONGEST = 256
"""Characters; routers' URLs have some 40."""

MOST_WAIT = 1
"""Seconds for which whoever answers may wait before that."""


def make_search(host: str, kind: str) -> bytes:
    """A search request.

    :param host: The IPv6 address that it goes to. :param kind: The type of the device or service that is looked for.
    """
    lines = (
        "M-SEARCH * HTTP/1.1", f"HOST: [{host.partition('%')[0]}]:{PORT}", 'MAN: "ssdp:discover"', f"MX: {MOST_WAIT}",
        f"ST: {kind}", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


def read_location(datagram: bytes) -> str:
    """The URL of the device's description in an answer to a search, without what has no place in it.

    :raises PortMappingError: ``malformed``.
    """
    if len(datagram) > ANSWER_BYTES_MAX or not datagram.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")):
        raise PortMappingError("malformed", "no answer to a search")
    for line in datagram.split(b"\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"location":
            return _checked(value.strip())
    raise PortMappingError("malformed", "the answer tells no location")


def _checked(location: bytes) -> str:
    """Such a URL, made anew of its parts: an address goes without the link's name, which has a meaning here alone."""
    try:
        text = location.decode("ascii")
        parts = urlsplit(text)
        host, port = ip_address((parts.hostname or "").partition("%")[0]), parts.port or 80
    except ValueError:
        raise PortMappingError("malformed", "the location is no URL with an IP address") from None
    if parts.scheme != "http" or len(text) > URL_LONGEST or not text.isprintable() or " " in text:
        raise PortMappingError("malformed", "the location is no URL of HTTP")
    place = f"[{host}]" if isinstance(host, IPv6Address) else str(host)
    return f"http://{place}:{port}{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
