"""The verdict: what clients saw against what the log says. Pure.

Nothing that a session says of itself is believed: its height, its checks and its order are worked out again here from
the events and the log alone.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import attrs
import msgspec

from tests.checker import trace
from tests.checker.truth import RESULTS, Items, Log, Place, State, differs, digest

NAMING_SECONDS = 10.0
"""A session has so long to name a liar, if nothing else is said: it first has it sign what shows the lie."""

UNANSWERED_SHARE, UNANSWERED_FEW = 0.2, 3
"""So many calls may be without an answer though any node may be asked: a quorum may be too slow on a busy machine."""

_PROVEN = frozenset({"getrecord", "getratings", "getaccount", "getdatahash"})
"""What a session proves, so that no lie of one node may pass."""

_CHECKED = {"proof": {"proof", "partly"}, "quorum": {"proof", "partly"}}
"""How an answer has to be checked, by what was asked of the session."""


@attrs.frozen
class Fault:
    """Something is not as it must be.

    :ivar at: When it showed. :ivar client: To whom.
    """

    kind: str
    at: float
    client: int
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: client {self.client} at {self.at:.3f} s: {self.text}"


@attrs.define
class Verdict:
    """What was found. :ivar counts: How much was looked at, by what it is."""

    faults: list[Fault] = attrs.Factory(list)
    counts: Counter[str] = attrs.Factory(Counter)

    @property
    def is_good(self) -> bool:
        """Whether all is as it must be."""
        return not self.faults


@attrs.define
class _Stream:
    """A subscription. :ivar reached: How many of its items came, or lie before one that came."""

    topic: str
    wanted: dict[str, Any]
    after: Place
    items: Items
    newest: Place
    reached: int
    drained: trace.Drained | None = None

    def skip_to(self, place: Place) -> list[Place]:
        """Go to an item; those before it that did not come."""
        begin, self.reached = self.reached, bisect_right(self.items.places, place)
        return self.items.places[begin : self.reached - 1]


class Judge:
    """Judges one run."""

    def __init__(self, log: Log, liar: Collection[str] = (), naming_seconds: float = NAMING_SECONDS) -> None:
        """:param log: That of a node, at the end. :param liar: All URLs of the node that lies."""
        self.verdict = Verdict()
        self._naming_seconds = naming_seconds
        self._log = log
        self._liar = liar
        self._streams: dict[tuple[int, int], _Stream] = {}
        self._answers: list[trace.Answered | trace.Heard] = []
        self._wrote: dict[str, trace.Wrote] = {}
        self._finals: list[trace.Final] = []
        self._named: dict[tuple[int, int], list[trace.Named]] = defaultdict(list)
        self._sessions: dict[tuple[int, int], trace.Began] = {}
        self._ended: dict[tuple[int, int], float] = {}
        self._lied_to: dict[tuple[int, int], tuple[float, str]] = {}
        self._unanswered: list[trace.Unanswered] = []
        self._last = 0.0

    def judge(self, events: Iterable[Any]) -> Verdict:
        """Look at everything."""
        for event in events:
            self._take(event)
        self._judge_writes()
        self._judge_streams()
        self._replay()
        self._judge_naming()
        if len(self._unanswered) > UNANSWERED_SHARE * self.verdict.counts["answers"] + UNANSWERED_FEW:
            for event in self._unanswered:
                self._fault("unanswered", event, f"{event.method} had no answer from any node: {event.reason}")
        return self.verdict

    def _fault(self, kind: str, event: trace.Event, text: str) -> None:
        self.verdict.faults.append(Fault(kind, event.at, event.client, text))

    # Gathering

    def _take(self, event: Any) -> None:
        self._last = max(self._last, event.at)
        counts = self.verdict.counts
        match event:
            case trace.Began():
                counts["sessions"] += 1
                self._sessions[event.client, event.session] = event
            case trace.Ended():
                self._ended[event.client, event.session] = event.at
            case trace.Hopped():
                counts["hops"] += 1
            case trace.Opened():
                after, items = tuple(event.after), self._log.items(event.topic, event.wanted)
                reached = bisect_right(items.places, after)
                stream = _Stream(event.topic, event.wanted, after, items, after, reached)
                self._streams[event.client, event.stream] = stream
            case trace.Took():
                counts["items"] += 1
                self._judge_item(event)
            case trace.Drained():
                self._streams[event.client, event.stream].drained = event
            case trace.Answered():
                counts["answers"] += 1
                counts[f"answers: {event.checked}"] += 1
                self._answers.append(event)
            case trace.Heard():
                counts["answers of the liar"] += 1
                self._answers.append(event)
            case trace.Unanswered():
                self._judge_unanswered(event)
            case trace.Wrote():
                self._wrote[event.id] = event
            case trace.Final():
                self._finals.append(event)
            case trace.Named():
                self._judge_named(event)

    def _judge_unanswered(self, event: trace.Unanswered) -> None:
        self.verdict.counts["calls given up" + (" at places pinned" if event.pinned else "")] += 1
        if not event.pinned:
            self._unanswered.append(event)

    def _judge_named(self, event: trace.Named) -> None:
        self.verdict.counts["namings"] += 1
        self.verdict.counts["namings with evidence"] += event.has_evidence
        self._named[event.client, event.session].append(event)
        if event.url not in self._liar:
            self._fault("slander", event, f"{event.url} is named a liar and is none: {event.reason}")

    # Writes

    def _judge_writes(self) -> None:
        counts, operations = self.verdict.counts, self._log.operations
        counts["operations written"], counts["operations in the log"] = len(self._wrote), len(operations)
        places = {logged.id: place for place, logged in operations.items()}
        for logged in operations.values():
            wrote = self._wrote.get(logged.id)
            if wrote is None or wrote.body != logged.body:
                fault = Fault("invented", 0.0, -1, f"the log has {logged.id} at {logged.place}, which nobody wrote")
                self.verdict.faults.append(fault)
        if len(places) != len(operations):
            self.verdict.faults.append(Fault("doubled", 0.0, -1, "an operation is in the log more than once"))
        for final in self._finals:
            counts["operations told final"] += 1
            place = places.get(final.id)
            if place is None:
                self._fault("lost", final, f"{final.id} was told to be final at {final.place} and is not in the log")
                continue
            result = RESULTS[operations[place].result]
            if final.place not in (None, place) or final.result != result:
                right = f"it is at {place} with {result}"
                self._fault("wrong", final, f"{final.id} was told at {final.place} with {final.result}: {right}")

    # Subscriptions

    def _judge_item(self, took: trace.Took) -> None:
        stream = self._streams[took.client, took.stream]
        where = f"stream {took.stream} ({stream.topic} {stream.wanted or ''})"
        place = tuple(took.place)
        right = stream.items.by_place.get(place)
        self.verdict.counts[f"items: {took.checked}"] += 1
        if took.checked not in _CHECKED["proof"]:
            self._fault("unchecked", took, f"{where}: the item at {place} was checked by {took.checked}")
        if right is None:
            self._fault("wrong", took, f"{where}: {place} is no item of it; {took.url} told it")
        elif right != took.digest:
            self._fault("wrong", took, f"{where}: the item at {place} is another; {took.url} told it")
        elif place == stream.newest and place != stream.after:
            self._fault("doubled", took, f"{where}: {place} came twice, now from {took.url}")
        elif place <= stream.newest:
            self._fault("backward", took, f"{where}: {place} came after {stream.newest}, from {took.url}")
        else:
            missing = stream.skip_to(place)
            if missing:
                text = f"{where}: {len(missing)} items before {place} never came: {missing[:5]}; {took.url} served"
                self._fault("lost", took, text)
        stream.newest = max(stream.newest, place)

    def _judge_streams(self) -> None:
        for (_, number), stream in self._streams.items():
            self.verdict.counts["streams"] += 1
            if stream.drained is None:
                self.verdict.counts["streams not read to their end"] += 1
                continue
            up_to = tuple(stream.drained.up_to)
            missing = [place for place in stream.items.places[stream.reached :] if place <= up_to]
            if missing:
                text = f"stream {number} ({stream.topic}): {len(missing)} items never came: {missing[:5]}"
                self._fault("lost", stream.drained, text)

    # Answers

    def _replay(self) -> None:
        """Execute the log, and compare each answer with the state at its height."""
        state = State()
        operations = iter(sorted(self._log.operations.values(), key=lambda logged: logged.place))
        following = next(operations, None)
        for answer in sorted(self._answers, key=lambda answer: answer.height):
            while following is not None and following.place[0] <= answer.height:
                result = state.add(following)
                if result != RESULTS[following.result]:
                    text = f"{following.id} at {following.place} has {RESULTS[following.result]}, right is {result}"
                    self.verdict.faults.append(Fault("rules", 0.0, -1, text))
                following = next(operations, None)
            state.height = answer.height
            if isinstance(answer, trace.Heard):
                self._judge_heard(state, answer)
            else:
                self._judge_answer(state, answer)

    def _difference(self, state: State, answer: trace.Answered | trace.Heard) -> str | None:
        root = self._log.roots.get(answer.height)
        try:
            result = json.loads(bytes(answer.result)) if answer.error is None else None
        except ValueError:
            return "it is no JSON"
        return differs(state.answer(answer.method, answer.params, root), answer.error, result)

    def _judge_answer(self, state: State, answer: trace.Answered) -> None:
        asked = f"{answer.method} {msgspec.json.encode(answer.params).decode()}"
        if answer.height > self._log.head:
            self._fault("wrong", answer, f"{asked}: {answer.url} answered for {answer.height}, which is not there")
            return
        if answer.height < answer.floor and not self._log.is_empty_between(answer.height, answer.floor):
            text = f"{asked}: {answer.url} answered at {answer.height}, and {answer.floor} had been shown"
            self._fault("backward", answer, text)
        session = self._sessions[answer.client, answer.session]
        wanted = _CHECKED[session.verify.partition(":")[0]]
        if answer.checked not in wanted:
            text = f"{asked}: it was checked by {answer.checked}, not {', '.join(sorted(wanted))}"
            self._fault("unchecked", answer, text)
        difference = self._difference(state, answer)
        if difference is not None:
            text = f"{asked} at {answer.height}: {answer.url} told, and was believed: {difference}"
            self._fault("wrong", answer, text)

    # The liar

    def _judge_heard(self, state: State, heard: trace.Heard) -> None:
        """Learn to whom the liar lied: whether it did is judged by the log, whatever the session made of it."""
        if heard.method == "subscription":
            difference = self._false_items(heard)
        elif heard.method == "getblock" and heard.error is None and heard.params.get("limit") != 1:
            # With that limit the header alone is looked at.
            difference = self._false_block(heard)
        elif heard.method in _PROVEN and heard.height <= self._log.head:
            difference = self._difference(state, heard)
        else:
            return
        if difference is None:
            self.verdict.counts["true answers of the liar"] += 1
            return
        self.verdict.counts["lies"] += 1
        self.verdict.counts[f"lies: {heard.method}"] += 1
        before = self._lied_to.get((heard.client, heard.session))
        if before is None or heard.at < before[0]:
            self._lied_to[heard.client, heard.session] = heard.at, f"{heard.method}: {difference}"

    def _false_items(self, heard: trace.Heard) -> str | None:
        expected = self._log.items(heard.params["topic"], heard.params["filter"]).by_place
        for item in json.loads(bytes(heard.result)):
            cursor = item.get("cursor")
            place = (item["height"], max(item["operations_count"] - 1, 0)) if cursor is None else tuple(cursor.values())
            if expected.get(place) != digest(item):
                return f"the item at {place} is not so"
        return None

    def _false_block(self, heard: trace.Heard) -> str | None:
        """How a page of a block's operations differs from the log's."""
        told = json.loads(bytes(heard.result))
        height, first = told["height"], 0 if heard.params.get("after") is None else heard.params["after"] + 1
        for index, each in enumerate(told["operations"], first):
            logged = self._log.operations.get((height, index))
            right = None if logged is None else (logged.id, logged.body, RESULTS[logged.result])
            if (each["id"], each["operation"], each["result"]) != right:
                return f"operation {index} of block {height} is not so"
        shown = first + len(told["operations"])
        if told["next"] is None and (height, shown) in self._log.operations:
            return f"operation {shown} of block {height} is withheld"
        return None

    def _judge_naming(self) -> None:
        """A session that was lied to has named the liar, unless it ended too soon after that."""
        for (client, session), (at, lie) in self._lied_to.items():
            if self._sessions[client, session].verify == "none":
                continue
            self.verdict.counts["sessions lied to"] += 1
            named = [each.at for each in self._named[client, session] if each.url in self._liar]
            until = min(self._ended.get((client, session), self._last), at + self._naming_seconds)
            if named and min(named) <= at + self._naming_seconds:
                self.verdict.counts["sessions lied to that named the liar"] += 1
            elif until < at + self._naming_seconds:
                self.verdict.counts["sessions lied to that ended at once"] += 1
            else:
                within = f"within {self._naming_seconds:g} s"
                text = f"session {session} was lied to ({lie}) and did not name the liar {within}"
                self.verdict.faults.append(Fault("unnamed", at, client, text))
