"""Methods about records, ratings and accounts, and the one that writes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from twisted.internet.defer import Deferred, TimeoutError

from cloudnode.api.calls import Call
from cloudnode.api.errors import ApiError, from_submission
from cloudnode.api.limits import PAGE_DEFAULT
from cloudnode.api.records import (
    AccountAnswer,
    RatingAnswer,
    RecordAnswer,
    RecordPage,
    account_answer,
    cut_page,
    rating_answer,
    record_answer,
)
from cloudnode.api.table import Method
from cloudnode.api.types import (
    AccountId,
    Address,
    Collection,
    Height,
    Hex32,
    Hex64,
    Key,
    LogCursor,
    NodeId,
    PageLimit,
)
from cloudnode.formats.addresses import check_key, parse_address
from cloudnode.formats.errors import CODES, LedgerError, result_code
from cloudnode.formats.receipt import Receipt, sign_receipt
from cloudnode.ledger.reading import Cursor, Outcome, Proof, Reading

# Reading one record


class GetRecord(Struct, frozen=True, forbid_unknown_fields=True):
    account: AccountId
    collection: Collection
    key: Key


def _getrecord(reading: Reading, params: GetRecord) -> RecordAnswer:
    record = reading.get_record(bytes.fromhex(params.account), params.collection, params.key)
    if record is None:
        check_key(params.key)  # its length in bytes: the one thing that the declared type can't say
        raise ApiError("record_unknown")
    return record_answer(record)


def _prove_record(reading: Reading, params: GetRecord, answer: RecordAnswer | None) -> Proof:
    """The answer has the record's row and the sums of its ratings, so both are proved."""
    return reading.prove_records([f"{params.account}/{params.collection}/{params.key}"])


# Lists


class ListRecords(Struct, frozen=True, forbid_unknown_fields=True):
    """:ivar account: Records of this account. :ivar collection: Of this collection. :ivar ref: That refer to the record
    at this address. :ivar after: The page before's ``next``."""

    account: AccountId | None = None
    collection: Collection | None = None
    ref: Address | None = None
    order: Annotated[Literal["newest", "best"], Meta(description="By last change, or by rating.")] = "newest"
    after: (
        Annotated[list[Annotated[int, Meta(ge=0, le=2**40)]], Meta(max_length=3, description="The page before's next.")]
        | None
    ) = None
    limit: PageLimit = PAGE_DEFAULT


def _listrecords(reading: Reading, params: ListRecords) -> RecordPage:
    after = None if params.after is None else tuple(params.after)
    if after is not None and len(after) != (2 if params.order == "newest" else 3):
        raise ApiError("cursor_invalid")
    account = None if params.account is None else bytes.fromhex(params.account)
    found = reading.list_records(
        account=account,
        collection=params.collection,
        ref=params.ref,
        order=params.order,
        after=after,
        limit=params.limit,
    )
    page = cut_page(found)
    more = len(found) == params.limit or len(page) < len(found)
    following = list(reading.page_key(page[-1], params.order)) if more else None
    return RecordPage([record_answer(record) for record in page], following)


def _prove_page(reading: Reading, params: Any, page: RecordPage | FoundPage) -> Proof:
    """Each record that is shown, and the sums of its ratings; not that no other belongs on the page."""
    return reading.prove_records(f"{each.account}/{each.collection}/{each.key}" for each in page.records)


class Search(Struct, frozen=True, forbid_unknown_fields=True):
    """:ivar collection: In this collection alone."""

    text: Annotated[str, Meta(min_length=1, max_length=256, description="Words; the last one may be begun only.")]
    collection: Collection | None = None
    after: Annotated[LogCursor | None, Meta(description="The page before's next.")] = None
    limit: PageLimit = PAGE_DEFAULT


class FoundPage(Struct, frozen=True):
    """Records in order. ``next`` is the ``after`` of the next page, null at the end."""

    records: list[RecordAnswer]
    next: Cursor | None


def _search(reading: Reading, params: Search) -> FoundPage:
    after = None if params.after is None else params.after.cursor
    found = reading.search(params.text, collection=params.collection, after=after, limit=params.limit)
    page = cut_page(found)
    more = len(found) == params.limit or len(page) < len(found)
    return FoundPage([record_answer(record) for record in page], page[-1].updated if more else None)


# Ratings


class GetRatings(Struct, frozen=True, forbid_unknown_fields=True):
    """:ivar record: Ratings of the record at this address. :ivar account: By this account; with ``record`` its one
    rating of it."""

    record: Address | None = None
    account: AccountId | None = None
    after: Annotated[
        AccountId | LogCursor | None,
        Meta(description="The page before's next: an account for a record's ratings, a cursor for an account's."),
    ] = None
    limit: PageLimit = PAGE_DEFAULT


class RatingPage(Struct, frozen=True):
    """Ratings in order, with the sum and number of all of them and not of this page alone.

    :ivar sum: Of all stars, on all pages. :ivar count: Of all ratings, on all pages.
    """

    ratings: list[RatingAnswer]
    sum: int
    count: int
    next: AccountId | Cursor | None


def _getratings(reading: Reading, params: GetRatings) -> RatingPage:
    if params.record is not None:
        if params.account is not None:
            return _one_rating(reading, params.record, params.account)
        return _ratings_of_record(reading, params.record, params)
    if params.account is not None:
        return _ratings_by_account(reading, params.account, params)
    raise ApiError("parameters_conflict", "Give a record, an account, or both.")


def _one_rating(reading: Reading, record: str, account: str) -> RatingPage:
    rating = reading.get_rating(record, bytes.fromhex(account))
    if rating is None:
        return RatingPage([], 0, 0, None)
    return RatingPage([rating_answer(rating)], rating.stars, 1, None)


def _ratings_of_record(reading: Reading, address: str, params: GetRatings) -> RatingPage:
    record = reading.get_record(*parse_address(address))
    if record is None:
        raise ApiError("record_unknown")
    if isinstance(params.after, LogCursor):
        raise ApiError("cursor_invalid")
    after = None if params.after is None else bytes.fromhex(params.after)
    found = reading.ratings_of_record(address, after, params.limit)
    following = found[-1].account.hex() if len(found) == params.limit else None
    ratings = [rating_answer(rating) for rating in found]
    return RatingPage(ratings, record.ratings_sum, record.ratings_count, following)


def _ratings_by_account(reading: Reading, account: str, params: GetRatings) -> RatingPage:
    rater = reading.get_account(bytes.fromhex(account))
    if rater is None:
        raise ApiError("account_unknown")
    if isinstance(params.after, str):
        raise ApiError("cursor_invalid")
    after = None if params.after is None else params.after.cursor
    found = reading.ratings_by_account(rater.account, after, params.limit)
    following = found[-1].given if len(found) == params.limit else None
    ratings = [rating_answer(rating) for rating in found]
    return RatingPage(ratings, rater.ratings_sum, rater.ratings_given, following)


def _prove_ratings(reading: Reading, params: GetRatings, page: RatingPage | None) -> Proof:
    if params.record is None:
        raise ApiError("proof_not_offered", "Ratings are proved by record: give one.")
    if params.account is not None:
        return reading.prove_rating(params.record, bytes.fromhex(params.account))
    return reading.prove_ratings(params.record)


# Accounts


class GetAccount(Struct, frozen=True, forbid_unknown_fields=True):
    account: AccountId


def _getaccount(reading: Reading, params: GetAccount) -> AccountAnswer:
    account = reading.get_account(bytes.fromhex(params.account))
    if account is None:
        raise ApiError("account_unknown")
    return account_answer(account)


def _prove_account(reading: Reading, params: GetAccount, answer: AccountAnswer | None) -> Proof:
    return reading.prove_account(bytes.fromhex(params.account))


# Writing


class Submit(Struct, frozen=True, forbid_unknown_fields=True):
    operation: Annotated[str, Meta(description="The operation's JSON text exactly as it was signed.")]
    signature: Annotated[str, Meta(description="64 bytes, lower-case hex.", max_length=256)]
    wait: Annotated[Literal["accepted", "final"], Meta(description="What to wait for.")] = "accepted"


class ReceiptAnswer(Struct, frozen=True, gc=False):
    """The node's signed promise to relay an operation (docs/protocol.md has the signed bytes)."""

    network: Hex32
    id: Hex32
    node: NodeId
    height: Height
    expiry: Height
    signature: Hex64


class Submitted(Struct, frozen=True, omit_defaults=True, gc=False):
    """An operation that was taken.

    With ``wait`` ``accepted`` it comes with a receipt; once it is final with its place in the log and what the
    ledger's rules made of it (``ok``, or the name of an executor result).

    :ivar result: What the ledger's rules made of it, `ok` or a name; null as long as it is not final.
    """

    id: Hex32
    receipt: ReceiptAnswer | None = None
    cursor: Cursor | None = None
    result: str | None = None


def _submit(call: Call, params: Submit) -> Deferred[Submitted]:
    return Deferred.fromCoroutine(_take(call, params))


async def _take(call: Call, params: Submit) -> Submitted:
    try:
        signature = bytes.fromhex(params.signature)
    except ValueError:
        raise ApiError("signature_invalid", "A signature has 64 bytes, 128 hex digits.") from None
    ledger = call.served.ledger
    try:
        accepted = await ledger.submit(params.operation.encode(), signature)
    except LedgerError as error:
        raise from_submission(error) from None
    outcome = accepted.outcome
    if params.wait == "final":
        if outcome is None:
            outcome = await _await_final(call, accepted.id, accepted.expiry)
        return Submitted(accepted.id.hex(), None, outcome.cursor, result_code(outcome.result))
    receipt = ReceiptAnswer(
        ledger.network.hex(),
        accepted.id.hex(),
        ledger.node_key.public.hex(),
        accepted.height_seen,
        accepted.expiry,
        _signed_receipt(call, accepted.id, accepted.height_seen, accepted.expiry).hex(),
    )
    if outcome is None:
        return Submitted(accepted.id.hex(), receipt)
    return Submitted(accepted.id.hex(), receipt, outcome.cursor, result_code(outcome.result))


def _signed_receipt(call: Call, operation_id: bytes, height: int, expiry: int) -> bytes:
    ledger = call.served.ledger
    receipt = Receipt(ledger.network, operation_id, ledger.node_key.public, height, expiry)
    return sign_receipt(ledger.node_key, receipt)


async def _await_final(call: Call, operation_id: bytes, expiry: int) -> Outcome:
    final = call.hold(call.served.ledger.when_final(operation_id, expiry))
    try:
        return await final.addTimeout(call.served.limits.wait_seconds, call.served.clock)
    except TimeoutError:
        raise ApiError("not_final_yet", id=operation_id.hex(), expiry=expiry) from None
    except LedgerError as error:
        raise from_submission(error) from None


_form_errors = [code.name for code in CODES if code.group == "form"]
_FORM_ERRORS = _form_errors[: _form_errors.index("signature_invalid") + 1]
_PAGE_ERRORS = ("page_too_long", "cursor_invalid")

METHODS: tuple[Method[Any], ...] = (
    Method(
        "submit",
        "data",
        "Submit a signed operation. Submitting it again, here or elsewhere, changes nothing more.",
        Submit,
        Submitted,
        call=_submit,
        errors=("pool_full", "node_stopping", "not_final_yet"),
        refusals=(*_FORM_ERRORS, "operation_future", "operation_expired"),
    ),
    Method(
        "getrecord",
        "data",
        "Answer one record, or its tombstone.",
        GetRecord,
        RecordAnswer,
        read=_getrecord,
        prove=_prove_record,
        deterministic=True,
        errors=("record_unknown", "key_invalid"),
    ),
    Method(
        "listrecords",
        "data",
        "List live records of an account, of a collection, or that refer to a record: newest or best rated first.",
        ListRecords,
        RecordPage,
        read=_listrecords,
        prove=_prove_page,
        deterministic=True,
        errors=_PAGE_ERRORS,
    ),
    Method(
        "getratings",
        "data",
        "List the ratings of a record, those by an account, or the one of a record by an account.",
        GetRatings,
        RatingPage,
        read=_getratings,
        prove=_prove_ratings,
        deterministic=True,
        errors=("record_unknown", "account_unknown", "parameters_conflict", "record_invalid", *_PAGE_ERRORS),
    ),
    Method(
        "getaccount",
        "data",
        "Answer what is known of an account.",
        GetAccount,
        AccountAnswer,
        read=_getaccount,
        prove=_prove_account,
        deterministic=True,
        errors=("account_unknown",),
    ),
    Method(
        "search",
        "data",
        "List live records whose data holds all the words of a text, newest first.",
        Search,
        FoundPage,
        read=_search,
        prove=_prove_page,
        errors=_PAGE_ERRORS,
    ),
)  # fmt: skip
