"""Methods by which lies are found and shown: comparing nodes, and evidence."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from twisted.internet.defer import Deferred

from cloudnode.api.calls import Call
from cloudnode.api.comparing import Comparison, compare
from cloudnode.api.errors import from_submission
from cloudnode.api.limits import PAGE_DEFAULT
from cloudnode.api.table import Method
from cloudnode.api.types import Height, Hex32, NodeId, PageLimit, Seconds
from cloudnode.formats.errors import CODES, LedgerError
from cloudnode.formats.evidence import EVIDENCE_BYTES_MAX
from cloudnode.node.evidence import Kept

NODES_MAX = 64

EvidenceHex = Annotated[
    str,
    Meta(
        pattern="^([0-9a-f]{2})*$(?!\\n)",
        max_length=2 * EVIDENCE_BYTES_MAX,
        description="The exact bytes, lower-case hex (docs/protocol.md, chapter 17).",
    ),
]

# Evidence


class GetEvidence(Struct, frozen=True, forbid_unknown_fields=True):
    after: Annotated[int, Meta(ge=0, le=2**53, description="The page before's next.")] = 0
    limit: PageLimit = PAGE_DEFAULT


class EvidenceAnswer(Struct, frozen=True):
    """What shows anyone that a validator or a node did what no correct one does; ``evidence`` alone is what counts.

    :ivar summary: What it shows, in words.
    """

    number: Annotated[int, Meta(description="Of this node's, growing.")]
    kind: Annotated[
        Literal["votes", "answers", "answer", "receipt"],
        Meta(
            description="Two votes of a validator; two answers of a node; an answer that contradicts a final header;"
            " a receipt for an operation that no block held."
        ),
    ]
    culprit: Annotated[Hex32, Meta(description="The key of the validator (votes) or of the node.")]
    epoch: Annotated[int, Meta(description="Of the votes or the header; 0 for two answers.")]
    is_proof: Annotated[bool, Meta(description="False for a suspicion: a receipt alone does not say who left it out.")]
    summary: str
    received: Seconds
    evidence: EvidenceHex


class EvidencePage(Struct, frozen=True):
    """Evidence in the order in which it came. ``next`` is the ``after`` of the next page, null at the end.

    :ivar next: The `after` of the next page; null at the end.
    """

    evidence: list[EvidenceAnswer]
    next: int | None


class SubmitEvidence(Struct, frozen=True, forbid_unknown_fields=True):
    evidence: EvidenceHex


class SubmittedEvidence(Struct, frozen=True):
    """What this node keeps about the same thing: the evidence given, or what was there before.

    :ivar is_new: Whether this node did not have it.
    """

    is_new: bool
    kept: EvidenceAnswer


PAGE_BYTES = 262_144
"""A page of evidence ends once its pieces add up to this."""


def _answer(kept: Kept) -> EvidenceAnswer:
    verdict = kept.verdict
    return EvidenceAnswer(
        kept.number,
        verdict.kind,
        verdict.culprit.hex(),
        verdict.epoch,
        verdict.is_proof,
        verdict.summary,
        kept.received,
        kept.raw.hex(),
    )


def _getevidence(call: Call, params: GetEvidence) -> EvidencePage:
    found = call.served.evidence.page(params.after, params.limit)
    page: list[EvidenceAnswer] = []
    total = 0
    for kept in found:
        total += len(kept.raw)
        if total > PAGE_BYTES and page:
            break
        page.append(_answer(kept))
    more = len(found) == params.limit or len(page) < len(found)
    return EvidencePage(page, page[-1].number if more else None)


def _submitevidence(call: Call, params: SubmitEvidence) -> Deferred[SubmittedEvidence]:
    return Deferred.fromCoroutine(_take(call, bytes.fromhex(params.evidence)))


async def _take(call: Call, raw: bytes) -> SubmittedEvidence:
    try:
        added = await call.served.evidence.add(raw)
    except LedgerError as error:
        raise from_submission(error) from None
    return SubmittedEvidence(added.is_new, _answer(added.kept))


_PARTS = (
    "header_", "finality_", "certificate_", "vote_", "answer_", "receipt_", "node_malformed", "row_", "proof_",
    "evidence_",
)  # fmt: skip
_REFUSALS = tuple(code.name for code in CODES if code.name.startswith(_PARTS) and code.name != "evidence_waiting")

# Comparing

NodeList = Annotated[
    list[NodeId], Meta(max_length=NODES_MAX, description="Ask these instead; each must be linked with this node.")
]


class Compare(Struct, frozen=True, forbid_unknown_fields=True):
    """:ivar nodes: Ask these linked nodes, in place of ``count`` that are chosen."""

    count: Annotated[int, Meta(ge=1, le=NODES_MAX, description="How many linked nodes to ask.")] = 8
    nodes: NodeList | None = None
    height: Annotated[
        Height | None, Meta(description="Where to compare; by default the newest height that all can answer at.")
    ] = None


def _compare(call: Call, params: Compare) -> Deferred[Comparison]:
    return call.hold(Deferred.fromCoroutine(compare(call.served, params.nodes, params.count, params.height)))


METHODS: tuple[Method[Any], ...] = (
    Method(
        "compare",
        "validation",
        "Compare this node's state and that of nodes linked with it with what the validators signed: who agrees, who is"
        " behind, who lies. The answers are signed, so nobody need trust this node.",
        Compare,
        Comparison,
        call=_compare,
        errors=("not_provable", "height_pruned", "height_future", "too_many_comparisons"),
    ),
    Method(
        "getevidence",
        "validation",
        "List evidence against validators and nodes, which anyone can verify from the genesis.",
        GetEvidence,
        EvidencePage,
        call=_getevidence,
        always=True,
        errors=("page_too_long",),
    ),
    Method(
        "submitevidence",
        "validation",
        "Give this node evidence: it verifies it, keeps it, and passes it on.",
        SubmitEvidence,
        SubmittedEvidence,
        call=_submitevidence,
        always=True,
        errors=("evidence_waiting",),
        refusals=_REFUSALS,
    ),
)
