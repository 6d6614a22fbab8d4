"""The genesis: what a network is, in one JSON text whose hash is the network's id.

Everything that decides validity for ever is set here: the first validators, the pace, the bounds of operations and
blocks, and who may take part. All members are required, so that a default that changes between versions can't change
a network. The exact bytes are kept and hashed, never a re-encoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Literal

import msgspec

from cloudnode.formats.addresses import account_hash, decode_account
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.strictjson import INTEGER_MAX, decode_strict

FORMAT = 1
GENESIS_TAG = b"cloudnode genesis 1\n"
VALIDATORS_MAX = 1000
NAME_BYTES_MAX = 64

BOUNDS: dict[str, tuple[int, int]] = {
    "pace_ms": (1, 60_000),
    "heartbeat_ms": (1, 3_600_000),
    "window": (10, 100_000),
    "max_operation_bytes": (4_096, 1_048_576),
    "max_block_operations": (1, 65_536),
    "max_block_bytes": (4_096, 67_108_864),
}
"""Lowest and highest value of each parameter. Besides, ``heartbeat_ms >= pace_ms`` and
``max_block_bytes >= max_operation_bytes``."""


class Admission(msgspec.Struct, frozen=True):
    """Who may take part.

    :ivar policy: ``open`` (any key), ``invited`` (the accounts listed and whom members invite), ``work`` (keys whose
        SHA-256 begins with ``bits`` zero bits).
    """

    policy: Literal["open", "invited", "work"] = "open"
    accounts: tuple[bytes, ...] = ()
    bits: int = 0


class Parameters(msgspec.Struct, frozen=True):
    """The rules' numbers.

    :ivar pace_ms: Least time between blocks. :ivar heartbeat_ms: An idle network makes an empty block this often.
    :ivar window: How many heights an operation may be valid for, and for how many its id is remembered.
    :ivar max_operation_bytes: Of one body. :ivar max_block_operations: In one block.
    :ivar max_block_bytes: All bodies of a block together.
    """

    pace_ms: int = 200
    heartbeat_ms: int = 10_000
    window: int = 1_000
    max_operation_bytes: int = 131_072
    max_block_operations: int = 2_000
    max_block_bytes: int = 4_194_304
    admission: Admission = Admission()


class Genesis(msgspec.Struct, frozen=True):
    """A network's beginning.

    :ivar text: The exact bytes. :ivar network: The network's id, 32 bytes; ``network_hex`` the same in text.
    :ivar name: For people. :ivar time: Milliseconds since 1970, the time of height 0.
    :ivar validators: 32-byte keys in the order of their indexes.
    """

    text: bytes
    network: bytes
    network_hex: str
    name: str
    time: int
    validators: tuple[bytes, ...]
    parameters: Parameters

    def admits_by_work(self, account: bytes) -> bool:
        """Whether the account has the leading zero bits that the ``work`` policy asks; True under other policies."""
        bits = self.parameters.admission.bits
        return not bits or int.from_bytes(account_hash(account), "big") >> (256 - bits) == 0

    def admits_at_start(self, account: bytes) -> bool:
        """Whether the account may take part from height 0 on; False only for one that must be invited first."""
        admission = self.parameters.admission
        return admission.policy != "invited" or account in admission.accounts


def network_id(text: bytes) -> bytes:
    """The id of the network that a genesis text begins."""
    return sha256(GENESIS_TAG + text).digest()


def decode_genesis(text: bytes) -> Genesis:
    """Read and check a genesis.

    :raises LedgerError: A ``json_`` or ``genesis_`` code.
    """
    value = decode_strict(text)
    if isinstance(value, dict) and value.get("format", FORMAT) != FORMAT:
        raise LedgerError("genesis_format")
    members = _members(value, "the genesis", {"format", "name", "time", "validators", "parameters"})
    if type(members["format"]) is not int:
        raise LedgerError("genesis_format")
    return Genesis(
        text=text,
        network=network_id(text),
        network_hex=network_id(text).hex(),
        name=_name(members["name"]),
        time=_time(members["time"]),
        validators=_accounts(members["validators"], "genesis_validators", 1, VALIDATORS_MAX),
        parameters=_parameters(members["parameters"]),
    )


def build_genesis(
    *, name: str, time: int, validators: Sequence[bytes], parameters: Parameters | None = None
) -> Genesis:
    """Write a genesis and read it back.

    :param time: Milliseconds since 1970.
    :raises LedgerError: As :func:`decode_genesis`.
    """
    used = Parameters() if parameters is None else parameters
    numbers: dict[str, Any] = {member: getattr(used, member) for member in BOUNDS}
    value = {
        "format": FORMAT,
        "name": name,
        "time": time,
        "validators": [validator.hex() for validator in validators],
        "parameters": numbers | {"admission": _admission_value(used.admission)},
    }
    return decode_genesis(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def _admission_value(admission: Admission) -> dict[str, Any]:
    value: dict[str, Any] = {"policy": admission.policy}
    if admission.policy == "invited":
        value["accounts"] = [account.hex() for account in admission.accounts]
    elif admission.policy == "work":
        value["bits"] = admission.bits
    return value


def _members(value: Any, what: str, names: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LedgerError("genesis_member", f"In the genesis, {what} is not an object.")
    for name in sorted(names ^ value.keys()):
        state = "missing" if name in names else "unknown"
        raise LedgerError("genesis_member", f"In the genesis, member {name!r} of {what} is {state}.")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value.encode()) <= NAME_BYTES_MAX:
        raise LedgerError("genesis_name")
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in value):
        raise LedgerError("genesis_name")
    return value


def _time(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= INTEGER_MAX:
        raise LedgerError("genesis_time")
    return value


def _accounts(value: Any, code: str, least: int, most: int | None) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise LedgerError(code)
    try:
        accounts = tuple(decode_account(item) for item in value)
    except LedgerError as error:
        raise LedgerError(code, error.message) from None
    if len(set(accounts)) != len(accounts) or len(accounts) < least or (most and len(accounts) > most):
        raise LedgerError(code)
    return accounts


def _parameters(value: Any) -> Parameters:
    members = _members(value, "parameters", BOUNDS.keys() | {"admission"})
    for name, (lowest, highest) in BOUNDS.items():
        if type(members[name]) is not int or not lowest <= members[name] <= highest:
            raise LedgerError("genesis_parameter", f"{name} is not an integer from {lowest} to {highest}.")
    if members["heartbeat_ms"] < members["pace_ms"]:
        raise LedgerError("genesis_parameter", "heartbeat_ms is less than pace_ms.")
    if members["max_block_bytes"] < members["max_operation_bytes"]:
        raise LedgerError("genesis_parameter", "max_block_bytes is less than max_operation_bytes.")
    return Parameters(**(members | {"admission": _admission(members["admission"])}))


def _admission(value: Any) -> Admission:
    policy = value.get("policy") if isinstance(value, dict) else None
    if policy == "open":
        _members(value, "admission", {"policy"})
        return Admission()
    if policy == "invited":
        _members(value, "admission", {"policy", "accounts"})
        return Admission("invited", accounts=_accounts(value["accounts"], "genesis_admission", 1, None))
    if policy == "work":
        _members(value, "admission", {"policy", "bits"})
        if type(value["bits"]) is not int or not 1 <= value["bits"] <= 64:
            raise LedgerError("genesis_admission", "bits is not an integer from 1 to 64.")
        return Admission("work", bits=value["bits"])
    raise LedgerError("genesis_admission")
