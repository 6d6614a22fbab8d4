"""What else links carry: parts of a node above this package, which have messages of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cloudnode.peers.messages import AnyMessage, Message
from cloudnode.peers.peer import Peer


class LinkExtension(Protocol):
    """A part of the node that is told of links, and of the messages that it names."""

    @property
    def messages(self) -> Sequence[type[Message]]:
        """The types that come to it: all that are neither answers nor another part's."""

    def opened(self, peer: Peer) -> None:
        """A peer proved who it is. Whatever it is greeted with may be sent."""

    def said(self, peer: Peer, message: AnyMessage) -> None:
        """A message of one of these types came.

        :raises PeerFault: It should not have.
        """

    def closed(self, peer: Peer) -> None:
        """The link with a peer that was open is over."""


class LinkExtensions:
    """All such parts of a node."""

    def __init__(self) -> None:
        self._all: list[LinkExtension] = []
        self._by_type: dict[type[Message], LinkExtension] = {}

    def add(self, extension: LinkExtension) -> None:
        """Tell this part as well; to be called before there are links."""
        taken = [each.__name__ for each in extension.messages if each in self._by_type]
        assert not taken, f"{taken} come to another part"
        self._all.append(extension)
        self._by_type.update(dict.fromkeys(extension.messages, extension))

    def opened(self, peer: Peer) -> None:
        """Tell all."""
        for each in self._all:
            each.opened(peer)

    def said(self, peer: Peer, message: AnyMessage) -> bool:
        """Tell the one whose message it is; False if it is nobody's.

        :raises PeerFault: It should not have come.
        """
        extension = self._by_type.get(type(message))
        if extension is not None:
            extension.said(peer, message)
        return extension is not None

    def closed(self, peer: Peer) -> None:
        """Tell all."""
        for each in self._all:
            each.closed(peer)
