"""Has one router tell, by SSDP, where it describes itself.

The question goes to the router's own address and, where the link is known, to all that speak SSDP there, for devices of
UPnP 1.0 hear nothing else. Answers are taken from the router's own address alone, to which the requests that follow go.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred, fail

from cloudnode.reach.portmapping.exchange import Exchange
from cloudnode.reach.portmapping.gateway import find_source
from cloudnode.reach.portmapping.packets import PortMappingError
from cloudnode.reach.portmapping.ssdp import EVERYBODY, PORT, make_search, read_location

FIREWALL_CONTROL = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1"
SEARCHED = (FIREWALL_CONTROL, "urn:schemas-upnp-org:device:InternetGatewayDevice:2")


def find_description(reactor: Any, router: str) -> Deferred[str]:
    """The URL of a router's description. Its host is what the router calls itself, which may be another address.

    :param router: Its IPv6 address. Fails with a PortMappingError: ``no_gateway``, ``no_router``.
    """
    source = find_source(router)
    if source is None:
        return fail(PortMappingError("no_gateway", "this machine has no network now"))
    return Search(reactor, router).open(source, router, PORT)


class Search(Exchange):
    """The question and its answer."""

    def __init__(self, reactor: Any, router: str) -> None:
        super().__init__(reactor, read_location, "no_router", "the router does not say that it speaks UPnP over IPv6")
        self._router = router
        _, on_link, link = router.partition("%")
        self._receivers = [router, f"{EVERYBODY}%{link}"] if on_link else [router]

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Take the router's answer."""
        if _is_same(addr[0], self._router):
            super().datagramReceived(datagram, addr)

    def transmit(self) -> None:
        for receiver in self._receivers:
            for kind in SEARCHED:
                self.transport.write(make_search(receiver, kind), (receiver, PORT))


def _is_same(address: str, router: str) -> bool:
    return ip_address(address.partition("%")[0]) == ip_address(router.partition("%")[0])
