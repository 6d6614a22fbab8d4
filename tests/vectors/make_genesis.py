"""Vectors of geneses."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from cloudnode.formats.genesis import Admission, Genesis, Parameters, build_genesis
from cloudnode.formats.keys import SigningKey

TIME = 1_790_000_000_000


def key(number: int) -> SigningKey:
    """The keys of all vectors: the seed is the number in every byte."""
    return SigningKey(bytes([number]) * 32)


def genesis(validators: int = 1, admission: Admission | None = None) -> Genesis:
    """The genesis of all vectors, for so many validators with the keys 1 and up."""
    return build_genesis(
        name="vectors",
        time=TIME,
        validators=[key(number).public for number in range(1, validators + 1)],
        parameters=Parameters(admission=admission or Admission()),
    )


def _described(name: str, value: Genesis) -> dict[str, Any]:
    return {
        "name": name,
        "text": value.text.decode(),
        "network": value.network.hex(),
        "validators": [validator.hex() for validator in value.validators],
    }


def _set(name: str, to: Any) -> Callable[[dict[str, Any]], None]:
    """A change of one member, named by its path."""
    *way, last = name.split(".")

    def change(value: dict[str, Any]) -> None:
        for step in way:
            value = value[step]
        if to is None:
            del value[last]
        else:
            value[last] = to

    return change


_account = key(1).public.hex()

_BAD: list[tuple[str, Callable[[dict[str, Any]], None], str]] = [
    ("format 2", _set("format", 2), "genesis_format"),
    ("format true", _set("format", True), "genesis_format"),
    ("no format", _set("format", None), "genesis_member"),
    ("unknown member", _set("extra", 1), "genesis_member"),
    ("no parameters", _set("parameters", None), "genesis_member"),
    ("parameters of another type", _set("parameters", []), "genesis_member"),
    ("unknown parameter", _set("parameters.extra", 1), "genesis_member"),
    ("missing parameter", _set("parameters.window", None), "genesis_member"),
    ("empty name", _set("name", ""), "genesis_name"),
    ("long name", _set("name", "x" * 65), "genesis_name"),
    ("control character in the name", _set("name", "a\x85b"), "genesis_name"),
    ("negative time", _set("time", -1), "genesis_time"),
    ("time as text", _set("time", "0"), "genesis_time"),
    ("no validators", _set("validators", []), "genesis_validators"),
    ("a validator twice", _set("validators", [_account, _account]), "genesis_validators"),
    ("a validator in capitals", _set("validators", [_account.upper()]), "genesis_validators"),
    ("a number as validator", _set("validators", [1]), "genesis_validators"),
    ("pace 0", _set("parameters.pace_ms", 0), "genesis_parameter"),
    ("pace true", _set("parameters.pace_ms", True), "genesis_parameter"),
    ("heartbeat below pace", _set("parameters.heartbeat_ms", 100), "genesis_parameter"),
    ("small window", _set("parameters.window", 9), "genesis_parameter"),
    ("small blocks", _set("parameters.max_block_bytes", 100_000), "genesis_parameter"),
    ("unknown policy", _set("parameters.admission.policy", "closed"), "genesis_admission"),
    ("admission of another type", _set("parameters.admission", "open"), "genesis_admission"),
    ("member of another policy", _set("parameters.admission.bits", 1), "genesis_member"),
    ("nobody invited", _set("parameters.admission", {"policy": "invited", "accounts": []}), "genesis_admission"),
    ("0 bits", _set("parameters.admission", {"policy": "work", "bits": 0}), "genesis_admission"),
]


def geneses() -> dict[str, Any]:
    """Geneses that are accepted, with the network's id, and some that are refused, with the code."""
    refused = []
    for name, change, code in _BAD:
        value = copy.deepcopy(json.loads(genesis().text))
        change(value)
        refused.append({"name": name, "text": json.dumps(value), "code": code})
    refused.append({"name": "not an object", "text": "[]", "code": "genesis_member"})
    refused.append({"name": "not JSON", "text": "{", "code": "json_malformed"})
    refused.append({"name": "duplicate key", "text": '{"format":1,"format":1}', "code": "json_duplicate_key"})
    invited = Admission("invited", accounts=(key(11).public, key(12).public))
    return {
        "accepted": [
            _described("one validator, open", genesis()),
            _described("four validators, open", genesis(4)),
            _described("by invitation", genesis(1, invited)),
            _described("by proof of work", genesis(1, Admission("work", bits=2))),
        ],
        "refused": refused,
    }
