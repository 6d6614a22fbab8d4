"""Talks PCP with the router, or NAT-PMP if it speaks that alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from cloudnode.formats.stundata import Protocol
from cloudnode.reach.portmapping.exchange import Exchange
from cloudnode.reach.portmapping.gateway import Gateway
from cloudnode.reach.portmapping.leases import Lease
from cloudnode.reach.portmapping.packets import (
    NONCE_BYTES,
    PORT,
    Granted,
    PortMappingError,
    make_pcp_map,
    make_pmp_address,
    make_pmp_map,
    read_pcp_map,
    read_pmp_address,
    read_pmp_map,
)

_T = TypeVar("_T")


class PcpClient:
    """Asks one gateway.

    Each mapping has a nonce of its own, by which the router knows who may change it.
    """

    def __init__(
        self, reactor: Any, gateway: Gateway, random: Callable[[int], bytes], *, speaks_pcp: bool = True
    ) -> None:
        """
        :param random: So many bytes that nobody can guess. :param speaks_pcp: Begin with PCP.
        """
        self._reactor = reactor
        self._gateway = gateway
        self._random = random
        self._nonces: dict[tuple[Protocol, int], bytes] = {}
        self._speaks_pcp = speaks_pcp

    async def map(self, protocol: Protocol, port: int, wished: int, lifetime: int) -> Lease:
        """Ask for a mapping, or renew it.

        :param wished: The external port. :param lifetime: Seconds.
        :raises PortMappingError: ``no_answer``, ``refused``, ``malformed``.
        """
        if self._speaks_pcp:
            try:
                granted = await self._ask_pcp(protocol, port, wished, lifetime)
            except PortMappingError as error:
                if error.name != "unsupported_version" or ":" in self._gateway.client:
                    raise  # NAT-PMP is of IPv4 alone
                self._speaks_pcp = False
            else:
                assert granted.address is not None
                return Lease(granted.address, granted.external_port, _checked(granted.lifetime), "pcp")
        address = await self._ask(make_pmp_address(), read_pmp_address)
        granted = await self._ask(
            make_pmp_map(protocol, port, wished, lifetime), lambda data: _of(read_pmp_map(data, protocol), port)
        )
        return Lease(address, granted.external_port, _checked(granted.lifetime), "nat-pmp")

    async def unmap(self, protocol: Protocol, port: int, external: int) -> None:
        """Have a mapping deleted.

        :raises PortMappingError: See :meth:`map`.
        """
        if self._speaks_pcp:
            await self._ask_pcp(protocol, port, external, 0)
        else:
            await self._ask(make_pmp_map(protocol, port, 0, 0), lambda data: _of(read_pmp_map(data, protocol), port))

    def _ask_pcp(self, protocol: Protocol, port: int, external: int, lifetime: int) -> Deferred[Granted]:
        nonce = self._nonces.setdefault((protocol, port), self._random(NONCE_BYTES))
        request = make_pcp_map(self._gateway.client, nonce, protocol, port, external, lifetime)
        return self._ask(request, lambda data: _of(read_pcp_map(data, nonce, protocol), port))

    def _ask(self, request: bytes, read: Callable[[bytes], _T | None]) -> Deferred[_T]:
        exchange = _PcpExchange(self._reactor, self._gateway.address, request, read)
        return exchange.open(self._gateway.client, self._gateway.address, PORT)


def _of(granted: Granted | None, port: int) -> Granted | None:
    return granted if granted is not None and granted.internal_port == port else None


def _checked(lifetime: int) -> int:
    if not lifetime:
        raise PortMappingError("malformed", "granted for no time")
    return lifetime


class _PcpExchange(Exchange):
    """One request and its answer."""

    def __init__(self, reactor: Any, router: str, request: bytes, read: Callable[[bytes], Any]) -> None:
        super().__init__(reactor, read, "no_answer", "the router speaks neither PCP nor NAT-PMP")
        self._router = router
        self._request = request

    def startProtocol(self) -> None:
        """The socket is bound. Connected, it hears of ICMP errors and of nobody else."""
        try:
            self.transport.connect(self._router, PORT)
        except OSError as error:  # the cable is out
            self.finish(PortMappingError("no_gateway", f"this machine has no network now ({error})"))
        else:
            super().startProtocol()

    def transmit(self) -> None:
        self.transport.write(self._request)
