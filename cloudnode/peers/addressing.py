"""Gossip of addresses: where peers are and what they serve, what they tell of others, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from twisted.internet.interfaces import IReactorTime

from cloudnode.peers.book import AddressBook
from cloudnode.peers.entries import link_port
from cloudnode.peers.messages import ADDRESSES_MAX, Addresses, Answer, GetAddresses, NodeAddress
from cloudnode.peers.peer import Peer
from cloudnode.peers.places import may_be_told

FIRST_SECONDS = 4.0
"""So long after a start all peers are asked again, and then after twice as long each time ..."""

ADDRESSES_SECONDS = 300.0
"""... up to this. A network that begins thus soon hangs together by more than the node that all of them joined."""


class AddressGossip:
    """Fills the address book from peers, and answers them from it."""

    def __init__(
        self,
        book: AddressBook,
        node_key: bytes,
        peers: Callable[[], Iterable[Peer]],
        learned: Callable[[], None],
        *,
        random: Random,
        clock: IReactorTime,
        wall_time: Callable[[], float],
    ) -> None:
        """
        :param node_key: This node's. :param peers: All open peers. :param learned: Called after addresses came.
        :param wall_time: Unix seconds.
        """
        self._book = book
        self._node_key = node_key
        self._peers = peers
        self._learned = learned
        self._random = random
        self._clock = clock
        self._wall_time = wall_time
        self._pause = FIRST_SECONDS
        self._next = clock.seconds() + self._pause

    def time_passed(self, now: float) -> None:
        """Ask all peers again if it is time."""
        if now < self._next:
            return
        self._pause = min(self._pause * 2, ADDRESSES_SECONDS)
        self._next = now + self._pause * (0.5 + self._random.random())
        for peer in list(self._peers()):
            self.ask(peer)

    def note_places(self, peer: Peer) -> None:
        """Note where a peer was reached, or says that it can be."""
        now = self._clock.seconds()
        if peer.dialled is not None:
            place = (peer.address, peer.dialled[1])
            if place != peer.dialled:
                # A name that the operator wrote: its address is noted besides.
                self._book.succeeded(place, peer.id, now, peer.way)
            self._book.succeeded(peer.dialled, peer.id, now, peer.way)
        interfaces = peer.hello.interfaces
        for host in dict.fromkeys(each.host or peer.address for each in interfaces):
            way = link_port(interfaces, host, peer.address)
            if way is not None and may_be_told(host, peer.address):
                told = NodeAddress(peer.id, host, way[1], 0, interfaces)
                self._book.learn(told, peer.address, is_its_own=host == peer.address)

    def ask(self, peer: Peer) -> None:
        """Ask a peer for addresses."""
        peer.ask(GetAddresses).addCallbacks(self._came, lambda failure: None, callbackArgs=(peer,))

    def answer(self, peer: Peer, question: GetAddresses) -> Addresses:
        """What a peer is told that asks."""
        now = self._clock.seconds()
        linked = {each.id: each.address for each in self._peers()}
        told = [
            each
            for each in self._book.tell(ADDRESSES_MAX, now, self._wall_time() - now, linked)
            if each.node != peer.id and may_be_told(each.host, peer.address)
        ]
        return Addresses(question.request, tuple(told))

    def _came(self, answer: Answer, peer: Peer) -> None:
        assert isinstance(answer, Addresses)
        for each in answer.addresses:
            if each.node != self._node_key and may_be_told(each.host, peer.address):
                self._book.learn(each, peer.address)
        self._learned()
