"""Which mappings a node keeps: two STUN-Client sockets, UDP and TCP, for each peer that qualifies.

A peer qualifies if it is reachable, tells of a STUN server, and is outside (:mod:`cloudnode.reach.outside`). Having
dialled it is enough to know that it is reachable; of a peer that dialled this node, its interface is tried once with a
handshake. Where the answers show that there is no NAT between (the external address is one of this machine's own), the
sockets are of no use and are closed again, unless the operator wants them always. That is believed for a while of all
peers whose addresses are of the same realm; then the next one is asked.

A firewall that lets no stranger in is a NAT without a mapping: what goes out opens it, and what was opened has to be
kept so. Where others tried the node's own ports and reached none, the sockets are kept in spite of their addresses.

When a peer goes, its sockets take no new connection and are told to nobody any more; what is open on them lives on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.stundata import Endpoint, Protocol
from cloudnode.peers.messages import StunServer
from cloudnode.peers.peer import Peer
from cloudnode.reach.asking import ServerAccess
from cloudnode.reach.clientsockets import ClientSocket
from cloudnode.reach.lifetime import LifetimeSearch
from cloudnode.reach.mapping import Changed, External, Mapping
from cloudnode.reach.outside import OutsideChoice, Realm, find_realm, is_loopback, is_outside
from cloudnode.reach.punching.attempt import local_host
from cloudnode.reach.punching.values import find_family
from cloudnode.reach.settings import ReachMode, ReachSettings

PROBE_AGAIN_SECONDS = 300.0
NO_NAT_SECONDS = 600.0
"""So long it is believed that there is no NAT; then a peer's server is asked again."""

LOOK_AGAIN_SECONDS = 15.0
"""Then another peer's, if the one before has not answered."""

LINGER_LOOK_SECONDS = 5.0


class KeptMapping:
    """A socket with its mapping.

    :ivar peer: Whose STUN server is asked. :ivar server: That one.
    :ivar confirmed: Whether somebody else reached it; None if that is not known. :ivar asked: Requests so far.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, peer: Peer, server: ServerAccess, socket: ClientSocket, interval: float,
                 changed: Callable[[KeptMapping, Changed], None]) -> None:  # fmt: skip
        self.peer = peer
        self.observer = peer.id
        self.socket = socket
        self.mapping = Mapping(clock.seconds(), interval)
        self.confirmed: bool | None = None
        self.asked = 0
        self._clock = clock
        self.server = server
        self._changed = changed
        self._timer: IDelayedCall | None = None
        self._is_over = False

    def start(self) -> None:
        """Ask now, and again and again."""
        self._arm()

    def stop(self) -> None:
        """Ask no more."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def serve(self, server: ServerAccess) -> None:
        """The server is another one, or has given another credential."""
        self.server = server
        self.disturb()

    def disturb(self) -> None:
        """Ask at once."""
        self.mapping.disturb(self._clock.seconds())
        self._arm()

    @property
    def family(self) -> int:
        """4 or 6: the version of IP over which the server is asked."""
        return find_family(self.server.address[0])

    @property
    def local(self) -> tuple[str, int]:
        """The socket's address and port; if it is bound to all addresses, the one on the way to the server.

        Where there is no way just now, the address is the one for all.
        """
        host, port = self.socket.local
        if host and not ip_address(host).is_unspecified:
            return host, port
        server = self.server.address[0]
        return local_host(server) or host or ("::" if find_family(server) == 6 else "0.0.0.0"), port

    @property
    def local_address(self) -> str:
        """The IP address that it is kept from over TCP (:class:`cloudnode.transports.moving.Bound`)."""
        return self.socket.connected_from

    def leave(self) -> None:
        """That address is no longer this machine's: ask from another one."""
        self.socket.disconnect()
        self.disturb()

    def keep_every(self, interval: float) -> None:
        """Ask at this interval, in seconds, from now on."""
        if interval != self.mapping.interval:
            self.mapping.interval = interval
            self._arm()

    def _arm(self) -> None:
        deadline = self.mapping.deadline()
        if self._is_over or deadline is None:
            return
        delay = max(0.0, deadline - self._clock.seconds())
        if self._timer is None:
            self._timer = self._clock.callLater(delay, self._ask)
        elif self._timer.getTime() > self._clock.seconds() + delay:
            self._timer.reset(delay)

    def _ask(self) -> None:
        self._timer = None
        now, deadline = self._clock.seconds(), self.mapping.deadline()
        if deadline is None or deadline > now:
            self._arm()
            return
        self.mapping.asking(now)
        self.asked += 1
        self.socket.ask(self.server).addCallbacks(self._answered, self._failed).addErrback(
            lambda failure: self._log.failure("A mapping's answer could not be handled", failure)
        )

    def _answered(self, external: External) -> None:
        self._took(self.mapping.answered(external, self._clock.seconds()))

    def _failed(self, failure: Failure) -> None:
        self._log.debug("{protocol} socket {local} learned nothing from the STUN server of {peer}: {error}",
                        protocol=self.socket.protocol, local=self.socket.local, peer=self.peer,
                        error=failure.getErrorMessage())  # fmt: skip
        self._took(self.mapping.failed(self._clock.seconds()))

    def _took(self, changed: Changed | None) -> None:
        if self._is_over:
            return
        if changed is not None:
            self.confirmed = None
            self._changed(self, changed)
        self._arm()


class MappingKeeper:
    """Keeps the mappings (:class:`cloudnode.reach.exchange.PeerWatcher`).

    :ivar lifetimes: What interval between keep-alives is safe, over UDP and over TCP.
    :ivar changes: How often mappings changed.
    :ivar serves_others: Whether the node serves other machines at all; without, nothing is mapped by itself.
    :ivar is_stopped: Whether it is over.
    :ivar no_nat: The external addresses that were this machine's own when they were last seen.
    :ivar is_walled: Whether others tried the node's own ports in a realm and reached none; to be set by who knows.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        mode: ReachMode,
        settings: ReachSettings,
        make_sockets: Callable[[StunServer, str], list[ClientSocket]],
        probe: Callable[[Peer], Awaitable[None]],
        is_own_address: Callable[[str], bool],
        told_changed: Callable[[], None],
        network_changed: Callable[[], None] = lambda: None,
    ) -> None:
        """
        :param make_sockets: Opens sockets for the STUN server at an address; OSErrors and CannotListenErrors from it
            are told in the log. :param probe: Tries a peer's interface, and fails if it is not reachable.
        :param told_changed: Called when what is told of the mappings has changed.
        :param network_changed: Called when the router has forgotten mappings, or is another one.
        """
        self.lifetimes: dict[Protocol, LifetimeSearch] = {
            "udp": LifetimeSearch(settings.keepalive, settings.keepalive_longest),
            "tcp": LifetimeSearch(settings.keepalive, settings.keepalive_longest),
        }
        self.changes = 0
        self.serves_others = True
        self.no_nat: dict[Realm, str] = {}
        self.is_walled: Callable[[Realm], bool] = lambda realm: False
        self._outside = OutsideChoice(clock)
        self._no_nat_until: dict[Realm, float] = {}
        self._look_call: IDelayedCall | None = None
        self._clock = clock
        self._mode = mode
        self._settings = settings
        self._make_sockets = make_sockets
        self._probe = probe
        self._is_own_address = is_own_address
        self._told_changed = told_changed
        self._network_changed = network_changed
        self._servers: dict[Peer, StunServer] = {}
        self._kept: dict[Peer, list[KeptMapping]] = {}
        self._lingering: dict[ClientSocket, IDelayedCall] = {}
        self._probed: dict[Peer, float] = {}
        self._probes: dict[Peer, Deferred[None]] = {}
        self._disturbed = float("-inf")
        self._doubted = float("-inf")
        self._is_full = False
        self.is_stopped = False

    def __iter__(self) -> Iterator[KeptMapping]:
        return iter([kept for of_peer in self._kept.values() for kept in of_peer])

    def sockets(self) -> list[ClientSocket]:
        """All that are open."""
        return [*(kept.socket for kept in self), *self._lingering]

    def endpoints(self) -> list[Endpoint]:
        """What is told of the mappings; those that somebody reached stand first."""
        known = sorted(self, key=lambda kept: not kept.confirmed)
        return [
            Endpoint(kept.socket.protocol, external.address, external.port, kept.observer)
            for kept in known
            if (external := kept.mapping.external) is not None
        ]

    # What is learned of peers

    def server_told(self, peer: Peer, server: StunServer) -> None:
        """A peer tells of its STUN server."""
        self._servers[peer] = server
        if self._mode == "auto" and is_outside(peer.address):
            for neighbour in [each for each in self._kept if not is_outside(each.address)]:
                self._give_up(neighbour)
        if peer in self._kept:
            for kept in self._kept[peer]:
                kept.serve(_access(peer, server, kept.socket.protocol))
        else:
            self._consider(peer)

    def record_came(self, peer: Peer) -> None:
        """A peer's certificates may be known now, by which it can be tried."""
        self._consider(peer)

    def closed(self, peer: Peer) -> None:
        """A peer is gone, and with it what was learned by it. Others may be concerned as well."""
        self._outside.choose(self._servers, lambda each: each.address)
        self._servers.pop(peer, None)
        self._probed.pop(peer, None)
        probing = self._probes.pop(peer, None)
        if probing is not None:
            probing.cancel()
        self._give_up(peer)
        self.disturb()
        for waiting in list(self._servers) if self._is_full else ():
            self._consider(waiting)

    def disturb(self) -> None:
        """Something has changed: ask for all mappings at once, but not all the time."""
        now = self._clock.seconds()
        shortest = min(each.interval for each in self.lifetimes.values())
        if now - self._disturbed >= min(self._settings.keepalive, shortest) / 2:
            self._disturbed = now
            for kept in self:
                kept.disturb()

    # Which peers qualify

    def _consider(self, peer: Peer) -> None:
        server = self._servers.get(peer)
        if server is None or peer in self._kept or self.is_stopped or not self._is_wanted(peer):
            return
        if peer.dialled is not None or self._probed.get(peer) == float("inf"):
            self._open(peer, server)
        elif peer not in self._probes and self._clock.seconds() - self._probed.get(peer, float("-inf")) > (
            PROBE_AGAIN_SECONDS
        ):
            self._begin_probe(peer)

    def _is_wanted(self, peer: Peer) -> bool:
        if self._mode != "auto":
            return self._mode == "always"
        if not self.serves_others or is_loopback(peer.address):
            return False
        realm = find_realm(peer.address)
        if not realm.is_outside and peer not in self._outside.choose(self._servers, lambda each: each.address):
            return False
        own = self.no_nat.get(realm)
        if own is None or self._clock.seconds() >= self._no_nat_until[realm] or not self._is_own(own):
            return True
        return self.is_walled(realm)

    def walls_changed(self) -> None:
        """What :attr:`is_walled` tells may have changed: open sockets where they are of use now, close the others."""
        for peer in list(self._servers):
            realm = find_realm(peer.address)
            if peer not in self._kept:
                self._consider(peer)
            elif self._mode == "auto" and realm in self.no_nat and not self.is_walled(realm):
                seen = [each.mapping.external for each in self._kept[peer]]
                if any(each is not None and self._is_own(each.address) for each in seen):
                    self._no_nat_until[realm] = self._clock.seconds() + NO_NAT_SECONDS
                    self._give_up(peer)

    def _look_again(self) -> None:
        """Ask one peer where it was believed for long enough that there is no NAT."""
        self._look_call = None
        due = {realm for realm, until in self._no_nat_until.items() if until <= self._clock.seconds()}
        for peer in [each for each in self._servers if each not in self._kept]:
            realm = find_realm(peer.address)
            if realm in due:
                self._consider(peer)
                if peer in self._kept or peer in self._probes:
                    due.discard(realm)
        self._arm_look()

    def _arm_look(self) -> None:
        if self._look_call is None and self._no_nat_until and not self.is_stopped:
            wait = min(self._no_nat_until.values()) - self._clock.seconds()
            self._look_call = self._clock.callLater(max(wait, LOOK_AGAIN_SECONDS), self._look_again)

    def _begin_probe(self, peer: Peer) -> None:
        self._probed[peer] = self._clock.seconds()

        def reached(_: None) -> None:
            if peer in self._servers:
                self._probed[peer] = float("inf")
                self._probes.pop(peer, None)
                self._consider(peer)

        def failed(failure: Failure) -> None:
            self._probes.pop(peer, None)
            if failure.check(CancelledError) is None:
                self._log.debug("{peer} is not reachable from here: {error}",
                                peer=peer, error=failure.getErrorMessage())  # fmt: skip

        probing = Deferred.fromCoroutine(_await(self._probe(peer)))
        self._probes[peer] = probing
        probing.addCallbacks(reached, failed)

    # Opening and closing

    def _open(self, peer: Peer, server: StunServer) -> None:
        if len(self.sockets()) + 2 > self._settings.sockets:
            if not self._is_full:
                self._log.warn("There are as many STUN-Client sockets as are allowed ({most}): {peer} gets none",
                               most=self._settings.sockets, peer=peer)  # fmt: skip
            self._is_full = True
            return
        self._is_full = False
        try:
            sockets = self._make_sockets(server, peer.address)
        except Exception as error:
            self._log.warn("No STUN-Client sockets for {peer}: {error}", peer=peer, error=error)
            return
        self._kept[peer] = []
        for socket in sockets:
            kept = KeptMapping(
                self._clock, peer, _access(peer, server, socket.protocol), socket,
                self.lifetimes[socket.protocol].interval, self._changed,
            )  # fmt: skip
            self._kept[peer].append(kept)
            kept.start()
        self.learned()

    def _give_up(self, peer: Peer) -> None:
        given_up = self._kept.pop(peer, [])
        for kept in given_up:
            kept.stop()
            kept.socket.admit_no_more()
            self._linger(kept.socket, self._clock.seconds() + self._settings.linger)
        if given_up:
            self.learned()
            self._told_changed()

    def _linger(self, socket: ClientSocket, until: float) -> None:
        self._lingering.pop(socket, None)
        if self.is_stopped or (socket.is_used and self._clock.seconds() < until):
            self._lingering[socket] = self._clock.callLater(LINGER_LOOK_SECONDS, self._linger, socket, until)
        else:
            socket.stop()

    def stop_serving(self) -> None:
        """Ask no more, take no new connection, close those of callers."""
        self.is_stopped = True
        if self._look_call is not None:
            self._look_call.cancel()
        for probing in list(self._probes.values()):
            probing.cancel()
        for kept in self:
            kept.stop()
        for call in self._lingering.values():
            call.cancel()
        for socket in self.sockets():
            socket.stop_serving()

    async def stop(self) -> None:
        """Close all sockets."""
        if not self.is_stopped:
            self.stop_serving()
        sockets = self.sockets()
        self._kept.clear()
        self._lingering.clear()
        await gatherResults([socket.stop() for socket in sockets])

    # What the mappings do

    def learned(self) -> None:
        """A lifetime search has learned something: keep the mappings at its interval.

        Those of the first of several peers are asked for as often as in the beginning: they keep watch for the others.
        What happens to the router is noticed by the next keep-alive.
        """
        watching = next(iter(self._kept.values())) if len(self._kept) > 1 else ()
        for kept in self:
            safe = self.lifetimes[kept.socket.protocol].interval
            kept.keep_every(min(safe, self._settings.keepalive) if kept in watching else safe)

    def _changed(self, kept: KeptMapping, changed: Changed) -> None:
        external = changed.after
        realm = find_realm(kept.peer.address)
        is_own = external is not None and self._mode == "auto" and self._is_own(external.address)
        if external is not None and is_own:
            self._found_no_nat(kept, external)
            if not self.is_walled(realm):
                self._give_up(kept.peer)
                return
        if external is not None:
            self._log.info("{protocol} socket {local} is seen by {peer} at {address} port {port}",
                           protocol=kept.socket.protocol, local=kept.socket.local, peer=kept.peer,
                           address=external.address, port=external.port)  # fmt: skip
        if external is not None and not is_own:
            self._found_nat(realm)
        if changed.before is not None:
            self.changes += 1
            self._doubt(kept, changed)
        self._told_changed()

    def _doubt(self, kept: KeptMapping, changed: Changed) -> None:
        """A mapping is another one: the others may be, too, and what was learned may be wrong.

        One restart of the router is noticed by all mappings, but nothing is concluded from it but once: by those that
        were seen since the last change of which something was concluded.
        """
        self.disturb()
        if changed.after is None or changed.before is None or changed.seen < self._doubted:
            return
        self._doubted = self._clock.seconds()
        if changed.after.address == changed.before.address:
            self.lifetimes[kept.socket.protocol].contradicted()
        else:
            for each in self.lifetimes.values():
                each.begin_anew()
        self.learned()
        self._network_changed()

    def _found_no_nat(self, kept: KeptMapping, external: External) -> None:
        realm = find_realm(kept.peer.address)
        if self.no_nat.get(realm) != external.address:
            self._log.info("There is no NAT before {peer}: {address}, where that sees this node, is this machine's own",
                           address=external.address, peer=kept.peer)  # fmt: skip
        self.no_nat[realm] = external.address
        self._no_nat_until[realm] = self._clock.seconds() + NO_NAT_SECONDS
        self._arm_look()

    def _found_nat(self, realm: Realm) -> None:
        self._no_nat_until.pop(realm, None)
        if self.no_nat.pop(realm, None) is not None:
            # While it was believed that there was none, nobody got sockets.
            for peer in list(self._servers):
                self._consider(peer)

    def _is_own(self, address: str) -> bool:
        return self._is_own_address(address)


def _access(peer: Peer, server: StunServer, protocol: str) -> ServerAccess:
    port = server.udp_port if protocol == "udp" else server.tcp_port
    return ServerAccess((peer.address, port), server.username, server.key)


async def _await(waiting: Awaitable[None]) -> None:
    await waiting
