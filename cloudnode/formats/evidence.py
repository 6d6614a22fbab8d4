"""Evidence: what shows anyone who knows the genesis that a validator or a node did what no correct one does.

Four kinds, each with one exact form in bytes (``docs/protocol.md``, chapter 17):

- *votes*: two votes of one validator that contradict each other.
- *answers*: two answers that one node signed, to the same question at the same height, and that differ.
- *answer*: an answer that a node signed and that contradicts the state root in a final header.
- *receipt*: a node's receipt, and a proof that no block up to the operation's expiry held it. This alone is no proof
  but a suspicion: the node may have passed the operation on, and others left it out.

Evidence says what was signed, not why: a damaged disk may have been the reason. Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from struct import Struct
from typing import Literal

import attrs
import msgspec

from cloudnode.formats.block import HEADER_SIZE, VOTE_SIZE, Header, Vote, contradict
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.receipt import RECEIPT_SIZE, Answer, Receipt, verify_answer, verify_receipt
from cloudnode.formats.verify import ProvenState, ProvenTotals

EVIDENCE_BYTES_MAX = 65_536
"""Of one piece of evidence; a certificate by a quorum of 1,000 validators has 44 KB."""

COMPARABLE = frozenset({"getrecord", "listrecords", "getratings", "getaccount", "getdatahash"})
"""Methods whose answers follow from the state at their height alone. Those about blocks are signed as well, but a node
answers them otherwise once it has pruned the block."""

NO_PARAMS = sha256(b"{}").digest()
"""The parameters' hash of a method without parameters."""

Kind = Literal["votes", "answers", "answer", "receipt"]

FindEpoch = Callable[[int], Epoch | None]
"""Gives an epoch by its number, None if it is not known."""

_EPOCH_MAX = 2**62

_VOTES, _ANSWERS, _ANSWER, _RECEIPT = 1, 2, 3, 4
_SIGNATURE_SIZE = 64
_STATE_SIZE = 298
_NODES_MAX = 256

_head = Struct(">B32s")
_u16 = Struct(">H")


class SignedAnswer(msgspec.Struct, frozen=True):
    """An answer with the signature of the node that it names."""

    answer: Answer
    signature: bytes

    def encode(self) -> bytes:
        """The answer behind its length, and the signature."""
        raw = self.answer.encode()
        return _u16.pack(len(raw)) + raw + self.signature


class VotesEvidence(msgspec.Struct, frozen=True):
    """Two votes of one validator; the one whose bytes are smaller comes first."""

    network: bytes
    first: Vote
    second: Vote


class AnswersEvidence(msgspec.Struct, frozen=True):
    """Two answers of one node; the one whose bytes are smaller comes first."""

    first: SignedAnswer
    second: SignedAnswer


class AnswerEvidence(msgspec.Struct, frozen=True):
    """An answer and a final header of another state root, or of the same root whose preimage shows other sums.

    :ivar header: Carries the state root of the answer's height.
    :ivar state: The root's preimage where the answer has the same root, else empty.
    """

    signed: SignedAnswer
    header: Header
    finality: Finality
    state: bytes = b""


class ReceiptEvidence(msgspec.Struct, frozen=True):
    """A receipt and a proof that the state at the operation's expiry does not know the operation.

    :ivar header: Carries the state root of the expiry's height. :ivar nodes: Of that state, in any order.
    """

    receipt: Receipt
    signature: bytes
    header: Header
    finality: Finality
    nodes: tuple[bytes, ...]


Evidence = VotesEvidence | AnswersEvidence | AnswerEvidence | ReceiptEvidence


@attrs.frozen
class Verdict:
    """What evidence shows.

    :ivar culprit: The key of the validator (for votes) or of the node. :ivar epoch: Of the votes or of the header; 0
        for two answers. :ivar is_proof: False for a suspicion. :ivar summary: One sentence for people.
    """

    kind: Kind
    culprit: bytes
    epoch: int
    is_proof: bool
    summary: str


def votes_evidence(network: bytes, one: Vote, other: Vote) -> VotesEvidence:
    """Evidence of two votes, in the order of its form."""
    first, second = sorted((one, other), key=Vote.encode)
    return VotesEvidence(network, first, second)


def answers_evidence(one: SignedAnswer, other: SignedAnswer) -> AnswersEvidence:
    """Evidence of two answers, in the order of its form."""
    first, second = sorted((one, other), key=SignedAnswer.encode)
    return AnswersEvidence(first, second)


def first_epoch(genesis: Genesis) -> FindEpoch:
    """What one knows of epochs who has the genesis alone and has followed no change of validators."""
    return lambda number: Epoch.of_genesis(genesis) if number == 0 else None


def data_hash_text(totals: ProvenTotals) -> bytes:
    """The exact text with which every correct node answers ``getdatahash``."""
    return (
        b'{"height":%d,"root":"%s","ratings_sum":%d,"ratings_count":%d,"records":%d,"accounts":%d}'
        % (
            totals.height, totals.root.hex().encode(), totals.ratings_sum, totals.ratings_count,
            totals.records, totals.accounts,
        )
    )  # fmt: skip


# Bytes


def encode_evidence(evidence: Evidence) -> bytes:
    """The exact bytes."""
    match evidence:
        case VotesEvidence(network, first, second):
            return _head.pack(_VOTES, network) + first.encode() + second.encode()
        case AnswersEvidence(one, other):
            return _head.pack(_ANSWERS, one.answer.network) + one.encode() + other.encode()
        case AnswerEvidence(signed, header, finality, state):
            head = _head.pack(_ANSWER, signed.answer.network) + signed.encode() + header.encode()
            return head + _u16.pack(len(state)) + state + finality.encode()
        case ReceiptEvidence(receipt, signature, header, finality, nodes):
            head = _head.pack(_RECEIPT, receipt.network) + receipt.encode() + signature + header.encode()
            listed = b"".join(_u16.pack(len(node)) + node for node in nodes)
            return head + _u16.pack(len(nodes)) + listed + finality.encode()


def decode_evidence(raw: bytes) -> Evidence:
    """Read evidence; what it shows is for :func:`judge`.

    :raises LedgerError: ``evidence_too_large``, ``evidence_malformed``, or the code of a malformed part.
    """
    if len(raw) > EVIDENCE_BYTES_MAX:
        raise LedgerError("evidence_too_large")
    reader = _Reader(raw)
    kind, network = _head.unpack(reader.take(_head.size))
    decode = _decoders.get(kind)
    if decode is None:
        raise LedgerError("evidence_malformed")
    evidence = decode(reader, network)
    # One form for each: what was left over, in another order or of two networks would make two of the same.
    if encode_evidence(evidence) != raw:
        raise LedgerError("evidence_malformed")
    return evidence


class _Reader:
    """Takes values off the front."""

    __slots__ = ("_at", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, size: int) -> bytes:
        taken = self._raw[self._at : self._at + size]
        if len(taken) != size:
            raise LedgerError("evidence_malformed")
        self._at += size
        return taken

    def counted(self) -> bytes:
        """Bytes behind their number."""
        return self.take(self.u16())

    def u16(self) -> int:
        (number,) = _u16.unpack(self.take(_u16.size))
        return int(number)

    def rest(self) -> bytes:
        return self.take(len(self._raw) - self._at)

    def signed(self) -> SignedAnswer:
        return SignedAnswer(Answer.decode(self.counted()), self.take(_SIGNATURE_SIZE))


def _decode_votes(reader: _Reader, network: bytes) -> Evidence:
    return votes_evidence(network, Vote.decode(reader.take(VOTE_SIZE)), Vote.decode(reader.take(VOTE_SIZE)))


def _decode_answers(reader: _Reader, network: bytes) -> Evidence:
    return answers_evidence(reader.signed(), reader.signed())


def _decode_answer(reader: _Reader, network: bytes) -> Evidence:
    signed, header, state = reader.signed(), Header.decode(reader.take(HEADER_SIZE)), reader.counted()
    return AnswerEvidence(signed, header, Finality.decode(reader.rest()), state)


def _decode_receipt(reader: _Reader, network: bytes) -> Evidence:
    receipt, signature = Receipt.decode(reader.take(RECEIPT_SIZE)), reader.take(_SIGNATURE_SIZE)
    header, count = Header.decode(reader.take(HEADER_SIZE)), reader.u16()
    if count > _NODES_MAX:
        raise LedgerError("evidence_malformed")
    nodes = tuple(reader.counted() for _ in range(count))
    return ReceiptEvidence(receipt, signature, header, Finality.decode(reader.rest()), nodes)


_decoders: dict[int, Callable[[_Reader, bytes], Evidence]] = {
    _VOTES: _decode_votes,
    _ANSWERS: _decode_answers,
    _ANSWER: _decode_answer,
    _RECEIPT: _decode_receipt,
}


# Judging


def epoch_of(evidence: Evidence) -> int | None:
    """The number of the epoch whose validators one must know to judge evidence; None if none is needed."""
    match evidence:
        case VotesEvidence():
            return evidence.first.epoch
        case AnswersEvidence():
            return None
        case _:
            return evidence.header.epoch


def judge(evidence: Evidence, network: bytes, find_epoch: FindEpoch) -> Verdict:
    """Say what evidence shows: the cheap checks first, signatures last.

    :raises LedgerError: ``evidence_network``, ``evidence_epoch``, ``evidence_nothing`` (what is signed is no
        contradiction), ``evidence_signature``, ``answer_signature``, ``receipt_signature``, or what
        :meth:`Epoch.verify` and :class:`ProvenState` raise.
    """
    match evidence:
        case VotesEvidence():
            return _judge_votes(evidence, network, find_epoch)
        case AnswersEvidence():
            return _judge_answers(evidence, network)
        case AnswerEvidence():
            return _judge_answer(evidence, network, find_epoch)
        case ReceiptEvidence():
            return _judge_receipt(evidence, network, find_epoch)


def _judge_votes(evidence: VotesEvidence, network: bytes, find_epoch: FindEpoch) -> Verdict:
    first, second = evidence.first, evidence.second
    _check_network(evidence.network, network)
    if not contradict(first, second):
        raise LedgerError("evidence_nothing")
    validators = find_known(find_epoch, first.epoch).validators
    if not (first.verify(network, validators) and second.verify(network, validators)):
        raise LedgerError("evidence_signature")
    what = "voted twice" if first.kind == second.kind else "voted for two things"
    summary = f"The validator {what} in view {first.view} of epoch {first.epoch}."
    return Verdict("votes", validators[first.validator], first.epoch, True, summary)


def _judge_answers(evidence: AnswersEvidence, network: bytes) -> Verdict:
    one, other = evidence.first.answer, evidence.second.answer
    _check_network(one.network, network)
    if not _same_question(one, other) or (one.root, one.answer_hash) == (other.root, other.answer_hash):
        raise LedgerError("evidence_nothing")
    for signed in (evidence.first, evidence.second):
        verify_answer(signed.answer, signed.signature)
    summary = f"The node signed two different answers to the same {one.method} at height {one.height}."
    return Verdict("answers", one.node, 0, True, summary)


def _same_question(one: Answer, other: Answer) -> bool:
    return one.method in COMPARABLE and (
        (one.network, one.node, one.protocol, one.method, one.params_hash, one.height)
        == (other.network, other.node, other.protocol, other.method, other.params_hash, other.height)
    )


def _judge_answer(evidence: AnswerEvidence, network: bytes, find_epoch: FindEpoch) -> Verdict:
    answer, header = evidence.signed.answer, evidence.header
    _check_network(answer.network, network)
    if header.root_height != answer.height:
        raise LedgerError("proof_height")
    if not evidence.state:
        if header.root == answer.root:
            raise LedgerError("evidence_nothing")
        what = f"a state root for height {answer.height} that is not the one which the validators signed"
    else:
        _check_sums(answer, header, evidence.state)
        what = f"sums for height {answer.height} that are not those of the state root which the validators signed"
    verify_answer(answer, evidence.signed.signature)
    find_known(find_epoch, header.epoch).verify(header, evidence.finality)
    return Verdict("answer", answer.node, header.epoch, True, f"The node signed {what} ({answer.method}).")


def _check_sums(answer: Answer, header: Header, state: bytes) -> None:
    """Raise unless ``getdatahash`` was answered with the right root and other sums."""
    if len(state) != _STATE_SIZE or header.root != answer.root:
        raise LedgerError("evidence_malformed")
    if (answer.method, answer.params_hash, answer.protocol) != ("getdatahash", NO_PARAMS, 1):
        raise LedgerError("evidence_nothing")
    text = data_hash_text(ProvenState(answer.height, header.root, (state,)).totals())
    if sha256(text).digest() == answer.answer_hash:
        raise LedgerError("evidence_nothing")


def _judge_receipt(evidence: ReceiptEvidence, network: bytes, find_epoch: FindEpoch) -> Verdict:
    receipt, header = evidence.receipt, evidence.header
    _check_network(receipt.network, network)
    if header.root_height != receipt.expiry:
        raise LedgerError("proof_height", "The header of this evidence carries the state root of the expiry's height.")
    verify_receipt(receipt, evidence.signature)
    find_known(find_epoch, header.epoch).verify(header, evidence.finality)
    if ProvenState(receipt.expiry, header.root, evidence.nodes).operation(receipt.id, receipt.expiry) is not None:
        raise LedgerError("evidence_nothing")
    summary = f"The node took operation {receipt.id.hex()}, and no block up to its expiry {receipt.expiry} held it."
    return Verdict("receipt", receipt.node, header.epoch, False, summary)


def _check_network(named: bytes, network: bytes) -> None:
    if named != network:
        raise LedgerError("evidence_network")


def find_known(find_epoch: FindEpoch, number: int) -> Epoch:
    """An epoch that must be known.

    :raises LedgerError: ``evidence_epoch``.
    """
    epoch = find_epoch(number) if number < _EPOCH_MAX else None
    if epoch is None:
        raise LedgerError("evidence_epoch")
    return epoch
