"""The queries behind lists and search, each with its parameters."""

from __future__ import annotations

from typing import Any

from cloudnode.ledger.positions import position
from cloudnode.ledger.reading import Cursor
from cloudnode.store.asof import AsOf
from cloudnode.store.rows import record_columns
from cloudnode.store.texts import match_expression

Query = tuple[str, dict[str, Any]]

_END = 1 << 62


def _filters(account: bytes | None, collection: str | None, ref: str | None) -> tuple[str, dict[str, Any]]:
    given = {"account": account, "collection": collection, "ref": ref}
    used = {name: value for name, value in given.items() if value is not None}
    return " AND ".join(("live", *(f"{name} = :{name}" for name in used))), used


def list_newest(
    asof: AsOf,
    *,
    account: bytes | None,
    collection: str | None,
    ref: str | None,
    after: tuple[int, ...] | None,
    limit: int,
) -> Query:
    """Live records, the last written first; ``after`` is (height, index)."""
    where, parameters = _filters(account, collection, ref)
    parameters |= {"before": _END if after is None else position(after[0], after[1]), "limit": limit}
    # The page is cut before scores are looked up, so that those are looked up for the page alone.
    page = f"SELECT * FROM {asof.records(where + ' AND position < :before')} ORDER BY position DESC LIMIT :limit"
    sql = (
        f"SELECT {record_columns(asof, record_joined=False, score_joined=True)} FROM ({page}) AS record"
        f"{asof.join('scores', 'score', 'created', 'record.created')} ORDER BY record.position DESC"
    )
    return sql, parameters


def list_best(
    asof: AsOf,
    *,
    account: bytes | None,
    collection: str | None,
    ref: str | None,
    after: tuple[int, ...] | None,
    limit: int,
) -> Query:
    """Live records by rank, then the younger first; ``after`` is (rank, height, index of creation)."""
    where, parameters = _filters(account, collection, ref)
    if after is not None:
        where += " AND (rank, created) < (:rank, :before)"
        parameters |= {"rank": after[0], "before": position(after[1], after[2])}
    parameters |= {"limit": limit}
    page = f"SELECT * FROM {asof.scores(where)} ORDER BY rank DESC, created DESC LIMIT :limit"
    sql = (
        f"SELECT {record_columns(asof, record_joined=True, score_joined=False)} FROM ({page}) AS score"
        f"{asof.join('records', 'record', 'hash', 'score.hash')} ORDER BY score.rank DESC, score.created DESC"
    )
    return sql, parameters


def search_words(asof: AsOf, text: str, *, collection: str | None, after: Cursor | None, limit: int) -> Query | None:
    """Live records that hold all the words, the last written first; None if there is no word in ``text``."""
    expression = match_expression(text)
    if expression is None:
        return None
    before = _END if after is None else position(after.height, after.index)
    parameters: dict[str, Any] = {"words": expression, "before": before, "limit": limit}
    condition = asof.column("record", "live")
    if collection is not None:
        condition += f" AND {asof.column('record', 'collection')} = :collection"
        parameters["collection"] = collection
    sql = (
        f"SELECT {record_columns(asof, record_joined=True, score_joined=True)} FROM words"
        f"{asof.join('records', 'record', 'position', 'words.rowid')}"
        f"{asof.join('scores', 'score', 'created', asof.column('record', 'created'))}"
        f" WHERE words MATCH :words AND words.rowid < :before AND {condition} ORDER BY words.rowid DESC LIMIT :limit"
    )
    return sql, parameters
