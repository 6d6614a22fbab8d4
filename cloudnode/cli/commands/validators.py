"""``cloudnode validators``: who decides, and how those who do appoint others."""

from __future__ import annotations

from pathlib import Path

import attrs

from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.keyfile import read_key
from cloudnode.cli.proposal import Proposal, check_keys, read_proposal, write_proposal
from cloudnode.cli.session import open_cloud
from cloudnode.cli.tables import Column
from cloudnode.cli.terminal import Terminal
from cloudnode.formats.appointment import sign_approval
from cloudnode.formats.epoch import Epoch


async def run(invocation: Invocation) -> Exit:
    """List, propose, approve or submit."""
    actions = {"list": _list, "propose": _propose, "approve": _approve, "submit": _submit}
    return await actions[invocation.arguments.action](invocation)


VERIFY = "certificate"
"""What answers have to pass here, whatever the user asks for. Epochs are checked; that an appointment is final can only
be proven when the validators that it appoints have made a block."""


async def _ask_epoch(invocation: Invocation) -> Epoch:
    """The present epoch, checked from the genesis on."""
    async with open_cloud(invocation, verify=VERIFY) as cloud:
        return await cloud.epoch()


async def _list(invocation: Invocation) -> Exit:
    epoch = await _ask_epoch(invocation)
    terminal = invocation.terminal
    if terminal.is_json:
        terminal.json(
            {
                "network": epoch.network.hex(),
                "epoch": epoch.number,
                "first_height": epoch.base + 1,
                "quorum": epoch.quorum,
                "validators": [key.hex() for key in epoch.validators],
            }
        )
        return Exit.OK
    count = len(epoch.validators)
    terminal.line(f"epoch {epoch.number}, from height {epoch.base + 1:,} on, checked from the genesis on")
    terminal.line(f"{_count(count)}, {epoch.quorum} of them decide; {_tolerance(count)}")
    terminal.line()
    columns = (Column("INDEX", right=True), Column("VALIDATOR"))
    terminal.table(columns, [(str(index), key.hex()) for index, key in enumerate(epoch.validators)])
    return Exit.OK


async def _propose(invocation: Invocation) -> Exit:
    arguments = invocation.arguments
    if not (arguments.validator or arguments.add or arguments.remove):
        raise CommandError("Name the new validators: all with --validator, or changes with --add and --remove.")
    if arguments.validator and (arguments.add or arguments.remove):
        raise CommandError("Name either all validators with --validator, or changes with --add and --remove.")
    epoch = await _ask_epoch(invocation)
    for key in arguments.remove:
        if key not in epoch.validators:
            raise CommandError(f"{key.hex()} is no validator: see 'cloudnode validators list'.")
    kept = tuple(key for key in epoch.validators if key not in arguments.remove)
    keys = tuple(arguments.validator) or (*kept, *arguments.add)
    check_keys(keys)
    if keys == epoch.validators:
        raise CommandError("These are the present validators: there is nothing to change.")
    proposal = Proposal(epoch, keys, {})
    path = Path(arguments.file)
    write_proposal(path, proposal, replace=False)
    _tell(invocation.terminal, path, proposal)
    invocation.terminal.note(
        f"Give {path} to the validators' operators: each looks at it and approves it with "
        "'cloudnode validators approve'. It ends with the epoch: until then all of it must be done."
    )
    return Exit.OK


async def _approve(invocation: Invocation) -> Exit:
    arguments = invocation.arguments
    path, key_path = Path(arguments.file), Path(arguments.validator_key)
    proposal = read_proposal(path)
    if not key_path.exists():
        raise CommandError(f"There is no {key_path}: name the file validator.key of your node's data directory.")
    key = read_key(key_path)
    if not arguments.offline:
        _check_present(proposal, await _ask_epoch(invocation))
    if key.public not in proposal.epoch.validators:
        raise CommandError(f"{key.public.hex()} is none of the present validators, who alone may approve.")
    index = proposal.epoch.validators.index(key.public)
    approval = sign_approval(key, index, proposal.epoch.network, proposal.epoch.number, proposal.validators)
    approved = attrs.evolve(proposal, approvals=proposal.approvals | {index: approval.signature})
    write_proposal(path, approved, replace=True)
    _tell(invocation.terminal, path, approved)
    return Exit.OK


async def _submit(invocation: Invocation) -> Exit:
    first, *others = (read_proposal(Path(name)) for name in invocation.arguments.files)
    proposal = first
    for other in others:
        proposal = proposal.joined(other)
    key = invocation.read_key()
    async with open_cloud(invocation, verify=VERIFY) as cloud:
        _check_present(proposal, await cloud.epoch())
        _check_quorum(proposal)
        submitted = await cloud.submit((await cloud.writer(key)).appoint(proposal.appoint))
    terminal = invocation.terminal
    if terminal.is_json:
        terminal.json({"id": submitted.id, "cursor": submitted.cursor, "epoch": proposal.epoch.number + 1})
        return Exit.OK
    height = "" if submitted.cursor is None else f" above height {submitted.cursor.height:,}"
    terminal.line(f"epoch {proposal.epoch.number + 1} begins{height}, with {_count(len(proposal.validators))}")
    if proposal.added:
        terminal.note("The nodes of the new validators have to run now: a quorum of the new ones makes the next block.")
    return Exit.OK


def _check_present(proposal: Proposal, epoch: Epoch) -> None:
    """:raises CommandError: The proposal is of another network, or its epoch is not the present one."""
    if proposal.epoch.network != epoch.network:
        raise CommandError("The proposal is for another network than the node's.", Exit.REFUSED, "network_other")
    if proposal.epoch.number > epoch.number:
        raise CommandError(
            f"The proposal would end epoch {proposal.epoch.number}, but the node is in {epoch.number} still: wait "
            "until it has caught up, or ask another one.",
            Exit.REFUSED,
            "appoint_epoch",
        )
    if (proposal.epoch.number, proposal.epoch.validators) != (epoch.number, epoch.validators):
        raise CommandError(
            f"The proposal would end epoch {proposal.epoch.number}, but the present one is {epoch.number}: "
            "propose it again, and have it approved anew.",
            Exit.REFUSED,
            "appoint_epoch",
        )


def _check_quorum(proposal: Proposal) -> None:
    """:raises CommandError: Too few have approved; it says who is missing."""
    wanted, present = proposal.epoch.quorum, proposal.epoch.validators
    if len(proposal.approvals) >= wanted:
        return
    missing = ", ".join(f"{index} ({present[index].hex()[:16]}...)" for index in proposal.missing)
    raise CommandError(
        f"{len(proposal.approvals)} of {len(present)} validators approve, and {wanted} have to. Missing: {missing}.",
        Exit.REFUSED,
        "appoint_quorum",
    )


def _tell(terminal: Terminal, path: Path, proposal: Proposal) -> None:
    """Show what is proposed and how far it is."""
    epoch, keys = proposal.epoch, proposal.validators
    if terminal.is_json:
        terminal.json(
            {
                "file": str(path),
                "epoch": epoch.number,
                "validators": [key.hex() for key in keys],
                "added": [key.hex() for key in proposal.added],
                "removed": [key.hex() for key in proposal.removed],
                "approved": sorted(proposal.approvals),
                "missing": proposal.missing,
                "quorum": epoch.quorum,
            }
        )
        return
    terminal.line(f"instead of the {_count(len(epoch.validators))} of epoch {epoch.number}: {_count(len(keys))}")
    terminal.line(_tolerance(len(keys)))
    terminal.line()
    rows = [(str(index), key.hex(), "" if key in epoch.validators else "new") for index, key in enumerate(keys)]
    rows += [("", key.hex(), "goes") for key in proposal.removed]
    terminal.table((Column("INDEX", right=True), Column("VALIDATOR"), Column("CHANGE")), rows)
    terminal.line()
    approved = ", ".join(map(str, sorted(proposal.approvals))) or "nobody"
    wanted = f"{epoch.quorum} of {len(epoch.validators)} have to"
    terminal.line(f"approved by {approved} of the present validators; {wanted}")


def _count(validators: int) -> str:
    return "1 validator" if validators == 1 else f"{validators} validators"


def _tolerance(validators: int) -> str:
    faulty = (validators - 1) // 3
    if faulty:
        return f"{faulty} may fail, or lie, and the network goes on"
    return "no fault is tolerated: if one fails, no block is made until it is back"
