"""The rows about the database file itself."""

from __future__ import annotations

from cloudnode.formats.genesis import Genesis
from cloudnode.store.checks import row_check
from cloudnode.store.schema import SCHEMA_VERSION


def meta_rows(genesis: Genesis) -> list[tuple[str, bytes, int]]:
    """What the table ``meta`` holds: the version of the tables, the network's id and its genesis."""
    values = {
        "version": SCHEMA_VERSION.to_bytes(2, "big"),
        "network": genesis.network,
        "genesis": genesis.text,
    }
    return [(name, value, row_check(name, value)) for name, value in values.items()]
