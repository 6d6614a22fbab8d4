"""Has a router's IPv6 firewall opened by UPnP: WANIPv6FirewallControl of a gateway device of version 2."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from typing import Protocol as TypingProtocol

from twisted.internet.defer import Deferred, TimeoutError

from cloudnode.formats.stundata import Protocol
from cloudnode.node.threads import RunInThread
from cloudnode.reach.portmapping.gateway import Gateway
from cloudnode.reach.portmapping.leases import Lease
from cloudnode.reach.portmapping.packets import PortMappingError
from cloudnode.reach.portmapping.routerhttp import RouterHttp
from cloudnode.reach.portmapping.searching import find_description

LEASE_MOST = 86_400
"""Seconds; the service knows no longer one."""

FIND_SECONDS = 20.0
"""For the search, the import and three answers, of which each has a limit of its own."""


class ControlsFirewall(TypingProtocol):
    """What opens it: :class:`cloudnode.reach.portmapping.firewallcontrol.FirewallControl`."""

    async def add(self, client: str, protocol: Protocol, port: int, lifetime: int) -> int:
        """Let everybody in to a port; returns the pinhole's number."""

    async def update(self, number: int, lifetime: int) -> None:
        """Keep a pinhole."""

    async def delete(self, number: int) -> None:
        """Close a pinhole."""


class PinholeClient:
    """Asks one router, which has to be found first.

    A pinhole is renewed as it was opened: the router keeps what it has and opens what it has lost. By its number alone
    a router that was restarted might keep another one, for it counts from the start again. Where it opens nothing
    twice, the number has to do.
    """

    def __init__(self, clock: Any, client: str, find: Callable[[], Awaitable[ControlsFirewall]]) -> None:
        """
        :param client: The address that is opened.
        :param find: Finds the router's service; raises PortMappingError.
        """
        self._clock = clock
        self._client = client
        self._find = find
        self._control: ControlsFirewall | None = None
        self._numbers: dict[tuple[Protocol, int], int] = {}

    async def map(self, protocol: Protocol, port: int, wished: int, lifetime: int) -> Lease:
        """Open a port or keep it open; the parameters are those of :meth:`PcpClient.map`, and no other port can be had.

        :raises PortMappingError: ``no_gateway``, ``no_router``, ``no_library``, ``no_pinholes``, ``firewall_off``,
            ``refused``, ``malformed``, ``no_answer``.
        """
        lifetime = min(lifetime, LEASE_MOST)
        was_known = self._control is not None
        try:
            await self._open(protocol, port, lifetime)
        except PortMappingError:
            # What the router described may have become another place, or it does not let in anybody any more.
            self._control = None
            if not was_known:
                raise
            await self._open(protocol, port, lifetime)
        return Lease(self._client, port, lifetime, "upnp")

    async def unmap(self, protocol: Protocol, port: int, external: int) -> None:
        """Close a port.

        :raises PortMappingError: See :meth:`map`.
        """
        number = self._numbers.pop((protocol, port), None)
        if self._control is not None and number is not None:
            await self._control.delete(number)

    async def _open(self, protocol: Protocol, port: int, lifetime: int) -> None:
        if self._control is None:
            finding = Deferred.fromCoroutine(_await(self._find()))
            try:
                self._control = await finding.addTimeout(FIND_SECONDS, self._clock)
            except TimeoutError:
                raise PortMappingError("no_answer", f"the router's UPnP took longer than {FIND_SECONDS:g} s") from None
        control, number = self._control, self._numbers.get((protocol, port))
        try:
            self._numbers[protocol, port] = await control.add(self._client, protocol, port, lifetime)
        except PortMappingError as error:
            if error.name != "refused" or number is None:
                raise
            await control.update(number, lifetime)


async def _await(waiting: Awaitable[ControlsFirewall]) -> ControlsFirewall:
    return await waiting


def make_pinhole_client(reactor: Any, run: RunInThread, gateway: Gateway) -> PinholeClient:
    """One that asks a gateway of IPv6. :param run: Calls a function in a thread."""

    async def find() -> ControlsFirewall:
        url = await find_description(reactor, gateway.address)
        library = await run(_import_library)
        control: ControlsFirewall = await library.find_firewall_control(RouterHttp(reactor, gateway), url)
        return control

    return PinholeClient(reactor, gateway.client, find)


def _import_library() -> Any:
    """In a thread, for it takes long.

    :raises PortMappingError: ``no_library``.
    """
    try:
        from cloudnode.reach.portmapping import firewallcontrol
    except ImportError as error:
        raise PortMappingError("no_library", str(error)) from None
    return firewallcontrol
