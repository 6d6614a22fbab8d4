"""Operations: what accounts sign and the log orders.

An operation's body is the JSON text exactly as its author wrote it; its id is the SHA-256 of those bytes and its
signature covers them behind a purpose tag. It is never re-encoded. :func:`decode_operation` makes all checks that need
neither state nor height nor a signature verification; :func:`signatures_valid` verifies many signatures and is meant
for a thread (libsodium runs without the GIL); :func:`check_window` judges by the height of the including block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from cloudnode.formats.addresses import check_address, check_collection, check_key, decode_account
from cloudnode.formats.errors import LedgerError, LocalError
from cloudnode.formats.genesis import VALIDATORS_MAX, Genesis
from cloudnode.formats.keys import OPERATION, SIGNATURE_SIZE, SigningKey
from cloudnode.formats.strictjson import decode_strict

DATA_BYTES_MAX = 65_536
STARS = range(1, 6)


class Put(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Write a record. ``data`` is its raw JSON; ``if_version`` 0 means that it must not exist."""

    collection: str
    key: str
    data: bytes
    ref: str | None = None
    if_version: int | None = None


class Delete(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Turn a record into a tombstone."""

    collection: str
    key: str
    if_version: int | None = None


class Rate(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Rate the record at an address with 1 to 5 stars, replacing this account's rating of it."""

    record: str
    stars: int


class Withdraw(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Take back this account's rating of the record at an address."""

    record: str


class Invite(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Make another account (32 bytes) a member, where genesis admits invited accounts."""

    invited: bytes


class Approval(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one present validator, by its index, signs of the next ones (:mod:`cloudnode.formats.appointment`)."""

    validator: int
    signature: bytes


class Appoint(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Make other keys the validators, from the next block on.

    :ivar epoch: The present one, which this ends. :ivar validators: The new ones' keys in the order of their indexes.
    :ivar approvals: By present validators, in ascending order of the index; perhaps unverified.
    """

    epoch: int
    validators: tuple[bytes, ...]
    approvals: tuple[Approval, ...]


Action = Put | Delete | Rate | Withdraw | Invite | Appoint


class Operation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An operation of good form. Between processes of one node it travels as it is, in MessagePack.

    :ivar id: SHA-256 of ``body``. :ivar body: The exact signed text. :ivar signature: 64 bytes, perhaps unverified.
    :ivar account: Who signs, 32 bytes. :ivar network: The genesis hash, 32 bytes.
    :ivar time: Creation time in ms as the author wrote it: data, not a fact.
    :ivar valid_from: The first height of a block that may hold it. :ivar expiry: The last one.
    """

    id: bytes
    body: bytes
    signature: bytes
    account: bytes
    network: bytes
    time: int
    valid_from: int
    expiry: int
    action: Action


class _Common(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", gc=False):
    network: str
    account: str
    time: int
    valid_from: int = msgspec.field(name="from")
    expiry: int


class _Put(_Common, frozen=True, tag="put", kw_only=True):
    collection: str
    key: str
    data: msgspec.Raw
    ref: str | msgspec.UnsetType = msgspec.UNSET
    if_version: int | msgspec.UnsetType = msgspec.UNSET


class _Delete(_Common, frozen=True, tag="delete", kw_only=True):
    collection: str
    key: str
    if_version: int | msgspec.UnsetType = msgspec.UNSET


class _Rate(_Common, frozen=True, tag="rate"):
    record: str
    stars: int


class _Withdraw(_Common, frozen=True, tag="withdraw"):
    record: str


class _Invite(_Common, frozen=True, tag="invite"):
    invited: str


class _Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    validator: int
    signature: str


class _Appoint(_Common, frozen=True, tag="appoint"):
    epoch: int
    validators: list[str]
    approvals: list[_Approval]


_Written = _Put | _Delete | _Rate | _Withdraw | _Invite | _Appoint
_read = msgspec.json.Decoder(_Written).decode

# Most operations are ratings as :func:`build_rate` writes them. A text of this grammar is strict JSON: ASCII without an
# escape or a control character, no member twice, no number below zero or above 10^15.
is_plain_rating = re.compile(
    rb'\{"network":"[0-9a-f]{64}","account":"[0-9a-f]{64}","type":"rate","time":N,"from":N,"expiry":N,'
    rb'"record":"[ !#-\[\]-~]+","stars":[1-5]\}'.replace(b"N", b"(?:0|[1-9][0-9]{0,14})")
).fullmatch


def _put(written: _Put) -> Put:
    check_collection(written.collection)
    check_key(written.key)
    data = bytes(written.data)
    if len(data) > DATA_BYTES_MAX:
        raise LedgerError("data_too_large")
    ref = None
    if written.ref is not msgspec.UNSET:
        ref = written.ref
        check_address(ref, "ref_invalid")
    return Put(written.collection, written.key, data, ref, _version(written.if_version))


def _delete(written: _Delete) -> Delete:
    check_collection(written.collection)
    check_key(written.key)
    return Delete(written.collection, written.key, _version(written.if_version))


def _rate(written: _Rate) -> Rate:
    check_address(written.record)
    if written.stars not in STARS:
        raise LedgerError("stars_invalid")
    return Rate(written.record, written.stars)


def _withdraw(written: _Withdraw) -> Withdraw:
    check_address(written.record)
    return Withdraw(written.record)


def _invite(written: _Invite) -> Invite:
    return Invite(decode_account(written.invited))


def _appoint(written: _Appoint) -> Appoint:
    if written.epoch < 0:
        raise LedgerError("member_type", "Member 'epoch' is not an integer from 0 up.")
    try:
        validators = tuple(decode_account(text) for text in written.validators)
    except LedgerError as error:
        raise LedgerError("validators_invalid", error.message) from None
    if not 1 <= len(validators) <= VALIDATORS_MAX or len(set(validators)) != len(validators):
        raise LedgerError("validators_invalid")
    approvals = tuple(_approval(approval) for approval in written.approvals)
    if not 1 <= len(approvals) <= VALIDATORS_MAX:
        raise LedgerError("approvals_invalid")
    if any(left.validator >= right.validator for left, right in pairwise(approvals)):
        raise LedgerError("approvals_invalid", "The approvals are not in ascending order of validator, each once.")
    return Appoint(written.epoch, validators, approvals)


def _approval(written: _Approval) -> Approval:
    if written.validator not in range(VALIDATORS_MAX):
        raise LedgerError("approvals_invalid", "An approval's validator is not an index from 0 to 999.")
    try:
        signature = bytes.fromhex(written.signature)
    except ValueError:
        signature = b""
    if len(signature) != SIGNATURE_SIZE or signature.hex() != written.signature:
        raise LedgerError("approvals_invalid", "An approval's signature is not 128 lower-case hex digits.")
    return Approval(written.validator, signature)


_actions: dict[type[_Common], Callable[[Any], Action]] = {
    _Put: _put,
    _Delete: _delete,
    _Rate: _rate,
    _Withdraw: _withdraw,
    _Invite: _invite,
    _Appoint: _appoint,
}


def _version(written: int | msgspec.UnsetType) -> int | None:
    if written is msgspec.UNSET:
        return None
    if written < 0:
        raise LedgerError("member_type", "Member 'if_version' is not an integer from 0 up.")
    return written


def decode_operation(body: bytes, signature: bytes, genesis: Genesis) -> Operation:
    """Read an operation and check its form: everything but the signature's truth, the height and the state.

    :param signature: 64 bytes; only its length is checked here (see :func:`verify_signature`).
    :raises LedgerError: A form code.
    """
    if len(body) > genesis.parameters.max_operation_bytes:
        raise LedgerError("operation_too_large")
    if len(signature) != SIGNATURE_SIZE:
        raise LedgerError("signature_invalid", "A signature has 64 bytes, 128 hex digits.")
    written = _decode(body)
    if written.network != genesis.network_hex:
        raise LedgerError("network_other")
    account = decode_account(written.account)
    if written.time < 0:
        raise LedgerError("member_type", "Member 'time' is not a count of milliseconds from 0 up.")
    if not 0 <= written.valid_from <= written.expiry <= written.valid_from + genesis.parameters.window:
        raise LedgerError("window_invalid")
    action = _actions[type(written)](written)
    if not isinstance(action, Appoint) and not genesis.admits_by_work(account):
        raise LedgerError("admission_work")
    return Operation(
        sha256(body).digest(),
        body,
        signature,
        account,
        genesis.network,
        written.time,
        written.valid_from,
        written.expiry,
        action,
    )


def _decode(body: bytes) -> _Written:
    value = None if is_plain_rating(body) else decode_strict(body)
    try:
        written: _Written = _read(body)
    except msgspec.DecodeError as error:
        raise _fault(value, str(error)) from None
    return written


def _fault(value: Any, message: str) -> LedgerError:
    """Name what is wrong with the members of a value that is strict JSON but not an operation."""
    if not isinstance(value, dict):
        return LedgerError("member_type", "An operation is an object.")
    if "type" not in value:
        return LedgerError("member_missing", "Member 'type' is missing.")
    kind = next((kind for kind in _actions if kind.__struct_config__.tag == value["type"]), None)
    if kind is None:
        return LedgerError("type_unknown")
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in value:
        if name not in known and name != "type":
            return LedgerError("member_unknown", f"Member {name[:64]!r} is unknown to this type of operation.")
    for name, field in known.items():
        if name not in value and field.required:
            return LedgerError("member_missing", f"Member {name!r} is missing.")
    for member in ("validators", "approvals"):
        if kind is _Appoint and f"`$.{member}" in message:
            return LedgerError(f"{member}_invalid", message)
    if "stars" in value and type(value["stars"]) is not int:
        return LedgerError("stars_invalid")
    return LedgerError("member_type", message)


def verify_signature(operation: Operation) -> bool:
    """Whether the account signed this body."""
    return signatures_valid((operation,))[0]


def signatures_valid(operations: Iterable[Operation]) -> list[bool]:
    """For each operation whether its account signed its body. Made for a thread: the GIL is free most of the time."""
    verify = crypto_sign_open
    join = b"".join
    valid = []
    for operation in operations:
        try:
            verify(join((operation.signature, OPERATION, operation.body)), operation.account)
        except BadSignatureError:
            valid.append(False)
        else:
            valid.append(True)
    return valid


def check_window(operation: Operation, height: int) -> None:
    """Check that a block of this height may hold the operation.

    :raises LedgerError: ``operation_future`` or ``operation_expired``.
    """
    if height < operation.valid_from:
        raise LedgerError("operation_future")
    if height > operation.expiry:
        raise LedgerError("operation_expired")


class Envelope(msgspec.Struct, frozen=True):
    """What all operations say besides what they do.

    :ivar network: The genesis hash, 32 bytes. :ivar account: Who will sign, 32 bytes.
    :ivar time: Milliseconds since 1970, for people. :ivar valid_from: First height. :ivar expiry: Last height, at most
        the genesis window after the first.
    """

    network: bytes
    account: bytes
    time: int
    valid_from: int
    expiry: int


_NO_DATA: Any = object()


def _body(kind: str, envelope: Envelope, members: dict[str, Any], data: Any = _NO_DATA) -> bytes:
    """Write a compact body and check it as any node would."""
    value = {
        "network": envelope.network.hex(),
        "account": envelope.account.hex(),
        "type": kind,
        "time": envelope.time,
        "from": envelope.valid_from,
        "expiry": envelope.expiry,
    }
    value.update((name, given) for name, given in members.items() if given is not None)
    if data is not _NO_DATA:  # null is a value like any other
        value["data"] = data
    try:
        body = msgspec.json.encode(value)
        written = _decode(body)
        _actions[type(written)](written)
    except (LedgerError, TypeError, ValueError, OverflowError) as error:
        raise LocalError(f"not an operation: {error}") from error
    return body


def build_put(
    envelope: Envelope,
    collection: str,
    key: str,
    data: Any,
    *,
    ref: str | None = None,
    if_version: int | None = None,
) -> bytes:
    """The body of a ``put``.

    :param data: What msgspec writes as JSON (None, bool, int, str, list, dict), or bytes with JSON text, kept as is.
    :param ref: The address of another record. :param if_version: The version it must have, 0 for none yet.
    :raises LocalError: The operation would be refused wherever it is sent.
    """
    value = msgspec.Raw(data) if isinstance(data, bytes) else data
    members = {"collection": collection, "key": key, "ref": ref, "if_version": if_version}
    return _body("put", envelope, members, value)


def build_delete(envelope: Envelope, collection: str, key: str, *, if_version: int | None = None) -> bytes:
    """The body of a ``delete``; raises as :func:`build_put`."""
    return _body("delete", envelope, {"collection": collection, "key": key, "if_version": if_version})


def build_rate(envelope: Envelope, record: str, stars: int) -> bytes:
    """The body of a ``rate`` of the record at an address; raises as :func:`build_put`."""
    return _body("rate", envelope, {"record": record, "stars": stars})


def build_withdraw(envelope: Envelope, record: str) -> bytes:
    """The body of a ``withdraw``; raises as :func:`build_put`."""
    return _body("withdraw", envelope, {"record": record})


def build_invite(envelope: Envelope, invited: bytes) -> bytes:
    """The body of an ``invite`` of an account (32 bytes); raises as :func:`build_put`."""
    return _body("invite", envelope, {"invited": invited.hex()})


def build_appoint(envelope: Envelope, appoint: Appoint) -> bytes:
    """The body of an ``appoint``; raises as :func:`build_put`."""
    approvals = [{"validator": each.validator, "signature": each.signature.hex()} for each in appoint.approvals]
    validators = [key.hex() for key in appoint.validators]
    return _body("appoint", envelope, {"epoch": appoint.epoch, "validators": validators, "approvals": approvals})


def sign_operation(key: SigningKey, body: bytes) -> bytes:
    """The 64-byte signature of a body."""
    return key.sign(OPERATION, body)
