"""What a session leaves for a later one: whom it believes, how far it has seen, and which places it knows.

The newest epoch that was verified stands for all before it, so a light start needs no walk from the genesis, and a
chain that leads elsewhere (old validators' keys may be stolen years later) is refused. Nothing in it is secret, and all
of it has to be kept from others' hands: whoever can change it can make the next session believe him. A digest tells
damage, not forgery.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated

import attrs
import msgspec
from msgspec import Meta, Raw, Struct

from cloudnode.client.address import AddressInvalid
from cloudnode.client.cloud.directory import Directory, Place, read_place
from cloudnode.formats.block import Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import VALIDATORS_MAX

FORMAT = 1

BYTES_MAX = 256 * 1024
"""Of a saved session: an epoch of 1,000 validators takes 67 KB of it."""

PLACES_MAX = 64
"""Places that are saved, the best first, and again as many that lied."""

LIAR_SECONDS = 7 * 86_400
"""So long a liar is remembered by later sessions: a damaged node may be repaired."""

_Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$(?!\\n)")]
_HEIGHT_MAX = 2**53 - 1
_Whole = Annotated[int, Meta(ge=0, le=_HEIGHT_MAX)]


class StateInvalid(ValueError):
    """A saved session that can't be used; the message says why, and what to do."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The saved session can't be used: {why}. Begin without it, with seeds and the network's id.")


class SavedPlace(Struct, frozen=True, forbid_unknown_fields=True):
    """A place as it is saved; see :class:`Place`.

    :ivar lied_at: Unix seconds.
    """

    url: Annotated[str, Meta(max_length=512)]
    is_seed: bool
    node: Annotated[str, Meta(max_length=64)] = ""
    latency: Annotated[float, Meta(ge=0, le=3_600)] | None = None
    suspicions: _Whole = 0
    lie: Annotated[str, Meta(max_length=512)] | None = None
    lied_at: Annotated[float, Meta(ge=0)] = 0.0


class _Epoch(Struct, frozen=True, forbid_unknown_fields=True):
    number: _Whole
    base: _Whole
    validators: Annotated[list[_Hex32], Meta(min_length=1, max_length=VALIDATORS_MAX)]


class _State(Struct, frozen=True, forbid_unknown_fields=True):
    network: _Hex32
    height: _Whole
    epoch: _Epoch | None
    header: Annotated[str, Meta(max_length=1_024)]
    places: Annotated[list[SavedPlace], Meta(max_length=2 * PLACES_MAX)]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    digest: str
    state: Raw


@attrs.frozen
class SavedSession:
    """A session, saved.

    :ivar height: The newest that its caller was shown. :ivar epoch: The newest that it verified, open-ended; None if it
        verified nothing.
    :ivar header: The newest final one that it verified, if any.
    """

    network: bytes
    height: int
    epoch: Epoch | None
    header: Header | None
    places: Sequence[SavedPlace]


def save_places(ranked: Sequence[Place], now: float) -> list[SavedPlace]:
    """The places that are worth saving, but those that could not be read again.

    :param ranked: The best first. :param now: Unix seconds.
    """
    good = [place for place in ranked if place.lie is None][:PLACES_MAX]
    liars = [place for place in ranked if place.lie is not None][:PLACES_MAX]
    for place in liars:
        place.lied_at = place.lied_at or now
    saved = [
        SavedPlace(
            place.url, place.is_seed, place.node, place.latency, place.suspicions,
            None if place.lie is None else place.lie[:512], place.lied_at,
        )
        for place in good + liars
    ]  # fmt: skip
    return [each for each in saved if _is_readable(each)]


def _is_readable(place: SavedPlace) -> bool:
    """Whether a place is read again as it is saved: nothing that nodes told may spoil all of a session."""
    try:
        msgspec.json.decode(msgspec.json.encode(place), type=SavedPlace)
        read_place(place.url)
    except (msgspec.MsgspecError, AddressInvalid, UnicodeEncodeError):
        return False
    return True


def restore_places(directory: Directory, places: Sequence[SavedPlace]) -> None:
    """Take up what was saved. A seed that lied is not asked either."""
    for saved in places:
        place = directory.learn(read_place(saved.url))
        if place is not None:
            place.node, place.latency, place.suspicions = saved.node, saved.latency, saved.suspicions
            place.lie, place.lied_at = saved.lie, saved.lied_at
            place.needs_help = place.is_by_key and not place.is_seed and saved.latency is None


def encode_session(session: SavedSession) -> bytes:
    """The text of a saved session, with as many of the places as there is room for: the first ones."""
    epoch = session.epoch
    places = list(session.places)
    while True:
        state = msgspec.json.encode(
            _State(
                session.network.hex(),
                min(session.height, _HEIGHT_MAX),
                None if epoch is None else _Epoch(epoch.number, epoch.base, [key.hex() for key in epoch.validators]),
                "" if session.header is None else session.header.encode().hex(),
                places,
            )
        )
        raw = msgspec.json.encode(_File(FORMAT, sha256(state).hexdigest(), Raw(state)))
        if len(raw) <= BYTES_MAX or not places:
            return raw
        places.pop()


def decode_session(raw: bytes, now: float) -> SavedSession:
    """Read what :func:`encode_session` wrote.

    :param now: Unix seconds: what is too old is left out.
    :raises StateInvalid: It is damaged, of another format, or no saved session at all.
    """
    if len(raw) > BYTES_MAX:
        raise StateInvalid("it is larger than any")
    try:
        file = msgspec.json.decode(raw, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise StateInvalid("it is damaged") from None
    if file.format != FORMAT:
        raise StateInvalid(f"its format is {file.format}, this version reads {FORMAT}")
    if sha256(bytes(file.state)).hexdigest() != file.digest:
        raise StateInvalid("it is damaged")
    try:
        state = msgspec.json.decode(file.state, type=_State)
        places = [each for each in state.places if each.lie is None or now - each.lied_at < LIAR_SECONDS]
        for each in places:
            read_place(each.url)
        header = Header.decode(bytes.fromhex(state.header)) if state.header else None
    except (msgspec.DecodeError, AddressInvalid, LedgerError, ValueError) as error:
        raise StateInvalid(f"it has what no session saves ({error})") from None
    network = bytes.fromhex(state.network)
    epoch = None
    if state.epoch is not None:
        validators = tuple(map(bytes.fromhex, state.epoch.validators))
        epoch = Epoch(network, state.epoch.number, validators, state.epoch.base)
    return SavedSession(network, state.height, epoch, header, places)
