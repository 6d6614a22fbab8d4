"""The STUN data that a node knows: of each node the newest record, for as long as it counts.

The records are bounded in all and by who told them, so that nobody fills the place alone; what a peer says of itself
has its place in any case. All times are unix seconds, as in the records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import attrs

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.stundata import SignedStunData, check_time, read_stun_data

RECORDS_MAX = 2_000
OF_ONE_TELLER_MAX = 256

_NODE = slice(32, 64)
_SEQUENCE = slice(64, 72)


@attrs.frozen
class _Kept:
    record: SignedStunData
    teller: bytes

    @property
    def is_own_word(self) -> bool:
        """Whether the node that it describes told it itself."""
        return self.teller == self.record.data.node


class StunRecordBook:
    """Records of other nodes.

    :ivar changed: Whether there is something to save.
    """

    def __init__(self, network: bytes, node: bytes) -> None:
        """:param node: This node's key: what others say it said is not kept."""
        self.changed = False
        self._network = network
        self._node = node
        self._kept: dict[bytes, _Kept] = {}
        self._of_teller: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[SignedStunData]:
        """All records, those that came last at the end."""
        return iter([kept.record for kept in self._kept.values()])

    def get(self, node: bytes) -> SignedStunData | None:
        """The newest record of a node."""
        kept = self._kept.get(node)
        return None if kept is None else kept.record

    def learn(self, encoded: bytes, teller: bytes, now: float) -> SignedStunData | None:
        """Take a record that a peer told.

        :param teller: The peer's node key; empty for what was on disk.
        :return: The record if it is news; None if a newer one is known, or there is no place for it.
        :raises LedgerError: It is none, or does not count now; see :mod:`cloudnode.formats.stundata`.
        """
        node = encoded[_NODE]
        known = self._kept.get(node)
        # Most records come from several peers: only the first is worth a signature check.
        if node == self._node or (
            known is not None and int.from_bytes(encoded[_SEQUENCE], "big") <= known.record.data.sequence
        ):
            return None
        teller = known.teller if known is not None and known.is_own_word else teller
        if teller and teller != node and known is None and self._of_teller[teller] >= OF_ONE_TELLER_MAX:
            return None
        record = read_stun_data(encoded, self._network)
        check_time(record.data, now)
        self.forget(node)
        self._kept[node] = _Kept(record, teller)
        self._of_teller[teller] += 1
        self.changed = True
        if len(self._kept) > RECORDS_MAX:
            self._forget_one(node)
        return record

    def expire(self, now: float) -> None:
        """Forget what counts no longer."""
        for record in self:
            try:
                check_time(record.data, now)
            except LedgerError:
                self.forget(record.data.node)

    def forget(self, node: bytes) -> None:
        """Forget a node's record."""
        kept = self._kept.pop(node, None)
        if kept is None:
            return
        self.changed = True
        self._of_teller[kept.teller] -= 1
        if not self._of_teller[kept.teller]:
            del self._of_teller[kept.teller]

    def newest(self, most: int, without: Iterable[bytes] = ()) -> list[SignedStunData]:
        """So many records, those that came last, of other nodes than these."""
        left_out = set(without)
        found = [record for record in self if record.data.node not in left_out]
        return found[-most:]

    def _forget_one(self, newest: bytes) -> None:
        others = [kept for node, kept in self._kept.items() if node != newest]
        worst = min(others, key=lambda kept: (kept.is_own_word, kept.record.data.expiry))
        self.forget(worst.record.data.node)
