"""Evidence that shows what it says, and evidence that shows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec

from cloudnode.formats.block import FINALIZE, NO_BLOCK, NOTARIZE, SKIP, Header, Vote, sign_vote
from cloudnode.formats.evidence import (
    AnswerEvidence,
    Evidence,
    ReceiptEvidence,
    SignedAnswer,
    VotesEvidence,
    answers_evidence,
    data_hash_text,
    encode_evidence,
    first_epoch,
    judge,
    votes_evidence,
)
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.receipt import Answer, Receipt, sign_answer, sign_receipt
from cloudnode.formats.verify import ProvenState
from tests.vectors.make_blocks import NODE, a_header, certified, genesis, validator_keys
from tests.vectors.make_proofs import HEIGHT, hashed, state
from tests.vectors.reference import build_state, u16, u32, u64, way

OTHER_HASH = sha256(b"another block").digest()


def vote(of: Genesis, kind: int, block: bytes, view: int = 11, validator: int = 2, epoch: int = 0) -> Vote:
    """A vote of one of the validators."""
    signature = sign_vote(validator_keys(of)[validator], of.network, kind, epoch, view, block)
    return Vote(kind, epoch, view, block, validator, signature)


def answer(of: Genesis, text: bytes, root: bytes, method: str = "getdatahash", height: int = HEIGHT) -> SignedAnswer:
    """The node's signed answer to a method without parameters."""
    params_hash = sha256(b"{}").digest()
    signed = Answer(of.network, NODE.public, method, params_hash, height, root, sha256(text).digest())
    return SignedAnswer(signed, sign_answer(NODE, signed))


def receipt(of: Genesis, operation_id: bytes, expiry: int) -> tuple[Receipt, bytes]:
    """The node's receipt."""
    given = Receipt(of.network, operation_id, NODE.public, 3, expiry)
    return given, sign_receipt(NODE, given)


class _Scene:
    """A network, a state of it, and a final header that carries its root."""

    def __init__(self) -> None:
        self.genesis, self.other = genesis(4), genesis(1)
        self.root, self.nodes = state()
        self.header = a_header(self.genesis, height=HEIGHT + 2, root=self.root, root_height=HEIGHT)
        self.finality = Finality(certified(self.genesis, self.header, [0, 1, 3]))
        self.preimage = self.nodes[self.root]
        self.text = data_hash_text(ProvenState(HEIGHT, self.root, (self.preimage,)).totals())
        self.header_hash = self.header.hash

    def false_sums(self) -> bytes:
        return self.text.replace(b'"records":', b'"records":1')

    def absence(self, name: str) -> ReceiptEvidence:
        """A receipt for an operation that expires where the state is, with the way to where it would be."""
        given, signature = receipt(self.genesis, hashed(name), HEIGHT)
        nodes = way(self.root, self.nodes, 2, u64(HEIGHT) + hashed(name))
        return ReceiptEvidence(given, signature, self.header, self.finality, tuple(nodes))


def _good(scene: _Scene) -> Iterator[tuple[str, Evidence]]:
    of, header = scene.genesis, scene.header
    block = scene.header_hash
    for name, one, another in (
        ("two notarize votes", (NOTARIZE, block), (NOTARIZE, OTHER_HASH)),
        ("two finalize votes", (FINALIZE, block), (FINALIZE, OTHER_HASH)),
        ("notarize one block and finalize another", (NOTARIZE, block), (FINALIZE, OTHER_HASH)),
        ("skip and finalize", (SKIP, NO_BLOCK), (FINALIZE, block)),
    ):
        yield name, votes_evidence(of.network, vote(of, *one), vote(of, *another))
    true, false = answer(of, scene.text, scene.root), answer(of, scene.false_sums(), scene.root)
    yield "two answers", answers_evidence(true, false)
    yield "two roots", answers_evidence(true, answer(of, scene.text, OTHER_HASH))
    record = answer(of, b'{"version":1}', OTHER_HASH, "getrecord")
    yield "an answer with another root", AnswerEvidence(record, header, scene.finality)
    yield "an answer with other sums", AnswerEvidence(false, header, scene.finality, scene.preimage)
    yield "a receipt for what no block held", scene.absence("never ordered")


def _bad(scene: _Scene) -> Iterator[tuple[str, bytes, str]]:
    of, header, block = scene.genesis, scene.header, scene.header_hash
    votes = votes_evidence(of.network, vote(of, NOTARIZE, block), vote(of, NOTARIZE, OTHER_HASH))
    raw = encode_evidence(votes)
    true, false = answer(of, scene.text, scene.root), answer(of, scene.false_sums(), scene.root)

    def unsigned(signed: SignedAnswer) -> SignedAnswer:
        return SignedAnswer(signed.answer, bytes(64))

    def two(one: SignedAnswer, another: SignedAnswer) -> bytes:
        return encode_evidence(answers_evidence(one, another))

    def against(signed: SignedAnswer, header: Header = header, **more: Any) -> bytes:
        return encode_evidence(AnswerEvidence(signed, header, more.pop("finality", scene.finality), **more))

    yield "empty", b"", "evidence_malformed"
    yield "an unknown kind", b"\x05" + raw[1:], "evidence_malformed"
    yield "cut off", raw[:-1], "evidence_malformed"
    yield "a byte too many", raw + b"\0", "evidence_malformed"
    yield "too long", raw + bytes(65_536), "evidence_too_large"
    swapped = VotesEvidence(of.network, votes.second, votes.first)
    yield "votes in the other order", encode_evidence(swapped), "evidence_malformed"
    other = votes_evidence(scene.other.network, votes.first, votes.second)
    yield "votes of another network", encode_evidence(other), "evidence_network"
    for name, one, another in (
        ("one vote twice", vote(of, NOTARIZE, block), vote(of, NOTARIZE, block)),
        ("votes in two views", vote(of, NOTARIZE, block), vote(of, NOTARIZE, OTHER_HASH, view=12)),
        ("votes of two validators", vote(of, NOTARIZE, block), vote(of, NOTARIZE, OTHER_HASH, validator=1)),
        ("notarize and skip, which is allowed", vote(of, NOTARIZE, block), vote(of, SKIP, NO_BLOCK)),
        ("notarize and finalize one block", vote(of, NOTARIZE, block), vote(of, FINALIZE, block)),
    ):
        yield name, encode_evidence(votes_evidence(of.network, one, another)), "evidence_nothing"
    later = [vote(of, NOTARIZE, each, epoch=1) for each in (block, OTHER_HASH)]
    yield "votes of an epoch to come", encode_evidence(votes_evidence(of.network, *later)), "evidence_epoch"
    forged = msgspec.structs.replace(votes.second, signature=bytes(64))
    yield "a vote not signed", encode_evidence(votes_evidence(of.network, votes.first, forged)), "evidence_signature"
    yield "one answer twice", two(true, true), "evidence_nothing"
    yield "answers at two heights", two(true, answer(of, scene.text, OTHER_HASH, height=8)), "evidence_nothing"
    blocks = [answer(of, text, scene.root, "getlastblocks") for text in (b"[]", b"[1]")]
    yield "answers about blocks, which are pruned", two(*blocks), "evidence_nothing"
    yield "an answer not signed", two(true, unsigned(false)), "answer_signature"
    yield "a true answer", against(true), "evidence_nothing"
    yield "a true answer with the state", against(true, state=scene.preimage), "evidence_nothing"
    yield "a false answer not signed", against(unsigned(false), state=scene.preimage), "answer_signature"
    elsewhere = answer(of, scene.text, OTHER_HASH, height=HEIGHT + 1)
    yield "an answer at another height than the header's root", against(elsewhere), "proof_height"
    lying = answer(of, scene.text, OTHER_HASH)
    few = Finality(certified(of, header, [0, 1]))
    yield "a header that is not final", against(lying, finality=few), "certificate_quorum"
    yield "the state of another root", against(lying, state=scene.preimage), "evidence_malformed"
    yield "a receipt for what a block held", encode_evidence(_held(scene)), "evidence_nothing"
    absent = scene.absence("never ordered")
    gap = msgspec.structs.replace(absent, nodes=absent.nodes[:1])
    yield "absence with a node missing", encode_evidence(gap), "proof_node_missing"
    given, signature = receipt(of, hashed("never ordered"), HEIGHT + 1)
    early = msgspec.structs.replace(absent, receipt=given, signature=signature)
    yield "absence before the expiry", encode_evidence(early), "proof_height"
    unsigned_receipt = msgspec.structs.replace(absent, signature=bytes(64))
    yield "a receipt not signed", encode_evidence(unsigned_receipt), "receipt_signature"


def _held(scene: _Scene) -> ReceiptEvidence:
    """A receipt for an operation that a block held, in a state that has nothing else in its window."""
    window = [(u64(HEIGHT) + hashed("held"), u64(HEIGHT) + u32(0) + u16(0))]
    nodes: dict[bytes, bytes] = {}
    root = build_state([[], [], window, [], []], nodes)
    header = a_header(scene.genesis, height=HEIGHT + 2, root=root, root_height=HEIGHT)
    given, signature = receipt(scene.genesis, hashed("held"), HEIGHT)
    finality = Finality(certified(scene.genesis, header, [0, 1, 3]))
    return ReceiptEvidence(given, signature, header, finality, tuple(nodes.values()))


def evidence() -> dict[str, Any]:
    """Evidence with what it shows, and bytes that show nothing, with the code."""
    scene = _Scene()
    accepted = []
    for name, each in _good(scene):
        verdict = judge(each, scene.genesis.network, first_epoch(scene.genesis))
        accepted.append(
            {
                "name": name,
                "bytes": encode_evidence(each).hex(),
                "kind": verdict.kind,
                "culprit": verdict.culprit.hex(),
                "epoch": verdict.epoch,
                "is_proof": verdict.is_proof,
            }
        )
    return {
        "genesis": scene.genesis.text.decode(),
        "accepted": accepted,
        "refused": [{"name": name, "bytes": raw.hex(), "code": code} for name, raw, code in _bad(scene)],
    }
