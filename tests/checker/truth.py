"""What is true: a log of operations, and what every answer and every item that follows from it has to be. Pure.

This is an account of the rules of its own, from ``docs/protocol.md`` and ``docs/api.md``, in plain dictionaries; it
shares no code with the node's executor or the client's checks, so that a mistake in either shows as a difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import attrs

Place = tuple[int, int]
"""Height and index of an operation."""

RESULTS = ("ok", "version_mismatch", "record_unknown", "record_deleted", "rating_own", "rating_none")
"""Results of operations by their numbers; others do not come up here."""

PAGE = 50
"""Items of a page unless the caller says otherwise."""


@attrs.frozen
class Logged:
    """An operation in the log. :ivar body: As it was signed. :ivar result: Its number."""

    place: Place
    id: str
    body: str
    result: int


@attrs.frozen
class Block:
    """A block. :ivar root: The state root in its header. :ivar root_height: After which block that is."""

    height: int
    hash: str
    time: int
    operations: int
    root_height: int
    root: str

    @property
    def place(self) -> Place:
        """Its cursor: that of its last operation."""
        return self.height, max(self.operations - 1, 0)


@attrs.define
class _Record:
    account: str
    collection: str
    key: str
    created: Place
    updated: Place
    time: int
    data: Any
    ref: str | None
    version: int = 1
    deleted: bool = False
    ratings: dict[str, tuple[int, Place]] = attrs.Factory(dict)


@attrs.define
class _Account:
    first: Place
    records: int = 0
    ratings: int = 0
    stars: int = 0


class State:
    """The state after some block, which operations are added to.

    :ivar height: That block's.
    """

    def __init__(self) -> None:
        self.height = 0
        self.records: dict[str, _Record] = {}
        self.accounts: dict[str, _Account] = {}
        self._sum = self._count = self._live = 0

    def add(self, logged: Logged) -> str:
        """Execute the log's next operation; what its result has to be."""
        self.height = logged.place[0]
        told = json.loads(logged.body)
        action = {"put": self._put, "delete": self._delete, "rate": self._rate, "withdraw": self._withdraw}
        result = action[told["type"]](told, logged.place)
        if result == "ok":
            self.accounts.setdefault(told["account"], _Account(logged.place))
        return result

    def _account(self, told: dict[str, Any], place: Place) -> _Account:
        return self.accounts.setdefault(told["account"], _Account(place))

    def _put(self, told: dict[str, Any], place: Place) -> str:
        address = f"{told['account']}/{told['collection']}/{told['key']}"
        record = self.records.get(address)
        wanted = told.get("if_version")
        if wanted is not None and wanted != (record.version if record else 0):
            return "version_mismatch"
        if record is None or record.deleted:
            self._live += 1
            self._account(told, place).records += 1
        if record is None:
            self.records[address] = _Record(
                told["account"], told["collection"], told["key"], place, place, told["time"], told["data"],
                told.get("ref"),
            )  # fmt: skip
        else:
            record.updated, record.time, record.data = place, told["time"], told["data"]
            record.ref, record.deleted, record.version = told.get("ref"), False, record.version + 1
        return "ok"

    def _delete(self, told: dict[str, Any], place: Place) -> str:
        record = self.records.get(f"{told['account']}/{told['collection']}/{told['key']}")
        if record is None:
            return "record_unknown"
        if record.deleted:
            return "record_deleted"
        if told.get("if_version") not in (None, record.version):
            return "version_mismatch"
        record.updated, record.time, record.data = place, told["time"], None
        record.ref, record.deleted, record.version = None, True, record.version + 1
        self._live -= 1
        self._account(told, place).records -= 1
        return "ok"

    def _rate(self, told: dict[str, Any], place: Place) -> str:
        record = self.records.get(told["record"])
        if record is None:
            return "record_unknown"
        if record.deleted:
            return "record_deleted"
        if record.account == told["account"]:
            return "rating_own"
        before = record.ratings.get(told["account"])
        record.ratings[told["account"]] = (told["stars"], place)
        self._count_rating(told, place, told["stars"] - (before[0] if before else 0), 0 if before else 1)
        return "ok"

    def _withdraw(self, told: dict[str, Any], place: Place) -> str:
        record = self.records.get(told["record"])
        if record is None:
            return "record_unknown"
        before = record.ratings.pop(told["account"], None)
        if before is None:
            return "rating_none"
        self._count_rating(told, place, -before[0], -1)
        return "ok"

    def _count_rating(self, told: dict[str, Any], place: Place, stars: int, count: int) -> None:
        account = self._account(told, place)
        account.stars += stars
        account.ratings += count
        self._sum += stars
        self._count += count

    # What answers have to be

    def answer(self, method: str, params: dict[str, Any], root: str | None) -> tuple[str | None, Any]:
        """The right answer to a call.

        :param root: The state root of this height by a final header; None if no header has it.
        :returns: The error's name, or None; and the result.
        :raises KeyError: The method is not known here.
        """
        return {
            "getrecord": self._getrecord, "getratings": self._getratings, "getaccount": self._getaccount,
            "listrecords": self._listrecords, "getdatahash": self._getdatahash,
        }[method](params, root)  # fmt: skip

    def _getrecord(self, params: dict[str, Any], root: str | None) -> tuple[str | None, Any]:
        record = self.records.get(f"{params['account']}/{params['collection']}/{params['key']}")
        return ("record_unknown", None) if record is None else (None, _record_answer(record))

    def _getratings(self, params: dict[str, Any], root: str | None) -> tuple[str | None, Any]:
        record = self.records.get(params["record"])
        rater = params.get("account")
        if rater is not None:
            given = record.ratings.get(rater) if record else None
            ratings = [] if given is None else [_rating_answer(params["record"], rater, given)]
            return None, {
                "ratings": ratings, "sum": given[0] if given else 0, "count": len(ratings), "next": None,
            }  # fmt: skip
        if record is None:
            return "record_unknown", None
        # In the order of the hashes of those who rated.
        ordered = sorted(record.ratings, key=lambda account: sha256(bytes.fromhex(account)).digest())
        page = ordered[:PAGE]
        return None, {
            "ratings": [_rating_answer(params["record"], each, record.ratings[each]) for each in page],
            "sum": sum(stars for stars, _ in record.ratings.values()),
            "count": len(record.ratings),
            "next": page[-1] if len(page) == PAGE else None,
        }

    def _getaccount(self, params: dict[str, Any], root: str | None) -> tuple[str | None, Any]:
        account = self.accounts.get(params["account"])
        if account is None:
            return "account_unknown", None
        return None, {
            "account": params["account"], "first": _cursor(account.first), "inviter": None,
            "records": account.records, "ratings_given": account.ratings, "ratings_sum": account.stars,
        }  # fmt: skip

    def _listrecords(self, params: dict[str, Any], root: str | None) -> tuple[str | None, Any]:
        """A whole page of an account's records, the newest change first."""
        live = [each for each in self.records.values() if each.account == params["account"] and not each.deleted]
        live.sort(key=lambda record: record.updated, reverse=True)
        page = live[: params["limit"]]
        return None, [_record_answer(record) for record in page]

    def _getdatahash(self, params: dict[str, Any], root: str | None) -> tuple[str | None, Any]:
        answer = {
            "height": self.height, "ratings_sum": self._sum, "ratings_count": self._count,
            "records": self._live, "accounts": len(self.accounts),
        }  # fmt: skip
        return None, answer if root is None else answer | {"root": root}


def _cursor(place: Place) -> dict[str, int]:
    return {"height": place[0], "index": place[1]}


def _rating_answer(record: str, account: str, given: tuple[int, Place]) -> dict[str, Any]:
    return {"record": record, "account": account, "stars": given[0], "given": _cursor(given[1])}


def _record_answer(record: _Record) -> dict[str, Any]:
    return {
        "account": record.account, "collection": record.collection, "key": record.key, "data": record.data,
        "ref": record.ref, "version": record.version, "deleted": record.deleted,
        "created": _cursor(record.created), "updated": _cursor(record.updated), "time": record.time,
        "ratings_sum": sum(stars for stars, _ in record.ratings.values()), "ratings_count": len(record.ratings),
    }  # fmt: skip


def differs(right: tuple[str | None, Any], error: str | None, result: Any) -> str | None:
    """How an answer differs from the right one, in words; None if it does not.

    Members that the right answer does not have (a root that no header tells) are not compared.
    """
    if error != right[0]:
        return f"it says {error or 'that there is one'}, right is {right[0] or 'that there is one'}"
    if error is not None:
        return None
    if isinstance(right[1], list):
        told = result.get("records") if isinstance(result, dict) else result
        return None if told == right[1] else f"it lists {_short(told)}, right is {_short(right[1])}"
    if not isinstance(result, dict):
        return f"it is {_short(result)}, right is {_short(right[1])}"
    wrong = [name for name, value in right[1].items() if result.get(name) != value]
    words = (f"{name} is {_short(result.get(name))}, right is {_short(right[1][name])}" for name in wrong)
    return "; ".join(words) or None


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


# Items of subscriptions


def digest(item: Any) -> str:
    """What is kept of an item: the beginning of a hash of its value, whatever the order of its members."""
    return sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()[:16]


def _item(logged: Logged) -> tuple[str, dict[str, Any]]:
    """An accepted operation as its subscribers have to be told of it, with the topic."""
    told = json.loads(logged.body)
    kind = told["type"]
    item = {"cursor": _cursor(logged.place), "id": logged.id, "type": kind, "account": told["account"]}
    if kind in ("put", "delete"):
        item |= {"collection": told["collection"], "key": told["key"], "data": told.get("data"), "ref": told.get("ref")}
        return "records", item | {"time": told["time"]}
    return "ratings", item | {"record": told["record"], "stars": told.get("stars"), "time": told["time"]}


def _passes(item: dict[str, Any], wanted: dict[str, Any]) -> bool:
    collection = item["collection"] if "collection" in item else item["record"].split("/")[1]
    return wanted.get("collection") in (None, collection) and wanted.get("account") in (None, item["account"])


@attrs.frozen
class Items:
    """All items of a topic that a filter lets through. :ivar places: In order. :ivar by_place: Their digests."""

    places: list[Place]
    by_place: dict[Place, str]


class Log:
    """A whole log. :ivar blocks: By height. :ivar operations: By place. :ivar roots: By the height they are of."""

    def __init__(self, operations: Sequence[Logged], blocks: Iterable[Block]) -> None:
        self.operations = {logged.place: logged for logged in operations}
        self.blocks = {block.height: block for block in blocks}
        self.roots = {block.root_height: block.root for block in self.blocks.values()}
        self.head = max(self.blocks, default=0)
        self._found: dict[tuple[str, str], Items] = {}
        self._items: dict[str, list[tuple[Place, str, dict[str, Any]]]] = {"records": [], "ratings": []}
        for logged in operations:
            if logged.result == 0:
                topic, item = _item(logged)
                self._items[topic].append((logged.place, digest(item), item))

    def items(self, topic: str, wanted: dict[str, Any]) -> Items:
        """All that a subscription from the beginning is told."""
        key = topic, json.dumps(wanted, sort_keys=True)
        if key not in self._found:
            if topic == "blocks":
                found = {block.place: digest(_block_item(block)) for block in self.blocks.values()}
            else:
                found = {place: hashed for place, hashed, item in self._items[topic] if _passes(item, wanted)}
            self._found[key] = Items(sorted(found), found)
        return self._found[key]

    def is_empty_between(self, below: int, up_to: int) -> bool:
        """Whether no block above a height, up to another one, has an operation."""
        between = (self.blocks.get(height) for height in range(below + 1, up_to + 1))
        return all(block is not None and not block.operations for block in between)


def _block_item(block: Block) -> dict[str, Any]:
    return {
        "height": block.height, "hash": block.hash, "time": block.time, "operations_count": block.operations,
        "root_height": block.root_height, "root": block.root,
    }  # fmt: skip
