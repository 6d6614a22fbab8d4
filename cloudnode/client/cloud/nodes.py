"""The nodes behind a session: visited, watched, left when they are slow, stale or lie.

Theory of operation. Each seed is visited: which network it is of, what other places it knows. Every few seconds each
connection that is used, and more seldom each other one, is tried by the question that tells most: the node's signed and
proven state. Its answer measures latency, proves how far the node is, and is evidence if the node signed another state
than the validators. A node that gives none in time is dropped, which moves all that waits for it elsewhere. A few
connections are kept ready for that, to the best places known. When this machine comes into another network, connections
that belong to its old address end at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, DeferredLock
from twisted.internet.defer import TimeoutError as DeferTimeoutError
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cloudnode.client.client import Client
from cloudnode.client.cloud.accusing import Accusation, gather_evidence
from cloudnode.client.cloud.checking import Checker
from cloudnode.client.cloud.connections import Connections
from cloudnode.client.cloud.directory import TOLD_MAX, Directory, Place
from cloudnode.client.cloud.errors import AnswerFalse, reading
from cloudnode.client.cloud.saved import SavedSession
from cloudnode.client.cloud.stunbook import Sighting
from cloudnode.client.errors import ClientError, ConnectionFailed, RemoteError, TimedOut
from cloudnode.formats.errors import LedgerError
from cloudnode.transports.moving import AddressWatch
from cloudnode.transports.reuse import is_lost_address

REFRESH = 2.0
"""Seconds between two looks at each connection that is used."""

REST = 10.0
"""The same of one that is only kept ready: many sessions that do nothing else would be a burden to their nodes."""

PATIENCE = 4.0
"""Seconds that a node may take to tell its state before its connection is dropped."""

LEARN_ALONE, LEARN_SECONDS = 1.0, 60.0
"""Seconds for which one node is asked alone for the genesis and the epochs, before the next one is asked as well; and
that it may take to bring them while no other one has."""

READY = 3
"""Connections that are kept ready, each with another node."""

VISITED = 8
"""Places of an earlier session that are visited at once, besides the seeds."""

ACCUSATIONS_MAX = 256
"""Of these the newest are kept: a session may last for months."""

REPORT = 6.0
"""Seconds that whoever waits for liars to be reported waits at most."""


class Nodes:
    """Where a session can ask.

    :ivar checker: What is believed; None until a node has brought the genesis, or if nothing is checked.
    :ivar network: The network's id; None until it is known. :ivar accusations: Who lied, and what shows it.
    """

    _log = Logger()

    def __init__(
        self,
        directory: Directory,
        connect: Callable[[str], Awaitable[Client]],
        clock: Any,
        *,
        network: bytes | None,
        certifies: bool,
        saved: SavedSession | None = None,
        sightings: Callable[[Any], list[Sighting]] = lambda told: [],
        left: Callable[[Place], object],
        accused: Callable[[Accusation], object],
    ) -> None:
        """
        :param certifies: Whether nodes are checked. :param saved: What an earlier session verified.
        :param sightings: Reads a node's ``getstuninfo``: what is news in it.
        :param left: Told of each place whose subscriptions are to go elsewhere.
        :param accused: Told of each liar.
        """
        self.directory = directory
        self.checker: Checker | None = None
        self.network = network
        self.accusations: list[Accusation] = []
        self.pinned: frozenset[str] | None = None
        self._clock = clock
        self._certifies = certifies
        self._saved = saved
        self._sightings = sightings
        self._left = left
        self._accused = accused
        self._connections = Connections(connect, self._lost)
        self._learning = DeferredLock()
        self._learners: set[Deferred[None]] = set()
        self._busy: set[Place] = set()
        self._asked: set[Place] = set()
        self._looked_at: dict[Place, float] = {}
        self._reports: set[Deferred[None]] = set()
        self._loop = LoopingCall(self._refresh)
        self._loop.clock = clock
        self._watch_addresses = AddressWatch(clock, lambda: self._connections.open.values(), is_lost_address)
        self._is_closed = False

    # Beginning and end

    async def begin(self) -> None:
        """Visit the seeds and the best of the places that an earlier session knew; done when the first has answered.

        :raises ConnectionFailed: None does; the message has what each did instead.
        """
        ranked = self.directory.rank(self._clock.seconds())
        first = [place for place in ranked if place.is_seed]
        first += [place for place in ranked if not place.is_seed][:VISITED]
        troubles: list[str] = []
        for places in (first, [place for place in ranked if place not in first]):
            if places and await self._visit_all(places, troubles):
                break
        else:
            raise ConnectionFailed(f"No node answers: {' '.join(troubles)}")
        self._watch_addresses.start()
        self._loop.start(REFRESH, now=False).addErrback(
            lambda failure: self._log.failure("Nodes are not watched any more", failure)
        )

    async def _visit_all(self, places: list[Place], troubles: list[str]) -> bool:
        """Visit places all at once.

        :returns: True as soon as one has answered; False once none has, and why is in ``troubles``.
        """
        done: Deferred[bool] = Deferred()
        failed: list[Place] = []

        async def visit(place: Place) -> None:
            try:
                client = await self._meet(place)
            except Exception as error:  # whatever it is: whoever waits is to learn that none is left
                failed.append(place)
                troubles.append(str(error))
                if len(failed) == len(places) and not done.called:
                    done.callback(False)
            else:
                if not done.called:
                    done.callback(True)
                await self._ask_around(place, client)

        for place in places:
            self._in_background(visit(place), place)
        return await done

    def close(self) -> Deferred[None]:
        """Close all connections."""
        self._is_closed = True
        if self._loop.running:
            self._loop.stop()
        self._watch_addresses.stop()
        return self._connections.close()

    # Asking

    @property
    def newest(self) -> int:
        """The newest height that is known."""
        if self.checker is not None:
            return self.checker.newest
        return max((place.height for place in self.directory), default=0)

    def choose(self, without: Collection[Place] = (), *, keeping: bool = False) -> Place | None:
        """The place to ask next: the best that there is a connection with, unless it fails or lags.

        :param without: Leave these out. :param keeping: It must allow subscriptions.
        """
        if self._is_closed:
            return None
        now, open_places = self._clock.seconds(), self._connections.open
        ranked = self.directory.rank(now, without=without, keeping=keeping)
        if self.pinned is not None:
            ranked = [place for place in ranked if place.url in self.pinned]
        good = [place for place in ranked if place in open_places and place.rests_until <= now and not place.is_stale]
        return next(iter(good or ranked), None)

    @property
    def routes(self) -> dict[str, str]:
        """Where each connection leads now, by its place's URL."""
        return {place.url: client.url for place, client in self._connections.open.items()}

    async def helpers(self) -> list[Client]:
        """The connections through which a node may be reached that was named by its key; if none is left, as after a
        change of the network, one is made. The best places' come first, and places that never answered last.

        :raises ConnectionFailed: No place can be reached.
        """
        connected = self._connections.open
        ranked = [place for place in self.directory.rank(self._clock.seconds()) if not place.is_by_key]
        places = sorted(ranked, key=lambda place: place.latency is None)
        clients = [connected[place] for place in places if place in connected]
        if clients:
            return clients
        failure = ConnectionFailed("There is no other node to go through.")
        for place in places:
            try:
                return [await self.connect(place)]
            except ConnectionFailed as error:
                failure = error
        raise failure

    async def connect(self, place: Place) -> Client:
        """A place's client.

        :raises ConnectionFailed: It can't be reached.
        """
        self._asked.add(place)
        try:
            return await self._connections.get(place)
        except ClientError as error:
            self.failed(place, error)
            raise

    async def identify(self, place: Place) -> str:
        """The key of a place's node in hex, proven by its signature.

        :raises ClientError: It does not sign, or lies.
        """
        if not place.signer:
            client = await self.connect(place)
            try:
                await self._look(place, client)
            except (ConnectionFailed, TimedOut) as error:
                self.failed(place, error)
                raise
        if not place.signer:
            raise ConnectionFailed(f"{place.url} does not sign who it is.")
        return place.signer

    def failed(self, place: Place, error: ClientError, method: str = "") -> None:
        """A place did not answer.

        :param method: What it was asked; empty if it could not be asked at all.
        """
        self.directory.failed(place, self._clock.seconds(), error.message, method=method)

    # Liars

    def accuse(
        self, place: Place, client: Client, lie: LedgerError, method: str, params: Any, height: int
    ) -> AnswerFalse:
        """Leave a node that answered what is not so, and report it. The error is for whoever asked.

        :param method: :param params: What it was asked. :param height: Where the answer was to hold.
        """
        error = AnswerFalse(lie.code, place.url, f"{place.url} answered {method} falsely: {lie.message}")
        if place.lie is None:
            self.directory.lied(place, str(lie))
            self._log.info("{message} It is not asked again.", message=error.message)
            self._left(place)
            report = self._in_background(self._report(place, client, str(lie), method, params, height), place)
            self._reports.add(report)
            report.addBoth(lambda _: self._reports.discard(report))
        return error

    async def reported(self) -> None:
        """Wait until liars are reported that were found so far, but not longer than :data:`REPORT`."""
        reports = [_fork(report) for report in self._reports]
        await DeferredList(reports, consumeErrors=True).addTimeout(REPORT, self._clock)

    async def _report(self, place: Place, client: Client, lie: str, method: str, params: Any, height: int) -> None:
        found: tuple[str, bytes] | None = None
        if self.checker is not None:
            gathering = Deferred.fromCoroutine(gather_evidence(self.checker, client, method, params, height))
            try:
                with reading(place.url):
                    found = await gathering.addTimeout(PATIENCE, self._clock)
            except (ClientError, DeferTimeoutError):
                found = None
        self._connections.drop(place, ConnectionFailed(f"{place.url} was left: {lie}"))
        node, evidence = found or (place.node, b"")
        await self._name(Accusation(place.url, node, lie, evidence))

    async def _name(self, accusation: Accusation) -> None:
        """Tell the caller, and with evidence all: the node's other places are left as well."""
        if accusation.evidence and any(each.evidence and each.node == accusation.node for each in self.accusations):
            return  # at another of its places
        self.accusations = [*self.accusations, accusation][-ACCUSATIONS_MAX:]
        self._accused(accusation)
        if not accusation.evidence:
            return
        for other in self.directory.of_node(accusation.node):
            if other.lie is None:
                self._leave(other, accusation.reason)
        await self.hand_in(accusation.evidence)

    def _leave(self, place: Place, lie: str) -> None:
        """Ask a place no more."""
        self.directory.lied(place, lie)
        self._left(place)
        self._connections.drop(place, ConnectionFailed(f"{place.url} was left: {lie}"))

    async def hand_in(self, evidence: bytes) -> None:
        """Hand evidence to a node that keeps it, and passes it on."""
        for place in self.directory.rank(self._clock.seconds()):  # pinned or not: it is not for the caller
            try:
                client = await self.connect(place)
                await client.call("submitevidence", {"evidence": evidence.hex()}, timeout=PATIENCE)
            except ClientError as error:
                self._log.info("{url} did not take evidence: {error}", url=place.url, error=error.message)
            else:
                return

    # Watching

    def _lost(self, place: Place, reason: ClientError) -> None:
        if place.lie is None:
            self.directory.failed(place, self._clock.seconds(), reason.message)
        self._left(place)

    async def _visit(self, place: Place) -> None:
        """Learn what a place is, and what others it knows.

        :raises ClientError: It is of no use.
        """
        await self._ask_around(place, await self._meet(place))

    async def _meet(self, place: Place) -> Client:
        """Learn what a place is: all that is needed to ask it something.

        :raises ClientError: It is of no use.
        """
        client = await self.connect(place)
        try:
            begun = self._clock.seconds()
            with reading(place.url):
                info = (await client.call("getnodeinfo", timeout=PATIENCE)).result
                self.directory.answered(place, self._clock.seconds() - begun)
                await self._learn_in_turn(place, client, info)
                self.directory.told_info(place, info)
                await self._look(place, client)
        except (ConnectionFailed, TimedOut) as error:
            self.failed(place, error)
            raise
        return client

    async def _ask_around(self, place: Place, client: Client) -> None:
        """Learn of the places that a node knows; one that does not tell is none the worse for it.

        :raises ClientError: It does not answer any more.
        """
        peers = Deferred.fromCoroutine(self._ask_for_others(client, "getpeerinfo"))
        stun = Deferred.fromCoroutine(self._ask_for_others(client, "getstuninfo"))
        try:
            with reading(place.url):
                self.directory.told_peers(place, await peers)
                behind = [each for each in self._sightings(await stun) if each.is_behind]
                for sighting in behind[:TOLD_MAX]:
                    self.directory.told_node(sighting.data.node.hex(), needs_help=not sighting.open_to_strangers())
        except (ConnectionFailed, TimedOut) as error:
            self.failed(place, error)
            raise
        finally:
            stun.addErrback(lambda _: None)

    async def _ask_for_others(self, client: Client, method: str) -> Any:
        try:
            return (await client.call(method, timeout=PATIENCE)).result
        except RemoteError:
            return None

    async def _learn_in_turn(self, place: Place, client: Client, info: Any) -> None:
        """See that a place is of the network, and have it bring the genesis and the epochs if none has yet. The places
        are asked one after the other, and none waits long for the one before: the first counts that brings them.

        :raises ClientError: It is of another network, or does not bring them.
        """
        told = str(info.get("network") if isinstance(info, dict) else None)[:64]
        await self._learning.acquire()
        turn = self._clock.callLater(LEARN_ALONE, self._learning.release)
        learning = Deferred.fromCoroutine(self._learn(place, client, told))
        self._learners.add(learning)
        try:
            await learning.addTimeout(LEARN_SECONDS, self._clock)
        except DeferTimeoutError:
            raise TimedOut(f"{place.url} does not bring the genesis and the epochs in time.") from None
        except CancelledError:
            if self.network is None:
                raise
            self._check_network(place, told)  # another one brought them
        finally:
            self._learners.discard(learning)
            if turn.active():
                turn.cancel()
                self._learning.release()
        for other in list(self._learners):
            other.cancel()

    async def _learn(self, place: Place, client: Client, told: str) -> None:
        self._check_network(place, told)
        if self._certifies and self.checker is None:
            checker = await Checker.learn(client, self.network, self._saved)
            self._check_network(place, checker.genesis.network_hex)  # it may have become known meanwhile
            self.checker = self.checker or checker
            self.network = checker.genesis.network
        elif self.network is None:
            try:
                self.network = bytes.fromhex(told)
            except ValueError:
                raise ConnectionFailed(f"{place.url} does not say of which network it is.") from None

    def _check_network(self, place: Place, told: str) -> None:
        """:raises ConnectionFailed: A place is of another network than the one that is known."""
        network = self.network
        if network is not None and told != network.hex():
            self.directory.lied(place, f"It is of network {told}.")
            self._connections.drop(place, ConnectionFailed(f"{place.url} is of another network."))
            raise ConnectionFailed(f"{place.url} is of network {told}, not of {network.hex()}.")

    async def _look(self, place: Place, client: Client) -> None:
        """Have a node tell its state.

        :raises ClientError: It does not, or lies.
        """
        begun = self._clock.seconds()
        try:
            if self.checker is None:
                context = (await client.call("getdatahash", timeout=PATIENCE)).context
                height = 0 if context is None else context.height
            else:
                with reading(place.url):
                    weighed = await self.checker.weigh_state(client)
                height, place.node, place.signer = weighed.height, weighed.node, weighed.node
                known = next((each for each in self.accusations if each.evidence and each.node == weighed.node), None)
                if known is not None:
                    self._leave(place, known.reason)
                    raise AnswerFalse("evidence", place.url, f"{place.url} is of a node that lied: {known.reason}.")
                if weighed.evidence is not None:
                    lie = "evidence: it signed another state than the validators"
                    self._leave(place, lie)
                    await self._name(Accusation(place.url, weighed.node, lie, weighed.evidence))
                    raise AnswerFalse("evidence", place.url, f"{place.url} signed another state than the validators.")
        except LedgerError as lie:
            raise self.accuse(place, client, lie, "getdatahash", {}, self.newest) from lie
        except RemoteError as error:
            if error.name != "not_provable":  # as on a network without a block
                place.behind = max(place.behind, self.newest)
            self.directory.answered(place)
            if place.is_stale:
                self._left(place)
            return
        self.directory.answered(place, self._clock.seconds() - begun)
        self.directory.told_height(place, height, self.newest)
        if place.is_stale:
            self._left(place)

    def _refresh(self) -> None:
        connected, now = self._connections.open, self._clock.seconds()
        for place, client in connected.items():
            is_used = place in self._asked or not client.is_idle
            if place not in self._busy and (is_used or now - self._looked_at.get(place, -REST) >= REST):
                self._asked.discard(place)
                self._looked_at[place] = now
                self._in_background(self._watch(place, client), place)
        for place in self._looked_at.keys() - connected.keys():
            del self._looked_at[place]
        ready = self.directory.ready(now, connected, READY)
        wanted = [place for place in ready if place not in connected]
        unknown = [
            place
            for place in self.directory.rank(now)
            if place.latency is None and not place.needs_help and place not in wanted
        ]
        for place in wanted + unknown[:1]:
            if place.retry_at <= now and place not in self._busy:
                self._in_background(self._visit(place), place)
        for place, client in connected.items():
            if place not in ready and place not in self._busy and place.latency is not None and client.is_idle:
                self._connections.close_one(place)

    async def _watch(self, place: Place, client: Client) -> None:
        looking = Deferred.fromCoroutine(self._look(place, client))
        try:
            await looking.addTimeout(PATIENCE, self._clock)
        except DeferTimeoutError:
            self._connections.drop(place, TimedOut(f"{place.url} does not answer any more."))
        except (ConnectionFailed, TimedOut) as error:
            self._connections.drop(place, error)

    def _in_background(self, work: Any, place: Place) -> Deferred[None]:
        self._busy.add(place)

        def done(result: Any) -> None:
            self._busy.discard(place)

        def failed(failure: Any) -> None:
            if not self._is_closed and failure.check(ClientError, CancelledError) is None:
                self._log.failure("Something went wrong with {url}", failure, url=place.url)

        return Deferred.fromCoroutine(work).addErrback(failed).addBoth(done)


def _fork(deferred: Deferred[None]) -> Deferred[None]:
    """Another Deferred that fires when this one does; cancelling it leaves this one alone."""
    fork: Deferred[None] = Deferred()
    deferred.addBoth(lambda _: None if fork.called else fork.callback(None))
    return fork
