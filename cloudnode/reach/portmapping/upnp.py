"""Talks UPnP-IGD with the router, by miniupnpc: the client library of the project whose server most routers run.

The library blocks, so it is called in threads, one call at a time. A search takes two seconds where nothing answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from cloudnode.formats.stundata import Protocol
from cloudnode.node.threads import RunInThread
from cloudnode.reach.portmapping.leases import Lease
from cloudnode.reach.portmapping.packets import PortMappingError

DISCOVER_MILLISECONDS = 2_000
DESCRIPTION = "cloudnode"
CONFLICT, PERMANENT_ONLY = "ConflictInMappingEntry", "OnlyPermanentLeasesSupported"
OTHER_PORTS = 4
"""So many other external ports are tried where the one that is wished for is somebody else's."""


class UpnpClient:
    """Asks one router, which it looks for first.

    :ivar is_found: Whether there is one.
    """

    def __init__(self, run: RunInThread, make_library: Callable[[], Any], random_port: Callable[[], int]) -> None:
        """
        :param run: Calls a function in a thread. :param make_library: Makes a ``miniupnpc.UPnP``; an
            ImportError from it says that there is none.
        :param random_port: An external port, 1024 or more.
        """
        self.is_found = False
        self._run = run
        self._make_library = make_library
        self._random_port = random_port
        self._library: Any = None
        # Whoever waits for a call may give up; the call itself goes on, and the next one has to wait for it.
        self._lock = Lock()

    async def map(self, protocol: Protocol, port: int, wished: int, lifetime: int) -> Lease:
        """Ask for a mapping, or renew it; the parameters are those of :meth:`PcpClient.map`.

        :raises PortMappingError: ``no_library``, ``no_router``, ``refused``.
        """
        lease: Lease = await self._run(self._map, protocol, port, [wished, *self._others()], lifetime)
        return lease

    async def unmap(self, protocol: Protocol, port: int, external: int) -> None:
        """Have a mapping deleted.

        :raises PortMappingError: See :meth:`map`.
        """
        await self._run(self._unmap, protocol, external)

    def _others(self) -> list[int]:
        return [self._random_port() for _ in range(OTHER_PORTS)]

    # In the thread

    def _find(self) -> None:
        if self.is_found:
            return
        try:
            library = self._library = self._make_library()
        except ImportError as error:
            raise PortMappingError("no_library", str(error)) from None
        library.discoverdelay = DISCOVER_MILLISECONDS
        try:
            library.discover()
            library.selectigd()
        except Exception as error:  # the library raises plain ones
            # The library also says so by an error whose text is that of errno 0.
            why = "" if str(error) in ("", "Success") else f" ({error})"
            raise PortMappingError("no_router", f"no router speaks UPnP-IGD{why}") from None
        self.is_found = True

    def _map(self, protocol: Protocol, port: int, external_ports: Sequence[int], lifetime: int) -> Lease:
        with self._lock:
            was_found = self.is_found
            self._find()
            try:
                return self._add(protocol, port, external_ports, lifetime)
            except PortMappingError:
                if not was_found:
                    raise
            # The router may be another one, or have been restarted since it was found.
            self.is_found = False
            self._find()
            return self._add(protocol, port, external_ports, lifetime)

    def _add(self, protocol: Protocol, port: int, external_ports: Sequence[int], lifetime: int) -> Lease:
        trouble: Exception | None = None
        for external in external_ports:
            for granted in (lifetime, 0):
                try:
                    self._library.addportmapping(
                        external, protocol.upper(), self._library.lanaddr, port, DESCRIPTION, "", granted
                    )
                    return Lease(self._library.externalipaddress(), external, granted, "upnp")
                except Exception as error:
                    trouble = error
                    if PERMANENT_ONLY not in str(error):
                        break
            if CONFLICT not in str(trouble):
                break
        raise PortMappingError("refused", str(trouble))

    def _unmap(self, protocol: Protocol, external: int) -> None:
        with self._lock:
            self._find()
            try:
                self._library.deleteportmapping(external, protocol.upper())
            except Exception as error:
                raise PortMappingError("refused", str(error)) from None


def make_miniupnpc() -> Any:
    """A client of the library.

    :raises ImportError: It is not installed.
    """
    import miniupnpc

    return miniupnpc.UPnP()
