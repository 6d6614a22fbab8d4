"""What the proof of an answer has to show, for each method that has one. Pure.

An answer that a proof does not reach in all its parts is *partly* proven: of a page of ratings the sum and the number,
of an account who it is, of a page of records each of them, but not that no other belongs there. The rest is the node's
word.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

import msgspec
from msgspec import Struct

from cloudnode.client.places import LogPlace
from cloudnode.client.records import Record
from cloudnode.formats.addresses import format_address
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.evidence import data_hash_text
from cloudnode.formats.verify import ProvenState
from cloudnode.ledger.ranking import rank

Proven = Literal["proof", "partly"]

POSITIONS: dict[str, tuple[str, ...]] = {
    "getdatahash": (),
    "getrecord": ("account", "collection", "key"),
    "getratings": ("record", "account", "after", "limit"),
    "getaccount": ("account",),
    "listrecords": ("account", "collection", "ref", "order", "after", "limit"),
    "search": ("text", "collection", "after", "limit"),
}
"""The methods that prove their answers, each with its parameters in the order in which they are given by position."""


class _Record(Record, frozen=True, forbid_unknown_fields=True):
    """One that is proven in full: what it had besides, no proof would cover."""


class _Rating(Struct, frozen=True, forbid_unknown_fields=True):
    record: str
    account: str
    stars: int
    given: LogPlace


class _Ratings(Struct, frozen=True):
    ratings: list[_Rating]
    sum: int
    count: int


class _OneRating(Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to what one account's rating of a record is, which is proven in full as well."""

    ratings: list[_Rating]
    sum: int
    count: int
    next: None = None


class _Page(Struct, frozen=True):
    records: list[_Record]


class _Account(Struct, frozen=True):
    account: str
    first: LogPlace
    inviter: str | None


def is_provable(method: str, params: dict[str, Any]) -> bool:
    """Whether a node proves its answer to a call."""
    return method in POSITIONS and (method != "getratings" or params.get("record") is not None)


def by_name(method: str, params: Any) -> dict[str, Any]:
    """A call's parameters by name, however they are given; those by position of the methods that are proven."""
    if isinstance(params, Struct):
        params = msgspec.to_builtins(params)
    if isinstance(params, dict):
        return {name: value for name, value in params.items() if value is not None}
    return dict(zip(POSITIONS.get(method, ()), params or (), strict=False))


def check_result(state: ProvenState, method: str, params: dict[str, Any], raw: bytes) -> Proven:
    """Compare a result with a proven state.

    :param params: By name. :param raw: The result's exact text.
    :raises LedgerError: It is not so, or the proof does not show it: ``proof_row_wrong``, ``proof_sums_wrong``, or the
        codes of :class:`ProvenState`.
    """
    try:
        return _CHECKS[method](state, params, raw)
    except LedgerError:
        raise
    except Exception as error:  # whatever a node tells, it is not the caller's trouble
        raise LedgerError("proof_row_wrong", f"The answer is not of the documented form: {error}.") from None


def check_absence(state: ProvenState, method: str, params: dict[str, Any], name: str) -> Proven:
    """Check that what a node says not to exist does not.

    :param name: The error's.
    :raises LedgerError: As :func:`check_result`.
    """
    found: Any
    if name == "account_unknown" and method == "getaccount":
        found = state.account(bytes.fromhex(params["account"]))
    elif name == "record_unknown" and method == "getrecord":
        found = state.record(format_address(bytes.fromhex(params["account"]), params["collection"], params["key"]))
    elif name == "record_unknown" and method == "getratings":
        found = state.ratings(params["record"])[1]  # all that the proof of a page of ratings shows
    else:
        raise LedgerError("proof_row_wrong", f"{name} is no answer to {method}.")
    if found:
        raise LedgerError("proof_row_wrong", "The node denies what the state root shows.")
    return "partly" if method == "getratings" else "proof"


def _check_totals(state: ProvenState, params: dict[str, Any], raw: bytes) -> Proven:
    if raw != data_hash_text(state.totals()):
        raise LedgerError("proof_sums_wrong")
    return "proof"


def _check_record(state: ProvenState, params: dict[str, Any], raw: bytes) -> Proven:
    told = msgspec.json.decode(raw, type=_Record)
    if (told.account, told.collection, told.key) != (params["account"], params["collection"], params["key"]):
        raise LedgerError("proof_row_wrong", "The answer is another record than the one asked for.")
    _compare_record(state, told)
    return "proof"


def _compare_record(state: ProvenState, told: _Record) -> None:
    data = bytes(told.data)
    if told.deleted and data != b"null":
        raise LedgerError("proof_row_wrong", "A deleted record has no data.")
    state.check_record(
        account=bytes.fromhex(told.account),
        collection=told.collection,
        key=told.key,
        version=told.version,
        created=(told.created.height, told.created.index),
        updated=(told.updated.height, told.updated.index),
        time=told.time,
        live=not told.deleted,
        ref=told.ref,
        data=b"" if told.deleted else data,
    )
    state.check_ratings(told.address, told.ratings_sum, told.ratings_count)


def _check_list(state: ProvenState, params: dict[str, Any], raw: bytes) -> Proven:
    page = msgspec.json.decode(raw, type=_Page).records
    is_best = params.get("order") == "best"
    places = [
        (rank(each.ratings_sum, each.ratings_count), each.created.height, each.created.index)
        if is_best
        else (each.updated.height, each.updated.index)
        for each in page
    ]
    _check_page(state, params, page, places, tuple(params.get("after") or ()))
    return "partly"


def _check_found(state: ProvenState, params: dict[str, Any], raw: bytes) -> Proven:
    page = msgspec.json.decode(raw, type=_Page).records
    after = msgspec.convert(params.get("after"), LogPlace | None)
    start = () if after is None else (after.height, after.index)
    _check_page(state, params, page, [(each.updated.height, each.updated.index) for each in page], start)
    return "partly"


def _check_page(
    state: ProvenState, params: dict[str, Any], page: list[_Record], places: list[Any], after: tuple[int, ...]
) -> None:
    """Each record stands so, may be on such a page, and is on it once, in its place."""
    for told in page:
        wanted = (params.get("account"), params.get("collection"), params.get("ref"))
        if told.deleted or any(
            one not in (None, other)
            for one, other in zip(wanted, (told.account, told.collection, told.ref), strict=True)
        ):
            raise LedgerError("proof_row_wrong", "The page has a record that does not belong there.")
        _compare_record(state, told)
    if any(one <= other for one, other in pairwise([after, *places] if after else places)):
        raise LedgerError("proof_row_wrong", "The page's records are not in their order.")


def _check_ratings(state: ProvenState, params: dict[str, Any], raw: bytes) -> Proven:
    record, account = params["record"], params.get("account")
    if account is None:
        page = msgspec.json.decode(raw, type=_Ratings)
        state.check_ratings(record, page.sum, page.count)
        return "partly"
    found = state.rating(record, bytes.fromhex(account))
    expected = _OneRating([], 0, 0)
    if found is not None:
        rating = _Rating(record, account, found.stars, LogPlace(found.height, found.index))
        expected = _OneRating([rating], found.stars, 1)
    if msgspec.json.decode(raw, type=_OneRating) != expected:
        raise LedgerError("proof_row_wrong")
    return "proof"


def _check_account(state: ProvenState, params: dict[str, Any], raw: bytes) -> Proven:
    told = msgspec.json.decode(raw, type=_Account)
    row = state.account(bytes.fromhex(params["account"]))
    inviter = bytes.fromhex(told.inviter) if told.inviter else bytes(32)
    if row is None or (told.account, inviter, told.first) != (
        params["account"], row.inviter, LogPlace(row.height, row.index),
    ):  # fmt: skip
        raise LedgerError("proof_row_wrong")
    return "partly"


_CHECKS: dict[str, Callable[[ProvenState, dict[str, Any], bytes], Proven]] = {
    "getdatahash": _check_totals,
    "getrecord": _check_record,
    "getratings": _check_ratings,
    "getaccount": _check_account,
    "listrecords": _check_list,
    "search": _check_found,
}
