"""How the newest epochs ended, and who decides in the newest one, on disk: what this node verified once it keeps to.

Old validators' keys may be stolen, and sign another history than the one that this node has seen the end of. What is
here is bounded: the ends of a thousand epochs, and the validators of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import attrs
import msgspec
from msgspec import Meta
from twisted.logger import Logger

from cloudnode.formats.epoch import Epoch
from cloudnode.node.datadir import DatadirError, write_whole

ENDS_MOST = 1_000
"""So many of the newest ends are known."""

FORMAT = 1

_Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Whole = Annotated[int, Meta(ge=0, le=2**53)]


@attrs.frozen
class KnownEnd:
    """The block that ended an epoch.

    :ivar number: The epoch that is over.
    """

    number: int
    height: int
    hash: bytes


class _StoredEnd(msgspec.Struct):
    number: _Whole
    height: _Whole
    hash: _Hash


class _Stored(msgspec.Struct):
    format: int
    network: _Hash
    ends: Annotated[list[_StoredEnd], Meta(min_length=1, max_length=ENDS_MOST)]
    validators: Annotated[list[_Hash], Meta(min_length=1, max_length=1_000)]


class EpochFile:
    """Keeps them. What can't be read or written is told in the log: a node can do without."""

    _log = Logger()

    def __init__(self, path: Path | None, network: bytes) -> None:
        """:param path: None keeps nothing."""
        self._path = path
        self._network = network

    def __str__(self) -> str:
        return "memory" if self._path is None else self._path.name

    def load(self) -> tuple[list[KnownEnd], Epoch] | None:
        """What the file holds: the ends, and the epoch that the last of them began; None if there is nothing."""
        if self._path is None:
            return None
        try:
            stored = msgspec.json.decode(self._path.read_bytes(), type=_Stored)
            if stored.format != FORMAT or stored.network != self._network.hex():
                raise ValueError("it is of another network or format")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._log.warn("{path} can't be used and is begun anew: {error}", path=self._path, error=error)
            return None
        ends = [KnownEnd(each.number, each.height, bytes.fromhex(each.hash)) for each in stored.ends]
        last = max(ends, key=lambda end: end.number)
        validators = tuple(map(bytes.fromhex, stored.validators))
        return ends, Epoch(self._network, last.number + 1, validators, last.height)

    def save(self, ends: Iterable[KnownEnd], newest: Epoch) -> None:
        """Write all of it."""
        if self._path is None:
            return
        stored = _Stored(
            FORMAT, self._network.hex(), [_StoredEnd(each.number, each.height, each.hash.hex()) for each in ends],
            [key.hex() for key in newest.validators],
        )  # fmt: skip
        try:
            write_whole(self._path, msgspec.json.format(msgspec.json.encode(stored), indent=1) + b"\n")
        except DatadirError as error:
            self._log.warn("The epochs are not saved: {error}", error=error)
