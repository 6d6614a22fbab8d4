"""What clients saw, an event a line: written as it happens, judged at the end, read by people when it is wrong.

``python -m tests.checker.trace FILE... [--client N] [--from S] [--to S]`` prints it in words.

``at`` is the time in seconds since the clients began; ``client`` is a number from 0. A client has one *session* after
the other, and *streams*: subscriptions that go on from one session to the next.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

Place = tuple[int, int]


class Event(Struct, array_like=True, tag=True, gc=False):
    """Something that a client did or saw."""

    at: float
    client: int


class Began(Event):
    """A session began. :ivar height: Below this nothing may be shown to it."""

    session: int
    verify: str
    height: int
    seeds: list[str]

    def __str__(self) -> str:
        return f"begins session {self.session} ({self.verify}) at height {self.height} with {', '.join(self.seeds)}"


class Ended(Event):
    """A session was closed."""

    session: int

    def __str__(self) -> str:
        return f"closes session {self.session}"


class Hopped(Event):
    """A client went elsewhere. :ivar urls: The only places that are asked from now on; empty for all."""

    session: int
    urls: list[str]

    def __str__(self) -> str:
        return f"goes to {', '.join(self.urls) or 'whichever node is best'}"


class Opened(Event):
    """A stream began. :ivar after: After this place everything has to come."""

    stream: int
    topic: str
    wanted: dict[str, Any]
    after: Place

    def __str__(self) -> str:
        return f"subscribes to {self.topic} {self.wanted or ''} after {_spell(self.after)}: stream {self.stream}"


class Took(Event):
    """An item of a stream came.

    :ivar digest: Of its value (:func:`tests.checker.truth.digest`). :ivar checked: How far the session checked it.
    """

    stream: int
    place: Place
    digest: str
    checked: str
    url: str

    def __str__(self) -> str:
        how = f"({self.checked}, {self.digest})"
        return f"takes {_spell(self.place)} of stream {self.stream} near {self.url or 'nobody'} {how}"


class Drained(Event):
    """A stream was read to its end: nothing may be missing up to a place. :ivar up_to: That place."""

    stream: int
    up_to: Place

    def __str__(self) -> str:
        return f"has read stream {self.stream} up to {_spell(self.up_to)}"


class Answered(Event):
    """A call was answered.

    :ivar asked_at: When it was asked. :ivar floor: The newest height that the client had been shown by then.
    :ivar height: Where the answer holds. :ivar error: The name of an error that says what does not exist.
    """

    session: int
    asked_at: float
    method: str
    params: dict[str, Any]
    floor: int
    height: int
    checked: str
    error: str | None
    result: msgspec.Raw
    url: str

    def __str__(self) -> str:
        said = self.error or _short(bytes(self.result))
        return (
            f"asked {self.method} {_short(msgspec.json.encode(self.params))} with {self.floor} seen, is told by "
            f"{self.url or 'some node'} at {self.height} ({self.checked}, {self.at - self.asked_at:.2f} s): {said}"
        )


class Unanswered(Event):
    """A call was given up. :ivar pinned: The places that it was confined to."""

    session: int
    asked_at: float
    method: str
    pinned: list[str]
    reason: str

    def __str__(self) -> str:
        where = f" at {', '.join(self.pinned)}" if self.pinned else ""
        return f"gets no answer to {self.method}{where} in {self.at - self.asked_at:.1f} s: {self.reason}"


class Wrote(Event):
    """An operation was made and is going to be sent. :ivar body: As it was signed."""

    id: str
    body: str

    def __str__(self) -> str:
        return f"writes {self.id[:16]}: {_short(self.body.encode())}"


class Final(Event):
    """A node said that an operation is final. :ivar place: Where; None if only its result was told."""

    session: int
    id: str
    place: Place | None
    result: str

    def __str__(self) -> str:
        return f"is told that {self.id[:16]} is final at {_spell(self.place)}: {self.result}"


class Named(Event):
    """A session named a node a liar. :ivar has_evidence: Whether it has what shows the lie to others."""

    session: int
    url: str
    node: str
    reason: str
    has_evidence: bool

    def __str__(self) -> str:
        shown = "with evidence" if self.has_evidence else "without evidence"
        return f"names {self.url} ({self.node[:16]}) a liar, {shown}: {self.reason}"


class Heard(Event):
    """What the lying node answered to a session, as it came, before the session judged it.

    :ivar topic: Of a subscription's notification, whose items are the result; else empty.
    """

    session: int
    url: str
    method: str
    params: dict[str, Any]
    height: int
    error: str | None
    result: msgspec.Raw

    def __str__(self) -> str:
        said = self.error or _short(bytes(self.result))
        return f"(the liar answers {self.method} {_short(msgspec.json.encode(self.params))} at {self.height}: {said})"


class Noted(Struct, array_like=True, tag=True, gc=False):
    """Something happened to the nodes. :ivar at: As of events."""

    at: float
    text: str

    def __str__(self) -> str:
        return self.text


AnyEvent = (
    Began | Ended | Hopped | Opened | Took | Drained | Answered | Unanswered | Wrote | Final | Named | Heard | Noted
)

_decode = msgspec.json.Decoder(AnyEvent).decode


class Recorder:
    """Writes events. :ivar counted: Items taken and calls answered so far."""

    def __init__(self, file: IO[bytes]) -> None:
        self.counted = 0
        self._file = file
        self._encode = msgspec.json.Encoder().encode

    def add(self, event: Event) -> None:
        """It happened."""
        self._file.write(self._encode(event) + b"\n")
        if isinstance(event, Took | Answered):
            self.counted += 1


def read(path: Path) -> Iterator[Any]:
    """The events of a file; a last line that was cut off by the end is left out."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield _decode(line)


def tell(
    events: Iterable[Any], client: int | None = None, begin: float = 0.0, end: float = float("inf")
) -> Iterator[str]:
    """Events in words, a line each; what happened to nodes is among those of every client."""
    for event in events:
        if not begin <= event.at <= end:
            continue
        if isinstance(event, Noted):
            yield f"{event.at:9.3f}             {event}"
        elif client in (None, event.client):
            yield f"{event.at:9.3f}  client {event.client:2}  {event}"


def _spell(place: Place | None) -> str:
    return "an unknown place" if place is None else f"{place[0]}:{place[1]}"


def _short(text: bytes) -> str:
    shown = text.decode(errors="replace")
    return shown if len(shown) <= 300 else f"{shown[:300]}..."


def main() -> None:
    """Print a trace in words."""
    parser = argparse.ArgumentParser("python -m tests.checker.trace", description="Print a trace in words.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--client", type=int, metavar="N", help="of this client alone")
    parser.add_argument("--from", type=float, default=0.0, dest="begin", metavar="SECONDS")
    parser.add_argument("--to", type=float, default=float("inf"), dest="end", metavar="SECONDS")
    options = parser.parse_args()
    events = sorted((event for path in options.files for event in read(path)), key=lambda event: event.at)
    for line in tell(events, options.client, options.begin, options.end):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
