"""Vectors of headers, votes, certificates, finality proofs, receipts and signed answers."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import attrs
import msgspec

from cloudnode.formats.block import (
    FINALIZE,
    NO_BLOCK,
    NOTARIZE,
    SKIP,
    Certificate,
    Header,
    Vote,
    operations_hash,
    quorum,
    sign_vote,
    signatures_hash,
    validators_hash,
    vote_message,
)
from cloudnode.formats.canonical import canonical
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import ANSWER, SigningKey
from cloudnode.formats.receipt import Answer, Receipt, sign_answer, sign_receipt
from tests.vectors.make_genesis import TIME, genesis, key

NODE = key(21)


def shown(value: Any) -> dict[str, Any]:
    """A value's fields, with bytes as hex."""
    fields = msgspec.structs.asdict(value)
    return {name: field.hex() if isinstance(field, bytes) else field for name, field in fields.items()}


def validator_keys(of: Genesis) -> list[SigningKey]:
    """The signing keys of the validators, in order."""
    return [key(number) for number in range(1, len(of.validators) + 1)]


def a_header(
    of: Genesis, *, height: int = 8, root: bytes = bytes(32), root_height: int = 7, validators: Sequence[bytes] = ()
) -> Header:
    """A header in the middle of a chain; ``validators`` are those that its block appoints."""
    return Header(
        network=of.network,
        epoch=0,
        view=11,
        height=height,
        time=TIME + 1000 * height,
        parent=sha256(b"parent").digest(),
        operations_hash=operations_hash([sha256(b"operation").digest()]),
        operations_count=1,
        root_height=root_height,
        root=root,
        signatures_hash=signatures_hash([bytes(64)]),
        next_validators=validators_hash(validators),
    )


def certified(
    of: Genesis, header: Header, indexes: list[int], kind: int = FINALIZE, view: int | None = None
) -> Certificate:
    """A certificate for a header by the validators with these indexes, in the header's view if no other is given."""
    keys = validator_keys(of)
    block = NO_BLOCK if kind == SKIP else header.hash
    view = header.view if view is None else view
    signatures = tuple(
        (index, sign_vote(keys[index], of.network, kind, header.epoch, view, block)) for index in indexes
    )
    return Certificate(kind, header.epoch, view, block, signatures)


def _headers(of: Genesis) -> dict[str, Any]:
    first = Header(
        network=of.network,
        epoch=0,
        view=0,
        height=1,
        time=TIME + 200,
        parent=of.network,
        operations_hash=operations_hash([]),
        operations_count=0,
        root_height=0,
        root=bytes(range(32)),
        signatures_hash=signatures_hash([]),
    )
    largest = Header(
        b"\xff" * 32, *(2**64 - 1,) * 4, b"\xff" * 32, b"\xff" * 32, 2**32 - 1, 2**64 - 2, b"\xff" * 32, b"\xff" * 32
    )
    ending = a_header(of, validators=of.validators[:2])
    good = {
        "the first of a network": first,
        "in the middle": a_header(of),
        "all fields at their limits": largest,
        "appointing validators": ending,
    }
    raw = first.encode()
    bad = {
        "too short": raw[:-1],
        "too long": raw + b"\0",
        "empty": b"",
        "root height not below height": msgspec.structs.replace(first, root_height=1).encode(),
        "validators and no operation": msgspec.structs.replace(ending, operations_count=0).encode(),
        "validators and two operations": msgspec.structs.replace(ending, operations_count=2).encode(),
    }
    return {
        "headers": [
            {"name": name, **shown(header), "bytes": header.encode().hex(), "hash": header.hash.hex()}
            for name, header in good.items()
        ],
        "refused_headers": [
            {"name": name, "bytes": broken.hex(), "code": "header_malformed"} for name, broken in bad.items()
        ],
    }


def _votes(of: Genesis) -> list[dict[str, Any]]:
    header = a_header(of)
    votes = []
    for name, kind, block in (
        ("notarize", NOTARIZE, header.hash),
        ("skip", SKIP, NO_BLOCK),
        ("finalize", FINALIZE, header.hash),
    ):
        signature = sign_vote(validator_keys(of)[2], of.network, kind, 0, header.view, block)
        vote = Vote(kind, 0, header.view, block, 2, signature)
        message = vote_message(of.network, kind, 0, header.view, block)
        votes.append({"name": name, **shown(vote), "message": message.hex(), "bytes": vote.encode().hex()})
    return votes


@attrs.frozen
class _BadCertificate:
    name: str
    raw: bytes
    code: str


def _bad_certificates(of: Genesis) -> list[_BadCertificate]:
    header = a_header(of)
    good = certified(of, header, [0, 1, 3])
    raw = good.encode()
    replace = msgspec.structs.replace
    swapped = ((0, good.signatures[1][1]), (1, good.signatures[0][1]), good.signatures[2])
    strange = replace(good, signatures=(*good.signatures[:2], (4, good.signatures[2][1])))
    of_skip = replace(good, signatures=certified(of, header, [0, 1, 3], NOTARIZE).signatures)
    return [
        _BadCertificate("empty", b"", "certificate_malformed"),
        _BadCertificate("truncated", raw[:-1], "certificate_malformed"),
        _BadCertificate("one byte more", raw + b"\0", "certificate_malformed"),
        _BadCertificate("unknown kind", b"\4" + raw[1:], "certificate_malformed"),
        _BadCertificate("skip of a block", b"\2" + raw[1:], "certificate_malformed"),
        _BadCertificate(
            "out of order",
            replace(good, signatures=good.signatures[::-1]).encode(),
            "certificate_malformed",
        ),
        _BadCertificate(
            "one validator three times",
            replace(good, signatures=good.signatures[:1] * 3).encode(),
            "certificate_malformed",
        ),
        _BadCertificate("no quorum", certified(of, header, [0, 3]).encode(), "certificate_quorum"),
        _BadCertificate("no signature", certified(of, header, []).encode(), "certificate_quorum"),
        _BadCertificate("unknown validator", strange.encode(), "certificate_validator"),
        _BadCertificate("swapped", replace(good, signatures=swapped).encode(), "certificate_signature"),
        _BadCertificate("for another view", replace(good, view=12).encode(), "certificate_signature"),
        _BadCertificate("for another block", replace(good, hash=of.network).encode(), "certificate_signature"),
        _BadCertificate("votes of another kind", of_skip.encode(), "certificate_signature"),
        _BadCertificate(
            "one false signature among four",
            replace(
                certified(of, header, [0, 1, 2, 3]),
                signatures=(*certified(of, header, [0, 1, 2]).signatures, (3, bytes(64))),
            ).encode(),
            "certificate_signature",
        ),
    ]


def _line(of: Genesis, length: int) -> list[Header]:
    """So many headers, each the child of the one before."""
    line = [a_header(of)]
    while len(line) < length:
        before = line[-1]
        child = a_header(of, height=before.height + 1)
        line.append(msgspec.structs.replace(child, parent=before.hash, view=before.view + 2))
    return line


def _finality(of: Genesis) -> dict[str, Any]:
    """Proofs that the first header of a line is final, through itself or a descendant; and what is no proof."""
    line = _line(of, 3)
    header, child, last = line
    good = {
        "of itself": Finality(certified(of, header, [0, 1, 3])),
        "through its child": Finality(certified(of, child, [1, 2, 3]), (child,)),
        "through a later descendant": Finality(certified(of, last, [0, 1, 2]), (child, last)),
    }
    other = msgspec.structs.replace(child, network=bytes(32))
    later = msgspec.structs.replace(child, epoch=1)
    gap = msgspec.structs.replace(child, height=child.height + 1)
    early = msgspec.structs.replace(child, view=header.view)
    raw = good["through its child"].encode()
    bad = [
        ("empty", b"", "finality_malformed"),
        ("a header is cut off", raw[:200], "finality_malformed"),
        ("more headers than may be", b"\x04\x01" + raw[2:] + bytes(1025 * 236), "finality_malformed"),
        ("a header that is none", b"\0\1" + bytes(236) + raw[238:], "header_malformed"),
        ("one byte more", raw + b"\0", "certificate_malformed"),
        ("no certificate", raw[:238], "certificate_malformed"),
        ("a descendant is missing", Finality(good["through a later descendant"].certificate, (last,)).encode(),
         "finality_chain"),
        ("not the child", Finality(certified(of, last, [0, 1, 2]), (last, child)).encode(), "finality_chain"),
        ("a height is left out", Finality(certified(of, gap, [0, 1, 2]), (gap,)).encode(), "finality_chain"),
        ("the view does not rise", Finality(certified(of, early, [0, 1, 2]), (early,)).encode(), "finality_chain"),
        ("of another network", Finality(certified(of, other, [0, 1, 2]), (other,)).encode(), "header_network"),
        ("of another epoch", Finality(certified(of, later, [0, 1, 2]), (later,)).encode(), "header_epoch"),
        ("the certificate is for the block between", Finality(certified(of, child, [0, 1, 2]), (child, last)).encode(),
         "certificate_block"),
        ("the certificate is for another view", Finality(certified(of, header, [0, 1, 2], view=12)).encode(),
         "certificate_block"),
        ("it notarizes", Finality(certified(of, child, [0, 1, 2], NOTARIZE), (child,)).encode(), "certificate_kind"),
        ("no quorum", Finality(certified(of, child, [0, 1]), (child,)).encode(), "certificate_quorum"),
    ]  # fmt: skip
    return {
        "finality": {
            "header": header.encode().hex(),
            "proofs": [
                {
                    "name": name,
                    "descendants": [each.encode().hex() for each in proof.descendants],
                    "certificate": proof.certificate.encode().hex(),
                    "bytes": proof.encode().hex(),
                }
                for name, proof in good.items()
            ],
            "refused": [{"name": name, "bytes": broken.hex(), "code": code} for name, broken, code in bad],
        }
    }


def blocks() -> dict[str, Any]:
    """Headers, votes, certificates and finality proofs of a network of four validators."""
    of = genesis(4)
    header = a_header(of)
    ids = [sha256(bytes([number])).digest() for number in range(3)]
    good = {
        "finalize by a quorum": certified(of, header, [0, 1, 3]),
        "finalize by all": certified(of, header, [0, 1, 2, 3]),
        "notarize": certified(of, header, [1, 2, 3], NOTARIZE),
        "skip": certified(of, header, [0, 1, 2], SKIP),
    }
    return {
        "genesis": of.text.decode(),
        "quorums": [[count, quorum(count)] for count in (1, 2, 3, 4, 5, 6, 7, 10, 100)],
        "operations_hashes": [
            {"ids": [each.hex() for each in ids[:count]], "hash": operations_hash(ids[:count]).hex()}
            for count in range(4)
        ],
        "signatures_hashes": [
            {"signatures": [(each * 2).hex() for each in ids[:count]],
             "hash": signatures_hash(each * 2 for each in ids[:count]).hex()}
            for count in range(4)
        ],
        "validators_hashes": [
            {"validators": [each.hex() for each in of.validators[:count]],
             "hash": validators_hash(of.validators[:count]).hex()}
            for count in range(4)
        ],
        **_headers(of),
        **_finality(of),
        "votes": _votes(of),
        "certificates": [
            {
                "name": name,
                "kind": certificate.kind,
                "epoch": certificate.epoch,
                "view": certificate.view,
                "hash": certificate.hash.hex(),
                "signatures": [[index, signature.hex()] for index, signature in certificate.signatures],
                "bytes": certificate.encode().hex(),
            }
            for name, certificate in good.items()
        ],
        "refused_certificates": [
            {"name": bad.name, "bytes": bad.raw.hex(), "code": bad.code} for bad in _bad_certificates(of)
        ],
    }


def receipts() -> dict[str, Any]:
    """Receipts with their signatures, and one that is not true."""
    of = genesis()
    receipt = Receipt(of.network, sha256(b"operation").digest(), NODE.public, 41, 1007)
    signature = sign_receipt(NODE, receipt)
    return {
        "receipts": [{**shown(receipt), "bytes": receipt.encode().hex(), "signature": signature.hex()}],
        "refused": [
            {
                "name": "the expiry changed",
                "bytes": msgspec.structs.replace(receipt, expiry=1008).encode().hex(),
                "signature": signature.hex(),
                "code": "receipt_signature",
            },
            {
                "name": "signed for another purpose",
                "bytes": receipt.encode().hex(),
                "signature": NODE.sign(ANSWER, receipt.encode()).hex(),
                "code": "receipt_signature",
            },
            {"name": "truncated", "bytes": receipt.encode()[:-1].hex(), "code": "receipt_malformed"},
        ],
    }


def answers() -> dict[str, Any]:
    """A signed answer from its texts on, and some that are not true."""
    of = genesis()
    params = {"limit": 2, "account": key(11).public.hex(), "after": None}
    text = b'{"records":[],"next":null}'
    answer = Answer(
        network=of.network,
        node=NODE.public,
        method="listrecords",
        params_hash=sha256(canonical(params)).digest(),
        height=41,
        root=sha256(b"root").digest(),
        answer_hash=sha256(text).digest(),
    )
    signature = sign_answer(NODE, answer)
    raw = answer.encode()
    return {
        "answers": [
            {
                **shown(answer),
                "params": params,
                "params_canonical": canonical(params).decode(),
                "answer": text.decode(),
                "bytes": raw.hex(),
                "signature": signature.hex(),
            }
        ],
        "refused": [
            {
                "name": "the height changed",
                "bytes": msgspec.structs.replace(answer, height=42).encode().hex(),
                "signature": signature.hex(),
                "code": "answer_signature",
            },
            {
                "name": "another text",
                "bytes": raw.hex(),
                "signature": signature.hex(),
                "answer": text.decode() + " ",
                "code": "answer_other",
            },
            {"name": "method cut off", "bytes": raw[:-1].hex(), "code": "answer_malformed"},
            {"name": "method not ASCII", "bytes": (raw[:-1] + b"\xff").hex(), "code": "answer_malformed"},
            {"name": "too short", "bytes": raw[:100].hex(), "code": "answer_malformed"},
        ],
    }
