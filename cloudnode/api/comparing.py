"""Asking other nodes for their signed state, and comparing it with what the validators signed.

Theory of operation. First every node is asked for the heights that it can answer at. From these follows the newest
height that all can serve, but for those that are far behind, which hold up nobody. There everyone's signed answer is
weighed against the final header that carries that height's state root, this node's own answer as well as the others'.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal

import attrs
import msgspec
from msgspec import Meta, Struct
from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError
from twisted.python.failure import Failure

from cloudnode.api.context import ContextWriter
from cloudnode.api.errors import ApiError
from cloudnode.api.facts import OtherNode, ToldHash
from cloudnode.api.served import ServedNode
from cloudnode.api.types import Descendants, Height, Hex, Hex32, Hex64, Milliseconds, NodeId, finality_texts
from cloudnode.formats.block import Header
from cloudnode.formats.comparing import Yardstick, weigh
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.evidence import SignedAnswer, encode_evidence
from cloudnode.formats.finality import Finality
from cloudnode.formats.receipt import Answer
from cloudnode.node.ledger import Ledger

ANSWER_SECONDS = 5.0
"""So long a node has for each of the two questions."""

FAR_BEHIND = 100
"""A node so many heights below this one's does not decide where to compare."""

BEHIND_MILLISECONDS = 10_000
"""Time of the chain, from the first block that a node lacks to the newest, from which on it is called behind."""


class SignedText(Struct, frozen=True):
    """A signed answer to ``getdatahash``: what is signed (docs/protocol.md, chapter 15) and the exact result.

    :ivar text: The exact text of the answer that was signed.
    """

    answer: Hex
    signature: Hex64
    text: str


class ComparedNode(Struct, frozen=True):
    """Another node. ``reason`` says what is wrong, where something is.

    :ivar reason: Why it gave no usable answer; null if it did.
    """

    node: NodeId
    addr: Annotated[str, Meta(description="Where it is seen; empty if it is not linked.")]
    state: Annotated[
        Literal["agrees", "behind", "pruned", "lying", "silent"],
        Meta(
            description="It signed the same state; it lacks blocks that this node has had for a while; it no longer"
            " answers at this height; it signed another state than the validators; it gave no usable answer."
        ),
    ]
    newest: Annotated[int | None, Meta(description="The height of its newest block, as it says.")]
    behind: Annotated[int, Meta(description="How many heights that is below this node's.")]
    since: Annotated[Milliseconds | None, Meta(description="The time of the first block that it lacks.")]
    reason: str | None
    signed: SignedText | None
    evidence: Annotated[Hex | None, Meta(description="Shows anyone that it lies: see submitevidence.")]


class Comparison(Struct, frozen=True):
    """Nodes compared at one height, by the final header that carries the state root of that height.

    ``certified`` says whether this node's own root is the one in that header: if not, this node is the one that is
    wrong. All that is said of a node follows from its ``signed`` and the header, which anyone can check.

    :ivar certified: Whether a final header carries the state root of this height.
    """

    height: Height
    root: Annotated[Hex32, Meta(description="This node's own.")]
    certified: bool
    certified_root: Annotated[Hex32, Meta(description="The one in the header.")]
    node: NodeId
    newest: Height
    header: Hex
    certificate: Hex
    descendants: Descendants
    state: Annotated[Hex, Meta(description="The preimage of the certified root; empty if this node lacks it.")]
    signed: SignedText
    nodes: list[ComparedNode]


@attrs.frozen
class _Asked:
    """A node that was asked, and what came: None for nothing, for the reason given."""

    id: bytes
    place: str
    told: ToldHash | None
    reason: str | None = None


async def compare(
    served: ServedNode, nodes: Sequence[str] | None, count: int, height: int | None, random: Random | None = None
) -> Comparison:
    """Compare this node with others.

    :param nodes: Keys in hex; None for ``count`` of those that are linked, by chance.
    :raises ApiError: ``too_many_comparisons``.
    :raises LedgerError: ``not_provable``, ``height_pruned`` or ``height_future``.
    """
    ledger = served.ledger
    waiting = served.comparisons.take(served.clock.seconds())
    if waiting:
        raise ApiError("too_many_comparisons", retry_after=round(waiting, 3))
    others, unlinked = _choose(served.facts.others(), nodes, count, random or Random())
    ranges = await _ask_all(served, others, None)
    if height is None:
        height = _common_height(ledger, [each.told for each in ranges if each.told is not None])
    yardstick = _yardstick(ledger, height)
    asked = await _ask_all(served, [other for other, seen in zip(others, ranges, strict=True) if seen.told], height)
    answered = {each.id: each for each in asked}
    compared = [_judge(served, yardstick, answered.get(seen.id, seen), ranges_told=seen.told) for seen in ranges]
    compared += [_silent(each, "There is no link with this node.") for each in unlinked]
    return _comparison(served, yardstick, compared)


def _choose(
    linked: Sequence[OtherNode], nodes: Sequence[str] | None, count: int, random: Random
) -> tuple[list[OtherNode], list[str]]:
    """Whom to ask, and whom one can't ask."""
    if nodes is None:
        return random.sample(list(linked), min(count, len(linked))), []
    by_id = {other.id.hex(): other for other in linked}
    wanted = list(dict.fromkeys(nodes))
    return [by_id[each] for each in wanted if each in by_id], [each for each in wanted if each not in by_id]


async def _ask_all(served: ServedNode, others: Sequence[OtherNode], height: int | None) -> list[_Asked]:
    return [asked for _, asked in await DeferredList([_ask(served, other, height) for other in others])]


def _ask(served: ServedNode, other: OtherNode, height: int | None) -> Deferred[_Asked]:
    asking = other.ask_hash(height).addTimeout(ANSWER_SECONDS, served.clock)

    def failed(failure: Failure) -> _Asked:
        is_late = failure.check(TimeoutError, CancelledError) is not None
        reason = f"within {ANSWER_SECONDS:g} s." if is_late else f"({failure.getErrorMessage()})."
        return _Asked(other.id, other.place, None, f"It did not answer {reason}")

    return asking.addCallbacks(lambda told: _Asked(other.id, other.place, told), failed)


def _common_height(ledger: Ledger, told: Sequence[ToldHash]) -> int:
    own = ledger.provable_height()
    least = max(ledger.lowest_height, own - FAR_BEHIND)
    common = ledger.find_provable(min([own, *(each.newest for each in told if each.newest >= least)]))
    return own if common is None or common < least else common


def _yardstick(ledger: Ledger, height: int) -> Yardstick:
    reading = ledger.reading(height)
    block = ledger.proving_block(height)
    return Yardstick.of(
        Header.decode(block.header), Finality.decode(block.finality), reading.prove_data_hash().nodes
    )  # fmt: skip


def _judge(served: ServedNode, yardstick: Yardstick, asked: _Asked, ranges_told: ToldHash | None) -> ComparedNode:
    told = asked.told
    if told is None:
        return _silent(asked.id.hex(), asked.reason or "", asked.place, ranges_told)
    behind, since = _lag(served.ledger, told.newest)
    described = ComparedNode(
        asked.id.hex(), asked.place, "silent", told.newest, behind, since, None, None, None
    )  # fmt: skip
    if not told.answer:
        if told.newest < yardstick.height:
            return _changed(described, state="behind")
        if told.lowest > yardstick.height:
            return _changed(described, state="pruned", reason=f"It answers from height {told.lowest} on.")
        return _changed(described, reason="It does not answer at this height, or passed it by while it caught up.")
    try:
        signed = SignedAnswer(Answer.decode(told.answer), told.signature)
        evidence = weigh(yardstick, asked.id, signed, told.text)
    except LedgerError as error:
        return _changed(described, reason=f"Its answer is no signed answer: {error}")
    text = SignedText(told.answer.hex(), told.signature.hex(), told.text.decode(errors="replace"))
    if evidence is not None:
        raw = encode_evidence(evidence)
        _keep(served, raw)
        reason = "It signed another state than the validators."
        return _changed(described, state="lying", signed=text, evidence=raw.hex(), reason=reason)
    is_late = since is not None and served.ledger.head.time - since >= BEHIND_MILLISECONDS
    return _changed(described, state="behind" if is_late else "agrees", signed=text)


def _changed(compared: ComparedNode, **changes: object) -> ComparedNode:
    values = {name: getattr(compared, name) for name in ComparedNode.__struct_fields__}
    return ComparedNode(**(values | changes))


def _silent(node: str, reason: str, place: str = "", told: ToldHash | None = None) -> ComparedNode:
    return ComparedNode(node, place, "silent", told.newest if told else None, 0, None, reason, None, None)


def _lag(ledger: Ledger, newest: int) -> tuple[int, int | None]:
    """How many heights another node is behind, and the time of the first block that it lacks."""
    behind = max(0, ledger.head.height - newest)
    block = ledger.reading().block(newest + 1) if behind else None
    return behind, None if block is None else Header.decode(block.header).time


def _keep(served: ServedNode, raw: bytes) -> None:
    try:
        served.evidence.add(raw).addErrback(lambda failure: failure.trap(LedgerError))
    except LedgerError:
        return  # the caller has it, and may submit it later


def _comparison(served: ServedNode, yardstick: Yardstick, compared: list[ComparedNode]) -> Comparison:
    ledger, method = served.ledger, served.table["getdatahash"]
    assert method.read is not None
    reading, params = ledger.reading(yardstick.height), method.params()
    text = msgspec.json.encode(method.read(reading, params))
    signed = ContextWriter(ledger).sign(reading, method.name, params, text)
    root = reading.data_hash().root
    certificate, descendants = finality_texts(yardstick.finality.encode())
    return Comparison(
        height=yardstick.height,
        root=root.hex(),
        certified=root == yardstick.root,
        certified_root=yardstick.root.hex(),
        node=ledger.node_key.public.hex(),
        newest=ledger.head.height,
        header=yardstick.header.encode().hex(),
        certificate=certificate,
        descendants=descendants,
        state=yardstick.state.hex(),
        signed=SignedText(signed.answer.encode().hex(), signed.signature.hex(), text.decode()),
        nodes=compared,
    )
