"""What is told to callers who want data while the node serves none."""

from __future__ import annotations

from cloudnode.api.errors import ApiError
from cloudnode.api.facts import NodeFacts
from cloudnode.node.ledger import State

_NAMES: dict[State, str] = {
    "starting": "node_starting",
    "syncing": "node_syncing",
    "corrupt": "data_corrupt",
    "diverged": "data_diverged",
    "repairing": "data_repairing",
    "stopped": "node_stopping",
}


def not_serving(state: State, facts: NodeFacts | None = None) -> ApiError:
    """The error for a state of the ledger other than ``serving``.

    :param facts: Where progress is known, which is told besides.
    """
    if state != "syncing" or facts is None:
        return ApiError(_NAMES[state])
    sync = facts.sync()
    return ApiError("node_syncing", rows=sync.rows, total=sync.total, seconds_left=sync.seconds_left)
