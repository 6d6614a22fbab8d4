"""Two ends of a link in memory, and what may stand between them."""

from __future__ import annotations

from collections.abc import Callable

from cloudnode.formats.keys import SigningKey
from cloudnode.peers.link import Closed, Event, Link, LinkLimits
from cloudnode.peers.messages import Hello
from tests.unit.store.network import make_key

NETWORK = b"\x11" * 32
BINDING = b"\x22" * 32


def make_hello(key: SigningKey, nonce: int, network: bytes = NETWORK, **changed: object) -> Hello:
    """A hello whose nonce is that number."""
    said = {"versions": (1,), "interfaces": (), "height": 7, "time": 1_790_000_000_000, "software": "test"} | changed
    return Hello(network=network, node=key.public, nonce=nonce.to_bytes(32, "big"), **said)  # type: ignore[arg-type]


class Pair:
    """A dialler and an acceptor, and the frames between them.

    :ivar seen: All frames so far, with whether the dialler sent them.
    """

    def __init__(
        self,
        dialler: Hello | None = None,
        acceptor: Hello | None = None,
        *,
        bindings: tuple[bytes, bytes] = (BINDING, BINDING),
        expected: bytes | None = None,
        limits: LinkLimits | None = None,
    ) -> None:
        self.now = 100.0
        self.keys = make_key(1), make_key(2)
        hellos = dialler or make_hello(self.keys[0], 1), acceptor or make_hello(self.keys[1], 2)
        limits = limits or LinkLimits()
        self.dialler = Link(
            self.keys[0], hellos[0], bindings[0], dials=True, now=self.now, expected=expected, limits=limits
        )
        self.acceptor = Link(self.keys[1], hellos[1], bindings[1], dials=False, now=self.now, limits=limits)
        self.seen: list[tuple[bool, bytes]] = []
        self.events: tuple[list[Event], list[Event]] = ([], [])

    def run(self, between: Callable[[bool, bytes], bytes | None] = lambda dialled, frame: frame) -> None:
        """Carry frames until there are none; ``between`` may change or withhold them."""
        for _ in range(20):
            for dialled, link, other in ((True, self.dialler, self.acceptor), (False, self.acceptor, self.dialler)):
                for frame in link.take_frames():
                    self.seen.append((dialled, frame))
                    changed = between(dialled, frame)
                    if changed is not None:
                        other.frame_received(changed, self.now)
        self.events[0].extend(self.dialler.take_events())
        self.events[1].extend(self.acceptor.take_events())

    def faults(self) -> tuple[str | None, str | None]:
        """What ended the link, as the dialler and as the acceptor have it."""
        names = []
        for events in self.events:
            closed = [event for event in events if isinstance(event, Closed)]
            names.append(closed[0].fault.name if closed else None)
        return names[0], names[1]
