"""Proofs: whatever bag of nodes, header and certificate a node sends, nobody is made to believe what is not so."""

from __future__ import annotations

import msgspec

from cloudnode.formats.block import Header, split_values
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import decode_genesis
from cloudnode.formats.verify import ProvenState, verify_header, verify_state
from tests.fuzz.formats import or_refused, vectors
from tests.fuzz.target import Outcome, Target
from tests.unit.formats.test_verify import ask
from tests.vectors.make_blocks import a_header, certified
from tests.vectors.make_genesis import genesis

_CASES = vectors("proofs.json")
_EPOCH = Epoch.of_genesis(decode_genesis(_CASES["genesis"].encode()))
_HEADER, _CERTIFICATE = bytes.fromhex(_CASES["header"]), bytes.fromhex(_CASES["certificate"])
_ROOT, _HEIGHT = bytes.fromhex(_CASES["root"]), _CASES["height"]


def _pack(parts: list[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def _unpack(data: bytes) -> list[bytes]:
    parts = []
    while data:
        end = 2 + int.from_bytes(data[:2], "big")
        parts.append(data[2:end])
        data = data[end:]
    return parts


def _bag(data: bytes) -> Outcome:
    """The first byte says which question is asked; then nodes, each behind its length."""
    case = _CASES["proven"][(data[:1] or b"\0")[0] % len(_CASES["proven"])]
    state = ProvenState(_HEIGHT, _ROOT, _unpack(data[1:]))
    try:
        assert ask(state, case["question"], case["answer"]) == case["answer"]
    except LedgerError as error:
        # Each node is found by its hash, so that a wrong one is as good as missing.
        assert error.code == "proof_node_missing", error.code
        raise
    return next(iter(case["question"]))


def _bag_seeds() -> list[bytes]:
    return [
        bytes([at]) + _pack([bytes.fromhex(node) for node in case["nodes"]]) for at, case in enumerate(_CASES["proven"])
    ]


def _certified(data: bytes) -> Outcome:
    """Header, certificate and the root's preimage, each behind its length."""
    header, certificate, preimage = (*_unpack(data), b"", b"", b"")[:3]
    read = verify_header(_EPOCH, header, certificate)
    # The validators signed this one header, with more signatures than a quorum needs.
    assert header == _HEADER
    verify_state(read, _HEIGHT, _ROOT, [preimage]).totals()
    return "proven"


_OF = genesis(4)
_ENDING = a_header(_OF, validators=_OF.validators[:2])
_CHILD = msgspec.structs.replace(a_header(_OF, height=_ENDING.height + 1), parent=_ENDING.hash, view=_ENDING.view + 1)
_ENDS = (
    Finality(certified(_OF, _ENDING, [0, 1, 3])).encode(),
    Finality(certified(_OF, _CHILD, [1, 2, 3]), (_CHILD,)).encode(),
)


def _epoch(data: bytes) -> Outcome:
    """Header, finality proof and keys, each behind its length: how the first epoch ended."""
    header, finality, keys = (*_unpack(data), b"", b"", b"")[:3]
    before = Epoch.of_genesis(_OF)
    after = before.next(Header.decode(header), Finality.decode(finality), split_values(keys))
    # The validators ended this epoch once, and appointed two of themselves.
    assert header == _ENDING.encode()
    assert (after.number, after.validators, after.base) == (1, _OF.validators[:2], _ENDING.height)
    return f"ended, through {len(Finality.decode(finality).descendants)}"


def _epoch_seeds() -> list[bytes]:
    keys = b"".join(_OF.validators[:2])
    return [_pack([_ENDING.encode(), proof, keys]) for proof in _ENDS]


TARGETS = (
    Target("epoch", "no epoch ends but by the block that its validators made final, and with the validators it names",
           or_refused(_epoch), _epoch_seeds),
    Target("proof", "no bag of nodes gives a question another answer than the true one",
           or_refused(_bag), _bag_seeds),
    Target("certified", "no header is believed but the one that the validators signed",
           or_refused(_certified),
           lambda: [_pack([_HEADER, _CERTIFICATE, bytes.fromhex(_CASES["nodes"][0])])]),
)  # fmt: skip
