"""An epoch: the validators that decide, and who of them leads a view."""

from __future__ import annotations

import attrs

from cloudnode.formats.block import quorum


@attrs.frozen
class Epoch:
    """A validator set and when it decides.

    :ivar validators: Public keys in the order of their indexes. :ivar quorum: How many of them must sign.
    """

    network: bytes
    number: int
    validators: tuple[bytes, ...]
    quorum: int

    @classmethod
    def of(cls, network: bytes, number: int, validators: tuple[bytes, ...]) -> Epoch:
        """The epoch with the network's quorum, n - floor((n-1)/3)."""
        return cls(network, number, validators, quorum(len(validators)))

    @property
    def tolerated(self) -> int:
        """How many of the validators may be faulty."""
        return (len(self.validators) - 1) // 3

    def leader(self, view: int) -> int:
        """The index of the validator that proposes in a view."""
        return view % len(self.validators)

    def index(self, key: bytes | None) -> int | None:
        """The index of a key, None for one that takes no part."""
        return self.validators.index(key) if key in self.validators else None
