"""Whether nodes' databases are the same row for row, but for what nodes may hold differently.

What that is says ``tests/chaos/compare.py``. On a busy machine there is more of it: nodes fall behind and catch up.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing

from tests.chaos.compare import Snapshot, compare
from tests.integration.conftest import NodeProcess

_LOG = ("blocks", "operations")
_STATE = ("records", "ratings")


def _open(stack: ExitStack, nodes: Sequence[NodeProcess]) -> list[Snapshot]:
    paths = [node.datadir / "ledger.sqlite3" for node in nodes]
    return [stack.enter_context(closing(Snapshot(path))) for path in paths]


def differences(nodes: Sequence[NodeProcess]) -> list[str]:
    """In what each node's database differs from the first one's, in words. The nodes may run."""
    with ExitStack() as stack:
        first, *others = _open(stack, nodes)
        return [
            f"number {number}: {told}"
            for number, other in enumerate(others, 1)
            for told in ([f"height {other.head}, not {first.head}"] if other.head != first.head
                         else compare(first, other).differences)
        ]  # fmt: skip


def check_stopped(nodes: Sequence[NodeProcess], *, wholly: bool = True) -> None:
    """Fail unless nodes that were stopped one after the other hold the same: the log as far as all have it, records and
    ratings, and the whole database where they stopped at the same height.

    :param wholly: Not where one was repaired, which may have given up what lower heights are read from.
    """
    with ExitStack() as stack:
        first, *others = _open(stack, nodes)
        for number, other in enumerate(others, 1):
            run_end = max(first.run_end, other.run_end)
            for table in _LOG:
                one, two = (list(each.walk(table, run_end)) for each in (first, other))
                common = min(len(one), len(two))
                assert one[:common] == two[:common], (number, table)
            for table in _STATE:
                assert list(first.walk(table, run_end)) == list(other.walk(table, run_end)), (number, table)
            if wholly and first.head == other.head:
                assert compare(first, other).differences == (), number
