"""Vectors of operations."""

from __future__ import annotations

from hashlib import sha512
from typing import Any

import msgspec
from nacl.bindings import crypto_core_ed25519_add, crypto_scalarmult_ed25519_base_noclamp

from cloudnode.formats.appointment import sign_approval
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.genesis import Admission, Genesis
from cloudnode.formats.keys import OPERATION, RECEIPT, SigningKey
from cloudnode.formats.operation import (
    Appoint,
    Approval,
    Envelope,
    Operation,
    build_appoint,
    decode_operation,
    sign_operation,
)
from tests.vectors.make_genesis import genesis, key
from tests.vectors.spelling import spelled

AUTHOR = key(11)
OTHER = key(12)
_ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the group of Ed25519 (RFC 8032, section 5.1)."""
_ORDER_8 = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
"""A point of small order, encoded."""
_FACE = "\U0001f600"
RECORD = f"{OTHER.public.hex()}/film/the-third-man"


def written(
    kind: str, arguments: str, *, of: Genesis, author: SigningKey = AUTHOR, heights: str = '"from":7,"expiry":1007'
) -> str:
    """A body as a client might write it; ``arguments`` are members in JSON, with a comma first."""
    return (
        f'{{"network":"{of.network_hex}","account":"{author.public.hex()}","type":"{kind}",'
        f'"time":1790000000123,{heights}{arguments}}}'
    )


def _appoint(of: Genesis) -> str:
    """Members that appoint two validators at the end of epoch 3, approved by those with the indexes 0 and 2."""
    keys = [OTHER.public, AUTHOR.public]
    approvals = [sign_approval(key(index + 1), index, of.network, 3, keys) for index in (0, 2)]
    texts = (f'{{"validator":{each.validator},"signature":"{each.signature.hex()}"}}' for each in approvals)
    names = ",".join(f'"{each.hex()}"' for each in keys)
    return f',"epoch":3,"validators":[{names}],"approvals":[{",".join(texts)}]'


def _bad_appoints(of: Genesis) -> list[tuple[str, str, str]]:
    good = written("appoint", _appoint(of), of=of)
    keys = f'"{OTHER.public.hex()}","{AUTHOR.public.hex()}"'
    signature = sign_approval(key(1), 0, of.network, 3, [OTHER.public, AUTHOR.public]).signature.hex()
    many = ",".join(f'"{number:064x}"' for number in range(1001))
    return [
        ("no epoch", good.replace('"epoch":3,', ""), "member_missing"),
        ("epoch as text", good.replace('"epoch":3', '"epoch":"3"'), "member_type"),
        ("negative epoch", good.replace('"epoch":3', '"epoch":-1'), "member_type"),
        ("no validators", good.replace(keys, ""), "validators_invalid"),
        ("validators as text", good.replace(f"[{keys}]", keys.split(",")[0]), "validators_invalid"),
        ("validators as numbers", good.replace(keys, "1,2"), "validators_invalid"),
        ("a validator in capitals", good.replace(keys, keys.upper()), "validators_invalid"),
        ("a validator twice", good.replace(keys, f"{keys},{keys}"), "validators_invalid"),
        ("1001 validators", good.replace(keys, many), "validators_invalid"),
        ("no approvals", good[: good.index(',"approvals":[')] + ',"approvals":[]}', "approvals_invalid"),
        ("approvals null", good[: good.index(',"approvals":[')] + ',"approvals":null}', "approvals_invalid"),
        ("an approval twice", good.replace('"validator":2', '"validator":0'), "approvals_invalid"),
        ("approvals out of order", good.replace('"validator":0', '"validator":3'), "approvals_invalid"),
        ("an index of 1000", good.replace('"validator":2', '"validator":1000'), "approvals_invalid"),
        ("a negative index", good.replace('"validator":0', '"validator":-1'), "approvals_invalid"),
        ("an index as text", good.replace('"validator":0', '"validator":"0"'), "approvals_invalid"),
        ("an approval without signature", good.replace(f',"signature":"{signature}"', ""), "approvals_invalid"),
        ("an approval with more members", good.replace('"validator":0', '"x":1,"validator":0'), "approvals_invalid"),
        ("a short approval", good.replace(signature, signature[:-2]), "approvals_invalid"),
        ("an approval in capitals", good.replace(signature, signature.upper()), "approvals_invalid"),
        ("an approval that is no hex", good.replace(signature, "x" * 128), "approvals_invalid"),
        ("members of an appointment in a put", good.replace('"appoint"', '"put"'), "member_unknown"),
    ]


def _good(of: Genesis) -> list[tuple[str, str]]:
    put = ',"collection":"post","key":"first","data":'
    longest = f',"collection":"{"a.b-c_9z" * 8}","key":"{_FACE * 64}","data":""'
    spaced = written("put", put + '  { "b" : [ 1 ] }  ', of=of).replace(",", " ,\n\t").replace('":', '" : ')
    return [
        ("put", written("put", put + '{"title":"Hello","n":[1,2,3]}', of=of)),
        ("put null", written("put", put + "null", of=of)),
        ("put with ref", written("put", put + f'{{}},"ref":"{RECORD}"', of=of)),
        ("put of a new record only", written("put", put + '"x","if_version":0', of=of)),
        ("put of a version", written("put", put + '"x","if_version":9007199254740991', of=of)),
        ("put with the longest names", written("put", longest, of=of)),
        ("put with the largest data", written("put", put + '"' + "x" * 65534 + '"', of=of)),
        ("put with a key that is not normalized", written("put", put.replace("first", "e\u0301 \ufeff") + "1", of=of)),
        ("put with white space and another order", spaced),
        ("put with escaped member names", written("put", put + "1", of=of).replace('"key"', '"\\u006bey"')),
        ("delete", written("delete", ',"collection":"post","key":"first"', of=of)),
        ("delete of a version", written("delete", ',"collection":"post","key":"first","if_version":2', of=of)),
        ("rate", written("rate", f',"record":"{RECORD}","stars":5', of=of)),
        ("withdraw", written("withdraw", f',"record":"{RECORD}"', of=of)),
        ("invite", written("invite", f',"invited":"{OTHER.public.hex()}"', of=of)),
        ("appoint", written("appoint", _appoint(of), of=of)),
        (
            "valid at one height only",
            written("withdraw", f',"record":"{RECORD}"', of=of, heights='"from":0,"expiry":0'),
        ),
    ]


def _bad(of: Genesis) -> list[tuple[str, bytes, str]]:
    put = ',"collection":"post","key":"first","data":1'
    good = written("put", put, of=of)
    account = AUTHOR.public.hex()

    def rated(record: str) -> str:
        return written("rate", f',"record":"{record}","stars":5', of=of)

    texts = [
        ("not an object", "[]", "member_type"),
        ("no type", good.replace('"type":"put",', ""), "member_missing"),
        ("unknown type", good.replace('"put"', '"post"'), "type_unknown"),
        ("type of another type", good.replace('"put"', '["put"]'), "type_unknown"),
        ("unknown member", written("put", put + ',"extra":1', of=of), "member_unknown"),
        ("a member of another type of operation", written("delete", put, of=of), "member_unknown"),
        ("no data", good.replace(',"data":1', ""), "member_missing"),
        ("no account", good.replace(f'"account":"{account}",', ""), "member_missing"),
        ("collection as number", good.replace('"post"', "1"), "member_type"),
        ("ref null", written("put", put + ',"ref":null', of=of), "member_type"),
        ("if_version null", written("put", put + ',"if_version":null', of=of), "member_type"),
        ("negative if_version", written("put", put + ',"if_version":-1', of=of), "member_type"),
        ("negative time", good.replace("1790000000123", "-1"), "member_type"),
        ("time true", good.replace("1790000000123", "true"), "member_type"),
        ("another network", good.replace(of.network_hex, "00" * 32), "network_other"),
        ("network in capitals", good.replace(of.network_hex, of.network_hex.upper()), "network_other"),
        ("account in capitals", good.replace(account, account.upper()), "account_invalid"),
        ("short account", good.replace(account, account[:-2]), "account_invalid"),
        ("expiry before from", good.replace('"expiry":1007', '"expiry":6'), "window_invalid"),
        ("window too long", good.replace('"expiry":1007', '"expiry":1008'), "window_invalid"),
        (
            "negative from",
            good.replace('"from":7', '"from":-1').replace('"expiry":1007', '"expiry":9'),
            "window_invalid",
        ),
        ("collection in capitals", good.replace('"post"', '"Post"'), "collection_invalid"),
        ("empty collection", good.replace('"post"', '""'), "collection_invalid"),
        ("long collection", good.replace('"post"', f'"{"a" * 65}"'), "collection_invalid"),
        ("collection with a newline", good.replace('"post"', '"post\\n"'), "collection_invalid"),
        ("empty key", good.replace('"first"', '""'), "key_invalid"),
        ("key with a slash", good.replace('"first"', '"a/b"'), "key_invalid"),
        ("key with NUL", good.replace('"first"', '"\\u0000"'), "key_invalid"),
        ("key with DEL", good.replace('"first"', '"a\x7f"'), "key_invalid"),
        ("key with a C1 control", good.replace('"first"', '"\\u009f"'), "key_invalid"),
        ("key of 257 bytes", good.replace('"first"', f'"{"x" * 254}\u20ac"'), "key_invalid"),
        ("data of 65537 bytes", good.replace('"data":1', f'"data":"{"x" * 65535}"'), "data_too_large"),
        ("ref without key", written("put", put + f',"ref":"{account}/post"', of=of), "ref_invalid"),
        (
            "ref to an account in capitals",
            written("put", put + f',"ref":"{account.upper()}/a/b"', of=of),
            "ref_invalid",
        ),
        ("record of two parts", rated(f"{account}/film"), "record_invalid"),
        ("record with a bad collection", rated(f"{account}/Film/x"), "record_invalid"),
        ("record with an empty key", rated(f"{account}/film/"), "record_invalid"),
        ("no stars", rated(RECORD).replace('"stars":5', '"stars":0'), "stars_invalid"),
        ("six stars", rated(RECORD).replace('"stars":5', '"stars":6'), "stars_invalid"),
        ("stars as text", rated(RECORD).replace('"stars":5', '"stars":"5"'), "stars_invalid"),
        ("stars true", rated(RECORD).replace('"stars":5', '"stars":true'), "stars_invalid"),
        ("one star and a half", rated(RECORD).replace('"stars":5', '"stars":1.5'), "json_number"),
        ("invited in capitals", written("invite", f',"invited":"{account.upper()}"', of=of), "account_invalid"),
        ("duplicate member", written("put", put + ',"data":1', of=of), "json_duplicate_key"),
        ("lone surrogate in the key", good.replace('"first"', '"\\ud800"'), "json_lone_surrogate"),
        (
            "data 32 deep, thus 33 with the body",
            good.replace('"data":1', '"data":' + "[" * 32 + "]" * 32),
            "json_too_deep",
        ),
        ("truncated", good[:-1], "json_malformed"),
        ("larger than genesis allows", good + " " * 131072, "operation_too_large"),
    ]
    return [(name, text.encode(), code) for name, text, code in (*texts, *_bad_appoints(of))]


def _described(name: str, operation: Operation) -> dict[str, Any]:
    members = msgspec.structs.asdict(operation.action)
    return {
        "name": name,
        "body": spelled(operation.body),
        "signature": operation.signature.hex(),
        "id": operation.id.hex(),
        "account": operation.account.hex(),
        "time": operation.time,
        "from": operation.valid_from,
        "expiry": operation.expiry,
        "type": type(operation.action).__name__.lower(),
        "arguments": {
            member: spelled(value) if member == "data" else shown(value) for member, value in members.items()
        },
    }


def shown(value: Any) -> Any:
    """A value of an action with bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [shown(each) for each in value]
    if isinstance(value, Approval):
        return {"validator": value.validator, "signature": value.signature.hex()}
    return value


def _odd_signature(point: bytes, secret: int, body: bytes) -> bytes:
    """What the author gets who signs with a point R that has been tampered with; ``secret`` is R's scalar."""
    seed_hash = sha512(AUTHOR.seed).digest()
    scalar = int.from_bytes(seed_hash[:32], "little") & (2**254 - 8) | 2**254
    challenge = int.from_bytes(sha512(point + AUTHOR.public + OPERATION + body).digest(), "little")
    return point + ((secret + challenge * scalar) % _ORDER).to_bytes(32, "little")


def _mixed_signature(body: bytes) -> bytes:
    secret = int.from_bytes(sha512(b"r").digest(), "little") % _ORDER
    point = crypto_scalarmult_ed25519_base_noclamp(secret.to_bytes(32, "little"))
    return _odd_signature(crypto_core_ed25519_add(point, _ORDER_8), secret, body)


def _bad_signatures(of: Genesis) -> list[dict[str, str]]:
    body = written("withdraw", f',"record":"{RECORD}"', of=of).encode()
    good = sign_operation(AUTHOR, body)
    # S + L is the same scalar in another spelling (RFC 8032, section 5.1.7, step 1 refuses it).
    respelled = good[:32] + (int.from_bytes(good[32:], "little") + _ORDER).to_bytes(32, "little")
    signatures = [
        ("by another key", sign_operation(OTHER, body)),
        ("for another purpose", AUTHOR.sign(RECEIPT, body)),
        ("without a tag", AUTHOR.sign(b"", body)),
        ("over another body", sign_operation(AUTHOR, body + b" ")),
        ("one bit flipped", bytes([good[0] ^ 1]) + good[1:]),
        ("S not reduced", respelled),
        ("R of small order", _odd_signature(_ORDER_8, 0, body)),
        ("R with a part of small order: good only where the cofactor is cleared", _mixed_signature(body)),
        ("all zeros", bytes(64)),
        ("truncated", good[:-1]),
        ("one byte more", good + b"\0"),
    ]
    return [
        {"name": name, "body": body.decode(), "signature": signature.hex(), "code": "signature_invalid"}
        for name, signature in signatures
    ]


def _by_work() -> dict[str, Any]:
    """A network that wants 4 zero bits, and the first keys that do and don't have them."""
    of = genesis(1, Admission("work", bits=4))
    cases = []
    for wanted in (True, False):
        author = next(key(number) for number in range(1, 256) if of.admits_by_work(key(number).public) is wanted)
        body = written("delete", ',"collection":"a","key":"b"', of=of, author=author).encode()
        case = {"body": body.decode(), "signature": sign_operation(author, body).hex()}
        cases.append(case if wanted else case | {"code": "admission_work"})
    return {"genesis": of.text.decode(), "accepted": cases[:1], "refused": cases[1:]}


def _appointments() -> dict[str, Any]:
    """Appointments that end epoch 3 of a network of four validators, by a quorum or not."""
    of = genesis(4)
    epoch = Epoch(of.network, 3, of.validators)
    keys = (OTHER.public, AUTHOR.public)
    approvals = [sign_approval(key(index + 1), index, of.network, 3, keys) for index in range(4)]
    stranger = sign_approval(key(9), 4, of.network, 3, keys)
    good = Appoint(3, keys, tuple(approvals[:3]))
    later = [sign_approval(key(index + 1), index, of.network, 4, keys) for index in range(4)]
    other = [sign_approval(key(index + 1), index, bytes(32), 3, keys) for index in range(4)]
    swapped = (Approval(0, approvals[1].signature), Approval(1, approvals[0].signature), approvals[2])
    cases = [
        ("by a quorum", good, None),
        ("by all", Appoint(3, keys, tuple(approvals)), None),
        ("by others of them", Appoint(3, keys, tuple(approvals[1:])), None),
        ("by one too few", Appoint(3, keys, (approvals[0], approvals[3])), "appoint_quorum"),
        ("of another epoch", Appoint(4, keys, tuple(later)), "appoint_epoch"),
        ("approved for another epoch", Appoint(3, keys, tuple(later)), "appoint_signature"),
        ("approved for another network", Appoint(3, keys, tuple(other)), "appoint_signature"),
        ("approved in another order", Appoint(3, keys[::-1], good.approvals), "appoint_signature"),
        ("approvals swapped", Appoint(3, keys, swapped), "appoint_signature"),
        ("one false among four", Appoint(3, keys, (*good.approvals, Approval(3, bytes(64)))), "appoint_signature"),
        ("an unknown validator", Appoint(3, keys, (*good.approvals, stranger)), "appoint_validator"),
    ]
    envelope = Envelope(of.network, AUTHOR.public, 1_790_000_000_123, 7, 1007)
    told: list[dict[str, Any]] = []
    for name, appoint, code in cases:
        body = build_appoint(envelope, appoint)
        told.append({"name": name, "body": body.decode(), "signature": sign_operation(AUTHOR, body).hex()})
        if code is not None:
            told[-1]["code"] = code
    return {
        "genesis": of.text.decode(),
        "epoch": epoch.number,
        "validators": [each.hex() for each in epoch.validators],
        "accepted": [each for each in told if "code" not in each],
        "refused": [each for each in told if "code" in each],
    }


def operations() -> dict[str, Any]:
    """Operations that are accepted, with all that is read from them, and operations that are refused, with the code."""
    of = genesis()
    accepted = []
    for name, text in _good(of):
        body = text.encode()
        accepted.append(_described(name, decode_operation(body, sign_operation(AUTHOR, body), of)))
    return {
        "genesis": of.text.decode(),
        "seed": AUTHOR.seed.hex(),
        "accepted": accepted,
        "refused": [
            {"name": name, "body": spelled(body), "signature": sign_operation(AUTHOR, body).hex(), "code": code}
            for name, body, code in _bad(of)
        ],
        "wrong_signatures": _bad_signatures(of),
        "work": _by_work(),
        "appointments": _appointments(),
    }
