"""Records as nodes answer them."""

from __future__ import annotations

from msgspec import Raw, Struct

from cloudnode.client.places import LogPlace


class Record(Struct, frozen=True):
    """A record as the node answers it."""

    account: str
    collection: str
    key: str
    data: Raw
    ref: str | None
    version: int
    deleted: bool
    created: LogPlace
    updated: LogPlace
    time: int
    ratings_sum: int
    ratings_count: int

    @property
    def address(self) -> str:
        """``account/collection/key``."""
        return f"{self.account}/{self.collection}/{self.key}"
