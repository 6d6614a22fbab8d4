"""Two channels spliced: what comes from one goes to the other, no faster than that takes it."""

from __future__ import annotations

from collections.abc import Callable

from cloudnode.transports.peerchannel import PeerChannel


class SpliceEnd:
    """One of the two channels (:class:`cloudnode.transports.peerchannel.PeerEnd`).

    Until it is spliced nothing is read from it.
    """

    def __init__(self, channel: PeerChannel, carried: Callable[[int], bool], lost: Callable[[str], None]) -> None:
        """
        :param carried: Is told how many bytes are about to be passed on, and says whether they may be.
        :param lost: Is told why the channel is gone.
        """
        self.channel = channel
        self._carried = carried
        self._lost = lost
        self._other: PeerChannel | None = None
        channel.hold_receiving()

    def splice(self, other: PeerChannel, first: bytes) -> None:
        """Send a first message, and from now on pass on what comes to another channel."""
        self.channel.send_frame(first)
        self._other = other
        self.channel.resume_receiving()

    def frame_received(self, frame: bytes) -> None:
        """Pass it on."""
        if self._other is None:
            self.channel.abort()  # only what was buffered before reading was held up can come so
        elif self._carried(len(frame)):
            self._other.send_frame(frame)

    def sending_paused(self) -> None:
        """This side takes nothing more for now: read nothing more from the other."""
        if self._other is not None:
            self._other.hold_receiving()

    def sending_resumed(self) -> None:
        """This side takes more."""
        if self._other is not None:
            self._other.resume_receiving()

    def channel_abused(self, reason: str) -> None:
        """The channel closes itself."""

    def channel_lost(self, reason: str) -> None:
        """The channel is gone."""
        self._other = None
        self._lost(reason)
