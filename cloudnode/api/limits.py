"""What one caller may take from a node. Every limit has a named error; none decides what is valid."""

from __future__ import annotations

import ipaddress
from functools import cached_property

import attrs
from attrs.validators import ge, instance_of

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


PAGE_DEFAULT = 50
"""Items in a page where the caller names no limit."""


def _number(default: int, least: int = 1) -> int:
    return attrs.field(default=default, validator=[instance_of(int), ge(least)])


def _amount(default: float) -> float:
    return attrs.field(default=default, converter=float, validator=ge(0.001))


@attrs.frozen(slots=False)
class Limits:
    """The limits of one node, set by its operator (docs/api.md).

    :ivar message_bytes: Of one message on any transport, and of an HTTP body.
    :ivar batch_length: Requests in one batch.
    :ivar page_length: Items in one page, 50 at least; a longer page is refused, never cut, so that answers of
        nodes compare.
    :ivar outstanding: Requests of a connection that wait (for a height, for a final operation) at once.
    :ivar unread_bytes: Requests taken from a connection that does not read its answers, in bytes, before it is closed.
    :ivar wait_seconds: How long a request waits for ``min_height`` or a final operation.
    :ivar subscriptions: Of one connection.
    :ivar slow_heights: How many heights a subscriber may stay unable to take anything before it is closed.
    :ivar connections: Of all callers together. :ivar connections_address: Of one address.
    :ivar requests_second: Requests a second and address, in the long run.
    :ivar requests_burst: How many of them may come at once.
    :ivar addresses: Addresses whose rates are remembered; the least recently seen one is forgotten first.
    :ivar buffered_bytes: HTTP bodies on their way in, of all callers together.
    :ivar http_seconds: How long an HTTP request may take to arrive, and an idle connection be kept.
    :ivar trusted: Networks without limits by address: this machine, by default. A reverse proxy
        should be left out of it where it does not limit its callers itself.
    """

    message_bytes: int = _number(1_048_576)
    batch_length: int = _number(100)
    page_length: int = _number(200, PAGE_DEFAULT)
    outstanding: int = _number(1_024)
    unread_bytes: int = _number(2_097_152)
    wait_seconds: float = _amount(15.0)
    subscriptions: int = _number(32)
    slow_heights: int = _number(300)
    connections: int = _number(20_000)
    connections_address: int = _number(128)
    requests_second: float = _amount(100.0)
    requests_burst: int = _number(1_000)
    addresses: int = _number(50_000)
    buffered_bytes: int = _number(134_217_728)
    http_seconds: float = _amount(60.0)
    trusted: tuple[str, ...] = attrs.field(default=("127.0.0.0/8", "::1/128"), converter=tuple)

    @trusted.validator
    def _check_trusted(self, attribute: object, value: tuple[str, ...]) -> None:
        for network in value:
            ipaddress.ip_network(network)

    @cached_property
    def _trusted_networks(self) -> tuple[_Network, ...]:
        return tuple(ipaddress.ip_network(network) for network in self.trusted)

    def limited_key(self, address: str) -> str | None:
        """Under what a caller's use is counted: its IPv4 address or IPv6 /64 network; None if it is trusted.

        An IPv6 caller usually has a whole /64 to itself. What is not an IP address is counted as it is.
        """
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return address
        if isinstance(parsed, ipaddress.IPv6Address):
            parsed = parsed.ipv4_mapped or parsed
        for network in self._trusted_networks:
            if parsed in network:
                return None
        if isinstance(parsed, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((parsed, 64), strict=False))
        return str(parsed)
