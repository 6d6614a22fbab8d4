"""Vectors of epochs: how validators were replaced, as nodes tell it, and headers of several epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from cloudnode.formats.block import FINALIZE, Certificate, Header, quorum, sign_vote
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SigningKey
from tests.vectors.make_blocks import a_header
from tests.vectors.make_genesis import genesis, key

Told = dict[str, Any]

# The seeds of each epoch's validators, and the height of the block that ended it.
_EPOCHS: list[tuple[list[int], int | None]] = [([1, 2, 3, 4], 10), ([1, 2, 3, 5], 25), ([5], 26), ([5, 6], None)]


def _keys(epoch: int) -> list[SigningKey]:
    return [key(seed) for seed in _EPOCHS[epoch][0]]


def _public(epoch: int) -> list[bytes]:
    return [each.public for each in _keys(epoch)]


def _header(of: Genesis, epoch: int, height: int, appoints: Sequence[bytes] = ()) -> Header:
    return replace(a_header(of, height=height, root_height=height - 1, validators=appoints), epoch=epoch)


def _final(header: Header, signers: list[SigningKey], descendants: Sequence[Header] = ()) -> Told:
    """A header with its proof, as nodes tell it; ``signers`` sign with the indexes of their places."""
    last = [header, *descendants][-1]
    signatures = tuple(
        (index, sign_vote(signer, last.network, FINALIZE, last.epoch, last.view, last.hash))
        for index, signer in enumerate(signers)
    )
    certificate = Certificate(FINALIZE, last.epoch, last.view, last.hash, signatures)
    return {
        "header": header.encode().hex(),
        "certificate": certificate.encode().hex(),
        "descendants": [each.encode().hex() for each in descendants],
    }


def _by_quorum(header: Header, epoch: int, descendants: Sequence[Header] = ()) -> Told:
    keys = _keys(epoch)
    return _final(header, keys[: quorum(len(keys))], descendants)


def _end(of: Genesis, epoch: int, *, height: int | None = None, by_descendant: bool = False) -> Told:
    """The end of an epoch, which appoints the next one's validators."""
    ends_at = _EPOCHS[epoch][1] if height is None else height
    assert ends_at is not None
    header = _header(of, epoch, ends_at, _public(epoch + 1))
    discarded = replace(_header(of, epoch, ends_at + 1), parent=header.hash, view=header.view + 1)
    return _by_quorum(header, epoch, [discarded] if by_descendant else ())


def _told(of: Genesis) -> list[Told]:
    """All epochs; the end of the second one is proven by a block that was discarded."""
    return [
        {
            "epoch": epoch,
            "validators": [each.hex() for each in _public(epoch)],
            "end": None if ends_at is None else _end(of, epoch, by_descendant=epoch == 1),
        }
        for epoch, (_, ends_at) in enumerate(_EPOCHS)
    ]


def _refused(of: Genesis) -> list[Told]:
    first, second, third, _ = _told(of)
    strangers = [key(seed).public.hex() for seed in (7, 8, 9, 10)]
    goes_on = _by_quorum(_header(of, 1, 25), 1)
    cases: list[tuple[str, str, list[Told]]] = [
        ("other first validators", "block_validators", [{**first, "validators": strangers}]),
        ("other second validators", "block_validators", [first, {**second, "validators": strangers}]),
        ("the second validators in another order", "block_validators",
         [first, {**second, "validators": second["validators"][::-1]}]),
        ("a validator more", "block_validators",
         [first, {**second, "validators": [*second["validators"], strangers[0]]}]),
        ("an epoch with another number", "header_epoch", [first, {**second, "epoch": 2}]),
        ("the end of the epoch before", "header_epoch", [first, {**second, "end": first["end"]}, third]),
        ("an end that appoints nobody", "epoch_goes_on", [first, {**second, "end": goes_on}, third]),
        ("an end that appoints others", "block_validators",
         [first, {**second, "end": _by_quorum(_header(of, 1, 25, _public(3)), 1)}, third]),
        ("an end below the epoch's beginning", "header_discarded",
         [first, {**second, "end": _end(of, 1, height=10)}, third]),
        ("an end signed by the validators of the epoch before", "certificate_signature",
         [first, {**second, "end": _final(_header(of, 1, 25, _public(2)), _keys(0))}, third]),
        ("an end signed by too few", "certificate_quorum",
         [first, {**second, "end": _final(_header(of, 1, 25, _public(2)), _keys(1)[:2])}, third]),
    ]  # fmt: skip
    return [{"name": name, "code": code, "epochs": epochs} for name, code, epochs in cases]


def _headers(of: Genesis) -> tuple[list[Told], list[Told]]:
    good = [
        ("in the first epoch", _by_quorum(_header(of, 0, 7), 0)),
        ("the end of the first epoch", _end(of, 0)),
        ("the first of the second epoch", _by_quorum(_header(of, 1, 11), 1)),
        ("the only one of the third epoch", _end(of, 2)),
        ("in the present epoch", _by_quorum(_header(of, 3, 90), 3)),
    ]
    bad = [
        ("above the end of its epoch", "header_discarded", _by_quorum(_header(of, 0, 11), 0)),
        ("at the height where its epoch began", "header_discarded", _by_quorum(_header(of, 1, 10), 1)),
        ("of an epoch to come", "header_epoch", _by_quorum(_header(of, 4, 90), 3)),
        ("by validators of the epoch before", "certificate_signature", _final(_header(of, 1, 11), _keys(0))),
        ("by more validators than there are", "certificate_validator", _final(_header(of, 2, 26), _keys(1)[:3])),
        ("by one of two", "certificate_quorum", _final(_header(of, 3, 90), _keys(3)[:1])),
    ]
    return (
        [{"name": name, **told} for name, told in good],
        [{"name": name, "code": code, **told} for name, code, told in bad],
    )


def epochs() -> dict[str, Any]:
    """Epochs as ``getepochs`` tells them, and headers to be verified by whoever followed them."""
    of = genesis(4)
    accepted, refused = _headers(of)
    return {
        "genesis": of.text.decode(),
        "epochs": _told(of),
        "bases": [0, *(ends_at for _, ends_at in _EPOCHS if ends_at is not None)],
        "refused": _refused(of),
        "headers": accepted,
        "refused_headers": refused,
    }
