"""The nodes that this one is linked with: whom it dials, whom it takes, whom it keeps away, and what they are told.

Two nodes have one link. If both dialled each other, the one that the node with the smaller key dialled stays, on
both sides alike; of two that the same side dialled, the newer stays, for whoever dials again has lost the older one.

Links that this node dials are spread over networks (:func:`cloudnode.peers.places.place_group`), so that somebody who
has many addresses in one network gets few of them; links that others dial are bounded in all and by network.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import attrs
from twisted.internet.defer import Deferred, FirstError, TimeoutError, gatherResults
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from cloudnode.ledger.reading import FinalBlock
from cloudnode.node.evidence import EvidenceStore
from cloudnode.node.ledger import Ledger
from cloudnode.node.receiving import OperationReceiver
from cloudnode.node.threads import RunInThread
from cloudnode.peers.accusing import EvidenceGossip
from cloudnode.peers.addressing import AddressGossip
from cloudnode.peers.admission import check_room, choose_to_give_way
from cloudnode.peers.anchors import HELD_SECONDS, choose_anchors
from cloudnode.peers.answering import Answering
from cloudnode.peers.backlog import Backlog
from cloudnode.peers.bans import Ban, Liars
from cloudnode.peers.blocknews import BlockNews
from cloudnode.peers.book import AddressBook
from cloudnode.peers.bookfile import BookFile
from cloudnode.peers.catchingup import CatchingUp, SyncSetting
from cloudnode.peers.comparing import SigningForPeers
from cloudnode.peers.dialling import Dial, Dialling
from cloudnode.peers.epochfile import EpochFile
from cloudnode.peers.epochs import KnownEpochs
from cloudnode.peers.extensions import LinkExtensions
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.gossip import OperationGossip
from cloudnode.peers.limits import PeerCounters, PeerSettings
from cloudnode.peers.link import Closed, Link, LinkLimits
from cloudnode.peers.messages import (
    NO_NETWORK,
    VERSIONS,
    Accusation,
    AnyMessage,
    Bodies,
    Consensus,
    GetAddresses,
    GetBlocks,
    GetEpochs,
    GetGenesis,
    GetNodes,
    GetOperations,
    GetProposed,
    GetSigned,
    GetState,
    Have,
    Hello,
    Holds,
    Interface,
    NewBlock,
    Offer,
    Standing,
    Want,
)
from cloudnode.peers.peer import Channel, Peer
from cloudnode.peers.places import HTTP_SCHEMES, JoinAddress, reach
from cloudnode.peers.progress import Progress, ProgressLog, ProgressMeter
from cloudnode.peers.repairing import Repairs
from cloudnode.peers.serving import Serving
from cloudnode.peers.shares import LinkShares
from cloudnode.peers.stateserving import StateServing
from cloudnode.peers.validators import ValidatorLinks
from cloudnode.transports.addresses import address_group

NEWCOMER_SECONDS = 30.0
LEAVE_SECONDS = 0.3
"""So long a node that stops waits until its peers have its goodbye."""


class Neighbourhood:
    """All links of a node (:class:`cloudnode.peers.peer.PeerOwner`).

    :ivar listening: What this node serves, which it tells its peers; filled as ports are opened.
    :ivar book: Addresses and bans. :ivar settings: What the operator set.
    :ivar counted: What the links did that are over. :ivar signing: What is signed for peers.
    :ivar extensions: Other parts of the node that speak over links.
    :ivar download: What brings final blocks to their execution. :ivar validators: Who of the peers is one.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        run_in_thread: RunInThread,
        ledger: Ledger,
        book_path: Path | None,
        dial: Dial,
        *,
        join: Sequence[JoinAddress] = (),
        settings: PeerSettings | None = None,
        link_limits: LinkLimits | None = None,
        sync: SyncSetting = "auto",
        random: Random,
        secret: Callable[[int], bytes],
        wall_time: Callable[[], float],
        software: str,
        evidence: EvidenceStore,
        receiver: OperationReceiver | None = None,
        epochs_path: Path | None = None,
    ) -> None:
        """
        :param book_path: Where the address book is kept; None keeps none.
        :param dial: Opens channels. :param join: Nodes that are always dialled. :param sync: How to catch up.
        :param random: For choices. :param secret: So many bytes that nobody can guess. :param wall_time: Unix seconds.
        :param software: Name and version, for people. :param evidence: What is passed on and taken.
        :param receiver: See :class:`~cloudnode.peers.download.Download`.
        :param epochs_path: Where the epochs that were verified are kept; None keeps none.
        """
        self.settings = settings or PeerSettings()
        self.book = AddressBook(random)
        self._clock = clock
        self._ledger = ledger
        self._book_file = BookFile(book_path, self.book, ledger.network, clock.seconds(), wall_time)
        self.listening: list[Interface] = []
        self._link_limits = link_limits or LinkLimits()
        self._random = random
        self._secret = secret
        self._wall_time = wall_time
        self._software = software
        self.counted = PeerCounters()
        self.extensions = LinkExtensions()
        self._peers: dict[bytes, Peer] = {}
        self._others: set[Peer] = set()
        self._liars = Liars()
        self._backlog = Backlog(clock, self._is_validator)
        self._shares = LinkShares(self._link_limits)
        self._anchors: frozenset[tuple[str, int]] = frozenset()
        self._epoch_noted = -1
        self._dialling = Dialling(clock, dial, self)
        self._serving = Serving(ledger)
        self._state_serving = StateServing(ledger, run_in_thread)
        self._gossip = OperationGossip(ledger, clock, lambda: self._peers.values())
        self._accusing = EvidenceGossip(ledger, evidence, clock, lambda: self._peers.values())
        self.signing = SigningForPeers(ledger)
        self._meter = ProgressMeter()
        self._epochs = KnownEpochs(ledger, clock, run_in_thread, EpochFile(epochs_path, ledger.network))
        answering = Answering(clock)
        self.catching_up = CatchingUp(
            ledger, clock, run_in_thread, lambda: self._peers.values(), self._epochs, self._gossip.is_coming,
            self._state_serving.release, sync, answering, receiver,
        )  # fmt: skip
        self.download = self.catching_up.download
        self.validators = ValidatorLinks(
            ledger, clock, self._gossip, self._epochs, lambda: self._peers.values(), self._validator_proved
        )
        self._news = BlockNews(
            self.download, lambda: self._serving.head(), lambda: self._peers.values(), self._epochs,
            self.validators.votes, lambda: ledger.lowest_block,
        )  # fmt: skip
        self._addressing = AddressGossip(
            self.book, self.node_key, lambda: self._peers.values(), self._dialling.dial_more,
            random=random, clock=clock, wall_time=wall_time,
        )  # fmt: skip
        self._repairs = Repairs(
            ledger, clock, run_in_thread, lambda: self._peers.values(), self._state_serving.release,
            self.catching_up.begin_anew, answering,
        )
        self._progress_log = ProgressLog(self.progress, clock.seconds())
        self._stop_watching = ledger.watch_blocks(self._final)
        self._timer: IDelayedCall | None = None
        self._is_stopped = False
        for each in join:
            if each.scheme not in HTTP_SCHEMES:
                self.book.join(each.host, each.port, each.node, each.transport)

    # Life

    def start(self) -> None:
        """Begin to dial."""
        self._tick()

    async def stop(self) -> None:
        """End all links and save the address book."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._stop_watching()
        self._gossip.stop()
        self._accusing.stop()
        self.validators.stop()
        fetching = Deferred.fromCoroutine(self.catching_up.stop())
        self._dialling.stop()
        self._backlog.stop()
        self._keep_anchors(held=0.0)
        leaving = self.all_peers()
        for peer in leaving:
            peer.end(PeerFault("going_away", "the node is stopping"))
        await fetching  # what waited for an answer of a peer no longer does
        with contextlib.suppress(TimeoutError, FirstError):
            await gatherResults([peer.gone for peer in leaving]).addTimeout(LEAVE_SECONDS, self._clock)
        await self._repairs.stop()
        await self._state_serving.stop()
        self._book_file.save(self._clock.seconds())
        self._epochs.stop()

    def _tick(self) -> None:
        self._timer = self._clock.callLater(0.5 + 0.5 * self._random.random(), self._tick)
        try:
            self._look_after()
        except Exception:
            # The next tick is set already: one failure must not end the whole.
            self._log.failure("Looking after the peers failed")

    def _look_after(self) -> None:
        now = self._clock.seconds()
        for peer in self.all_peers():
            peer.time_passed()
            if peer in self._others and peer.is_open and now - peer.began > NEWCOMER_SECONDS:
                peer.end(PeerFault("going_away", "a newcomer has what it needs by now"))
        self._gossip.time_passed()
        self._dialling.dial_more()
        self._meter.mark(now, self._ledger.head.height)
        self.catching_up.time_passed(now, self.progress())
        self._progress_log.time_passed(now)
        if self._ledger.validator is not None:
            self._ledger.validator.begin()
        self.validators.time_passed()
        self._repairs.time_passed(now)
        self._addressing.time_passed(now)
        self._keep_anchors()
        self._keep_known(now)
        self._keep_validators()
        self._book_file.time_passed(now)

    def _keep_validators(self) -> None:
        epoch = self._ledger.epoch
        if epoch.number != self._epoch_noted:
            self._epoch_noted = epoch.number
            self.book.keep_validators(epoch.validators)
            self.validators.note_all()

    def _keep_known(self, now: float) -> None:
        for peer in self:
            if now - peer.began >= HELD_SECONDS:
                self.book.known.held(peer.id, peer.address)

    def _keep_anchors(self, held: float = HELD_SECONDS) -> None:
        anchors = choose_anchors(self._peers.values(), self._clock.seconds(), held)
        # While there is no link, the last ones that held are those to go back to.
        if anchors and anchors != self._anchors:
            self._anchors = anchors
            self.book.keep_anchors(anchors)

    # What others ask

    def all_peers(self) -> list[Peer]:
        """Those that are open, and those whose handshake is under way."""
        return [*self._peers.values(), *self._others]

    @property
    def node_key(self) -> bytes:
        """This node's key."""
        return self._ledger.node_key.public

    def __iter__(self) -> Iterator[Peer]:
        """All open peers."""
        return iter(list(self._peers.values()))

    def find(self, node: bytes) -> Peer | None:
        """The open link with a node, if there is one."""
        return self._peers.get(node)

    def doubt(self) -> None:
        """The network may be another one: see soon which links are still good."""
        for peer in self:
            peer.doubt()

    def progress(self) -> Progress:
        """How far this node is."""
        target = self.download.target
        return self._meter.progress(self._ledger.head.height, target)

    def counters(self) -> PeerCounters:
        """What the links did."""
        open_peers = list(self)
        counted = attrs.evolve(self.counted)
        counted.inbound = sum(peer.inbound for peer in open_peers)
        counted.outbound = len(open_peers) - counted.inbound
        counted.addresses = len(self.book)
        counted.bans = len(self.book.bans.present(self._clock.seconds()))
        counted.queued_bytes = self._backlog.bytes
        for peer in open_peers:
            self._count_traffic(counted, peer)
        return counted

    def _is_validator(self, peer: Peer) -> bool:
        return peer.said_hello and self.validators.key_of(peer) in self._ledger.epoch.validators

    def _validator_proved(self, peer: Peer, key: bytes) -> None:
        """A peer has proven that it has a validator's key."""
        self.book.is_validator(peer.id, key)
        self._book_file.save_soon(self._clock.seconds())

    def longest_bans(self, most: int) -> list[tuple[str, Ban]]:
        """The bans that hold longest from now, the longest first."""
        present = self.book.bans.present(self._clock.seconds()).items()
        return sorted(present, key=lambda each: each[1].until, reverse=True)[:most]

    def ban_count(self, peer: Peer) -> int:
        """How often a peer was banned."""
        return self.book.bans.count(peer.id.hex())

    # Links that others dial

    def check_admission(self, address: str) -> None:
        """Raise :class:`PeerFault` if no link with whoever is at an address would be taken."""
        if self._is_stopped:
            raise PeerFault("going_away", "the node is stopping")
        if self._is_held(address) and not self.book.known.live_at(address):
            raise PeerFault("banned", "this address is banned for now")
        try:
            check_room(self._inbound(), address, self.settings, is_wanted=self._is_wanted(address))
        except PeerFault:
            self.counted.refused += 1
            raise

    def accept(self, channel: Channel) -> Peer:
        """Make what lives on a channel that somebody dialled.

        :raises PeerFault: See :meth:`check_admission`.
        """
        self.check_admission(channel.address)
        crowded = None
        if not self._is_wanted(channel.address):
            crowded = choose_to_give_way(self._inbound(), self.settings, self.book.validators_hosts())
        if crowded is not None:
            crowded.end(PeerFault("refused", "others, of whose network there are fewer, need a link"))
        return self.make_peer(channel, None)

    def _is_held(self, address: str) -> bool:
        """Whether nodes that are not known are not taken from there, after what others from there did."""
        if not self.book.bans.includes(b"", address, self._clock.seconds()):
            return False
        return address not in self.book.exempt_hosts()

    def _is_wanted(self, address: str) -> bool:
        """Whether a validator has proven itself from there, and this node lacks links with validators."""
        return bool(self.validators.wanted()) and address in self.book.validators_hosts()

    def _inbound(self) -> list[Peer]:
        return [peer for peer in self.all_peers() if peer.inbound]

    def make_peer(self, channel: Channel, expected: bytes | None) -> Peer:
        """Begin a link on a channel.

        :param expected: The key of the node that was dialled, if it is known.
        """
        ours = Hello(
            versions=VERSIONS,
            network=self._ledger.network,
            node=self._ledger.node_key.public,
            nonce=self._secret(32),
            interfaces=tuple(self.listening[:16]),
            height=self._ledger.head.height,
            time=int(self._wall_time() * 1000),
            software=self._software,
        )
        link = Link(
            self._ledger.node_key,
            ours,
            channel.binding,
            dials=not channel.inbound,
            now=self._clock.seconds(),
            expected=expected,
            # Where it is not known who is there it may well be a node that is linked with already.
            linked=() if channel.inbound or expected is not None else self._peers,
            limits=self._link_limits,
        )
        peer = Peer(channel, link, self._clock, self, self._backlog.note)
        self._others.add(peer)
        return peer

    # What peers do

    def peer_opened(self, peer: Peer) -> None:
        """A peer proved who it is: keep the link, or end it."""
        self._check_node(peer)
        if peer.hello.network == NO_NETWORK:
            return  # a newcomer, who asks for the genesis and goes
        peer.time_offset = peer.hello.time / 1000 - self._wall_time()
        self._addressing.note_places(peer)
        if peer.dialled is not None:
            self._book_file.save_soon(self._clock.seconds())
        if peer.is_feeler:
            raise PeerFault("going_away", "this was to see who is there")
        before = self._peers.get(peer.id)
        if before is not None and before.inbound != peer.inbound and not self._is_kept(peer):
            # It may have lost the other one without a word, by a crash: then that is not to keep it out.
            before.doubt()
            raise PeerFault("second_link", "there is another link between these two nodes")
        if before is not None:
            before.end(PeerFault("second_link", "there is another link between these two nodes"))
        self._others.discard(peer)
        self._peers[peer.id] = peer
        self.counted.opened += 1
        self._log.info(
            "Linked with node {node} at {place} ({who} dialled), height {height}",
            node=peer.id.hex(), place=peer.place, who="it" if peer.inbound else "this node", height=peer.hello.height,
        )  # fmt: skip
        self._greet(peer)

    def _check_node(self, peer: Peer) -> None:
        now, is_known = self._clock.seconds(), peer.id in self.book.known
        if self.book.bans.includes(peer.id, "", now):
            if peer.dialled is not None:
                # It is there, which was not known, and need not be found out again while it is banned.
                self.book.succeeded(peer.dialled, peer.id, now, peer.way)
            raise PeerFault("banned", "this node is banned for now")
        if not peer.inbound:
            return
        if self._is_held(peer.address) and not is_known:
            raise PeerFault("banned", "this address is banned for now")
        if not self._shares.open(peer, now, is_known=is_known):
            self.counted.refused += 1
            raise PeerFault("refused", "it, or others at its address, asked too much over links that ended just now")

    def _is_kept(self, peer: Peer) -> bool:
        """Whether of two links that both sides dialled this is the one that stays."""
        ours = self._ledger.node_key.public
        return min(ours, peer.id) == (peer.id if peer.inbound else ours)

    def _greet(self, peer: Peer) -> None:
        self.validators.opened(peer)
        self._news.greet(peer)
        self._gossip.greet(peer)
        self._accusing.greet(peer)
        self._addressing.ask(peer)
        self.extensions.opened(peer)

    def peer_said(self, peer: Peer, message: AnyMessage) -> None:
        """Answer a peer.

        :raises PeerFault: It said what it should not.
        """
        match message:
            case GetGenesis():
                peer.send(self._serving.genesis(message))
            case GetBlocks():
                peer.send(self._serving.blocks(message))
            case GetOperations():
                peer.send(self._serving.operations(message))
            case GetEpochs():
                peer.send(self._serving.epochs(message))
            case Holds():
                peer.blocks_from = message.blocks_from
            case GetNodes() | GetState():
                self._state_serving.asked(peer, message)
            case GetSigned():
                peer.send(self.signing.answer(message))
            case Accusation():
                self._accusing.heard(peer, message)
            case GetAddresses():
                peer.send(self._addressing.answer(peer, message))
            case NewBlock():
                self._news.heard(peer, message)
            case Have():
                self._news.has(peer, message)
            case Offer():
                self._gossip.offered(peer, message)
            case Want():
                self._gossip.wanted(peer, message)
            case Bodies():
                self._gossip.took(peer, message)
            case Consensus():
                self.validators.said(peer, message)
            case Standing():
                self.validators.said_standing(peer, message)
            case GetProposed():
                peer.send(self.validators.serve_proposed(message))
            case _ if not self.extensions.said(peer, message):
                raise PeerFault("unexpected", f"{type(message).__name__} has no place here")

    def _final(self, final: FinalBlock) -> None:
        self._meter.wrote(len(final.operations))
        self._news.final(final)

    def peer_closed(self, peer: Peer, closed: Closed) -> None:
        """A link is over: forget it, and ban a liar."""
        self._others.discard(peer)
        self._epochs.forget(peer)
        was_linked = peer.said_hello and self._peers.get(peer.id) is peer
        if was_linked:
            del self._peers[peer.id]
            self.validators.closed(peer)
            self.extensions.closed(peer)
        self._count_traffic(self.counted, peer)
        fault, now = closed.fault, self._clock.seconds()
        self._shares.closed(peer, now)
        if fault.is_lie:
            self._ban(peer, fault, now)
        elif was_linked and not self._is_stopped:
            self._log.info("The link with {peer} is over: {fault}", peer=peer, fault=fault)
        if peer.dialled is None or self._is_stopped:
            return
        if fault.name == "itself":
            self.book.forget(peer.dialled)
        elif fault.name in ("other_network", "other_node", "other_version"):
            self._log.warn("{place} is not what it should be: {fault}", place=peer.place, fault=fault)
            failed = self.book.is_other if fault.name == "other_node" else self.book.failed
            failed(peer.dialled, now, peer.way)
        elif fault.name == "second_link":
            self._dialling.answered(peer.dialled, peer.id)
        elif fault.name != "moved" and not peer.is_feeler:
            self.book.failed(peer.dialled, now, peer.way)

    def _ban(self, peer: Peer, fault: PeerFault, now: float) -> None:
        self.counted.banned += 1
        bans, seconds = self.book.bans, 0.0
        if peer.was_open:
            self.book.known.lied(peer.id)
            seconds = bans.ban(peer.id.hex(), fault.name, now)
        # Before its proof a node's name is what somebody says: then only the address can be held to it.
        address = self._address_to_ban(peer, now)
        if address:
            held = bans.ban(address, fault.name, now)
            seconds = seconds or held
            self._log.warn("Banned the address {address} for {seconds:.0f} s, but for nodes that are known",
                           address=address, seconds=held)  # fmt: skip
        self._log.warn("Banned {peer} for {seconds:.0f} s: {fault}", peer=peer, seconds=seconds, fault=fault,
                       node=peer.id.hex() if peer.said_hello else "")  # fmt: skip
        self.book.changed = True
        self._book_file.save_soon(self._clock.seconds())

    def _address_to_ban(self, peer: Peer, now: float) -> str:
        """What address a lie is held against; empty if none: this machine's own is not one caller's, a second node that
        lies from one shows that keys are made for it, and what the operator named is his to judge."""
        if not reach(peer.address) or peer.address in self.book.exempt_hosts():
            return ""
        group = address_group(peer.address)
        if not peer.was_open:
            return group
        liars = self._liars.add(group, peer.id, now)
        return group if liars > 1 or (liars and self.book.bans.count(group)) else ""

    @staticmethod
    def _count_traffic(counters: PeerCounters, peer: Peer) -> None:
        counters.messages_received += peer.messages_received
        counters.bytes_received += peer.received_bytes
        counters.bytes_sent += peer.sent_bytes
