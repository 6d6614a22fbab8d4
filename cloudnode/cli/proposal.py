"""The file in which operators pass new validators and their approvals from one to the other.

It is JSON. An approval signs network, epoch and the new keys (:mod:`cloudnode.formats.appointment`); the present keys
are in it so that a key can be found among them without asking a node. Nothing of it is believed: every approval is
verified when the file is read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import attrs
import msgspec
from msgspec import Meta, Struct

from cloudnode.cli.exits import CommandError, Exit
from cloudnode.formats.addresses import decode_account
from cloudnode.formats.appointment import approves
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import VALIDATORS_MAX
from cloudnode.formats.operation import Appoint, Approval
from cloudnode.formats.strictjson import INTEGER_MAX

FILE_BYTES_MAX = 1_048_576


class _Approval(Struct, frozen=True, forbid_unknown_fields=True):
    validator: Annotated[int, Meta(ge=0, lt=VALIDATORS_MAX)]
    signature: str


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    network: str
    epoch: Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
    present: list[str]
    validators: list[str]
    approvals: list[_Approval] = []


@attrs.frozen
class Proposal:
    """New validators, and who of the present ones approves them.

    :ivar epoch: The one that is to end, as the file tells it. :ivar validators: The new keys, in order.
    :ivar approvals: True ones, by the index of the present validator.
    """

    epoch: Epoch
    validators: tuple[bytes, ...]
    approvals: dict[int, bytes]

    @property
    def appoint(self) -> Appoint:
        """What the operation says."""
        approvals = tuple(Approval(index, self.approvals[index]) for index in sorted(self.approvals))
        return Appoint(self.epoch.number, self.validators, approvals)

    @property
    def added(self) -> list[bytes]:
        """The keys that are new."""
        return [key for key in self.validators if key not in self.epoch.validators]

    @property
    def removed(self) -> list[bytes]:
        """The keys that go."""
        return [key for key in self.epoch.validators if key not in self.validators]

    @property
    def missing(self) -> list[int]:
        """The indexes of the present validators that have not approved."""
        return [index for index in range(len(self.epoch.validators)) if index not in self.approvals]

    def joined(self, other: Proposal) -> Proposal:
        """With the approvals of another copy.

        :raises CommandError: It is of something else.
        """
        if (other.epoch, other.validators) != (self.epoch, self.validators):
            raise CommandError("The files are of different proposals: give copies of one.", name="proposal_other")
        return attrs.evolve(self, approvals=self.approvals | other.approvals)


def read_proposal(path: Path) -> Proposal:
    """Read a file and verify its approvals.

    :raises CommandError: It can't be read, or something in it is not so.
    """
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX)
    except OSError as error:
        raise CommandError(f"Cannot read {path}: {error.strerror}.") from None
    try:
        told = msgspec.json.decode(content, type=_File)
        epoch = Epoch(decode_account(told.network), told.epoch, _keys(told.present))
        validators = _keys(told.validators)
        approvals = [Approval(each.validator, bytes.fromhex(each.signature)) for each in told.approvals]
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, LedgerError) as error:
        raise CommandError(f"{path} is no proposal of validators: {error}", name="proposal_malformed") from None
    for approval in approvals:
        if not approves(approval, epoch, validators):
            raise CommandError(
                f"In {path} the approval of validator {approval.validator} is not its signature of these validators: "
                "ask its operator to approve the proposal again.",
                Exit.REFUSED,
                "appoint_signature",
            )
    return Proposal(epoch, validators, {approval.validator: approval.signature for approval in approvals})


def write_proposal(path: Path, proposal: Proposal, replace: bool) -> None:
    """Write a file so that it is there in full or not at all.

    :raises CommandError: It exists and is not to be replaced, or can't be written.
    """
    approvals = [_Approval(each.validator, each.signature.hex()) for each in proposal.appoint.approvals]
    told = _File(
        network=proposal.epoch.network.hex(),
        epoch=proposal.epoch.number,
        present=[key.hex() for key in proposal.epoch.validators],
        validators=[key.hex() for key in proposal.validators],
        approvals=approvals,
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and not replace:
            raise CommandError(f"{path} exists already: name another file.")
        try:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(f"Cannot write {path}: {error.strerror}.") from None


def check_keys(keys: tuple[bytes, ...]) -> None:
    """:raises CommandError: They can't be the validators of a network."""
    if not _are_validators(keys):
        raise CommandError(f"A network has 1 to {VALIDATORS_MAX} validators, each named once; these are {len(keys)}.")


def _keys(texts: list[str]) -> tuple[bytes, ...]:
    keys = tuple(decode_account(text) for text in texts)
    if not _are_validators(keys):
        raise LedgerError("validators_invalid")
    return keys


def _are_validators(keys: tuple[bytes, ...]) -> bool:
    return 1 <= len(keys) <= VALIDATORS_MAX and len(set(keys)) == len(keys)
