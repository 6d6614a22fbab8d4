"""All phases of an audit, and how one is taken through."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from itertools import chain

from cloudnode.store.audit.epochs import check_epochs
from cloudnode.store.audit.log import (
    check_a_fifth_of_operations,
    check_blocks,
    check_checksums,
    check_most_operations,
    check_operations,
    check_system,
)
from cloudnode.store.audit.phase import Audit, Phase
from cloudnode.store.audit.records import (
    check_ratings_and_sums,
    check_records,
    check_scores,
    check_sums_at_once,
    check_totals,
)
from cloudnode.store.audit.state import check_nodes, check_roots, check_state, check_state_but_ratings
from cloudnode.store.audit.structure import check_greatest, check_structure
from cloudnode.store.audit.words import check_words, check_words_apart

PHASES: dict[str, Phase] = {
    "nodes": check_nodes,
    "state": check_state,
    "records": check_records,
    "scores": check_scores,
    "totals": check_totals,
    "system": check_system,
    "checksums": check_checksums,
    "epochs": check_epochs,
    "blocks": check_blocks,
    "operations": check_operations,
    "roots": check_roots,
    "raters": check_greatest,
    "structure": check_structure,
}
"""What is checked in a thread of a running node: in short steps."""

_STATE = ("nodes", "state", "records", "scores", "totals")
_OTHERS = {name: phase for name, phase in PHASES.items() if name not in _STATE}

PROCESS_PHASES: dict[str, Phase] = {
    "nodes": check_nodes,
    "state": check_state_but_ratings,
    "records": check_records,
    "ratings": check_ratings_and_sums,
    **_OTHERS,
    "words": check_words_apart,
}
"""The same for a process of its own."""

LANE_PHASES: dict[str, Phase] = {
    # What is wrong with inner nodes is found with the state as well, some seconds later.
    **{name: phase for name, phase in PROCESS_PHASES.items() if name not in ("nodes", "operations")},
    "some operations": check_a_fifth_of_operations,
    "most operations": check_most_operations,
}
"""The same for two processes."""

LANES: tuple[tuple[str, ...], ...] = (
    ("state", "records", "ratings", "system", "checksums", "epochs", "blocks", "roots", "structure", "some operations",
     "words"),
    ("raters", "most operations"),
)
"""The phases of each of the two, neither of which takes much longer than the other. The index of ratings by rater comes
before operations, since to make it anew takes longer than to replace a block. Words come after records in one process:
those of an altered record are not what their index has, and then the record is what is to be found."""
assert set(chain(*LANES)) == set(LANE_PHASES)

OFFLINE_PHASES: dict[str, Phase] = {
    "nodes": check_nodes,
    "state": check_state,
    "records": check_records,
    "sums": check_sums_at_once,
    **_OTHERS,
    "words": check_words,
}
"""What is checked where all that is wrong is to be told: no phase ends before it is through."""

_OUTSIDE = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
}  # fmt: skip
"""Errors that say something of the machine and nothing of the database."""


def phase_steps(audit: Audit, name: str, phases: Mapping[str, Phase] = OFFLINE_PHASES) -> Iterator[float]:
    """One phase, with whatever SQLite stumbles over turned into a finding.

    :raises sqlite3.OperationalError: The check could not be made (no memory, a lock): no finding.
    """
    try:
        yield from phases[name](audit)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OUTSIDE:
            raise
        audit.found(f"page corruption while checking {name}: {error}", is_torn=True)
    except Exception as error:
        # A damaged value can be of any type and size. That a check fails over it is a finding, not a fault.
        audit.found(f"checking {name} failed over what it read: {type(error).__name__}: {error}")


def audit_steps(audit: Audit, phases: Mapping[str, Phase] = PHASES) -> Iterator[float]:
    """All phases up to the first one that finds something, in steps of some milliseconds (but for the last two).

    What is wrong is to be put right before more is looked for: the rest would be looked at twice.
    """
    for number, name in enumerate(phases):
        for done in phase_steps(audit, name, phases):
            yield (number + min(done, 1.0)) / len(phases)
        if audit.findings:
            return
