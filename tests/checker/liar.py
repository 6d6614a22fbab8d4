"""A node that lies to its callers: a real one, which answers some questions with what is not so.

``python -m tests.checker.liar LIE SEED OPTION...``, where LIE is a name of ``LIES``, SEED decides when it lies, and the
options are those of ``twistd cloudnode``. Towards its peers it is honest. What it tells is well-formed, and where its
answers are signed it signs the lie.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from random import Random
from typing import Any

import attrs
import msgspec
from twisted.internet.defer import Deferred
from twisted.scripts import twistd

from cloudnode.api import answerer, comparing
from cloudnode.api.errors import ApiError
from cloudnode.api.methods import TABLE
from cloudnode.ledger.reading import Reading
from tests.integration.lying_node import FalseRoots

replace = msgspec.structs.replace


def _false_data(record: Any) -> Any:
    return replace(record, data=msgspec.Raw(b'{"title":"what nobody wrote"}'))


def _false_stars(page: Any) -> Any:
    ratings = [replace(rating, stars=6 - rating.stars) for rating in page.ratings]
    return replace(page, ratings=ratings, sum=page.sum + 1)


def _deny(record: Any) -> Any:
    raise ApiError("record_unknown")


def _false_first(account: Any) -> Any:
    return replace(account, first=replace(account.first, index=account.first.index + 1))


def _shorter(page: Any) -> Any:
    return replace(page, records=page.records[1:])


def _false_result(block: Any) -> Any:
    told = [replace(each, result="ok" if each.result != "ok" else "record_unknown") for each in block.operations]
    return replace(block, operations=told)


def _false_body(block: Any) -> Any:
    told = [replace(each, operation=each.operation.replace('"stars":', '"stars":0')) for each in block.operations]
    return replace(block, operations=told)


def _withheld(block: Any) -> Any:
    return replace(block, operations=block.operations[1:])


READS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "version": ("getrecord", lambda record: replace(record, version=record.version + 1)),
    "data": ("getrecord", _false_data),
    "denial": ("getrecord", _deny),
    "stars": ("getratings", _false_stars),
    "totals": ("getdatahash", lambda state: replace(state, ratings_sum=state.ratings_sum + 1)),
    "account": ("getaccount", _false_first),
    "list": ("listrecords", _shorter),
    "result": ("getblock", _false_result),
    "body": ("getblock", _false_body),
    "withheld": ("getblock", _withheld),
}
"""The method that is answered falsely, and how."""

LIES = (*READS, "root", "place")
"""Besides: another state root is signed; operations are final elsewhere."""

SHARE = 0.5
"""How many of the answers are lies."""


class Reader:
    """Answers a reading method, falsely now and then."""

    def __init__(self, read: Callable[[Reading, Any], Any], change: Callable[[Any], Any], random: Random) -> None:
        self._read = read
        self._change = change
        self._random = random

    def __call__(self, reading: Reading, params: Any) -> Any:
        """As :attr:`Method.read`."""
        told = self._read(reading, params)
        return self._change(told) if self._random.random() < SHARE else told


def _lie_about_places(random: Random) -> None:
    method = TABLE["submit"]
    submit = method.call
    assert submit is not None

    def changed(told: Any) -> Any:
        if told.cursor is None or random.random() >= SHARE:
            return told
        return replace(told, cursor=replace(told.cursor, index=told.cursor.index + 1))

    def lying(call: Any, params: Any) -> Deferred[Any]:
        answered: Deferred[Any] = submit(call, params)
        return answered.addCallback(changed)

    TABLE._methods["submit"] = attrs.evolve(method, call=lying)


def lie(name: str, seed: int) -> None:
    """Have this process tell one lie."""
    random = Random(seed)
    if name == "root":
        answerer.ContextWriter = comparing.ContextWriter = FalseRoots  # type: ignore[misc]
    elif name == "place":
        _lie_about_places(random)
    else:
        of, change = READS[name]
        method = TABLE[of]
        assert method.read is not None
        TABLE._methods[of] = attrs.evolve(method, read=Reader(method.read, change, random))


if __name__ == "__main__":
    chosen, seed, *options = sys.argv[1:]
    lie(chosen, int(seed))
    sys.argv = ["twistd", "-n", "--pidfile=", "cloudnode", *options]
    twistd.run()
