"""``cloudnode init``: prepare a network, for as many operators as will validate it."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.terminal import Terminal
from cloudnode.formats.block import quorum
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import BOUNDS, Admission, Genesis, Parameters, build_genesis, decode_genesis
from cloudnode.node.datadir import Datadir, DatadirError, PreparedDatadir


def run(invocation: Invocation) -> Exit:
    """Make data directories with one genesis, or one directory's keys."""
    arguments, terminal = invocation.arguments, invocation.terminal
    directory = Path(arguments.directory)
    try:
        if arguments.keys:
            return _show_keys(directory, terminal)
        if arguments.new_journal:
            return _new_journal(directory, terminal)
        if arguments.genesis:
            return _begin(directory, _read_genesis(Path(arguments.genesis)), terminal)
        if arguments.validator:
            return _begin(directory, _make_genesis(arguments, list(arguments.validator)), terminal)
        return _prepare_all(directory, arguments, terminal)
    except DatadirError as error:
        raise CommandError(f"{error}.", Exit.USAGE, "datadir") from None
    except LedgerError as error:
        raise CommandError(str(error), Exit.USAGE, error.code) from None


def _show_keys(directory: Path, terminal: Terminal) -> Exit:
    prepared = Datadir.prepare(directory)
    try:
        node, validator = prepared.node_key.public.hex(), prepared.validator_key.public.hex()
    finally:
        prepared.close()
    if terminal.is_json:
        terminal.json({"directory": str(directory), "node": node, "validator": validator})
    else:
        terminal.line(f"node       {node}")
        terminal.line(f"validator  {validator}")
    return Exit.OK


def _read_genesis(path: Path) -> Genesis:
    try:
        return decode_genesis(path.read_bytes())
    except OSError as error:
        raise CommandError(f"Cannot read {path}: {error.strerror}.") from None


def _new_journal(directory: Path, terminal: Terminal) -> Exit:
    prepared = Datadir.prepare(directory)
    try:
        path = prepared.begin_lost_journal()
    finally:
        prepared.close()
    if terminal.is_json:
        terminal.json({"journal": str(path)})
    else:
        terminal.line(f"journal  {path}")
    return Exit.OK


def _begin(directory: Path, genesis: Genesis, terminal: Terminal) -> Exit:
    """One operator's directory for a network whose validators' keys are known."""
    prepared = _take_empty(directory)
    try:
        is_validator = prepared.validator_key.public in genesis.validators
        prepared.complete(genesis)
    finally:
        prepared.close()
    if terminal.is_json:
        terminal.json({"network": genesis.network_hex, "directory": str(directory), "is_validator": is_validator})
        return Exit.OK
    terminal.line(f"network    {genesis.network_hex}")
    terminal.line(f"directory  {directory}  ({'a validator' if is_validator else 'no validator'} of this network)")
    terminal.note(
        f"Give {directory / 'genesis.json'} to the other operators: each begins with exactly this file, by "
        "'cloudnode init DIRECTORY --genesis FILE'."
    )
    _warn(len(genesis.validators), terminal)
    return Exit.OK


def _prepare_all(directory: Path, arguments: Namespace, terminal: Terminal) -> Exit:
    """A directory for each of so many validators, all on this machine for now."""
    paths = [directory / f"validator-{number}" for number in range(1, arguments.validators + 1)]
    prepared: list[PreparedDatadir] = []
    try:
        for path in paths:
            prepared.append(_take_empty(path))
        genesis = _make_genesis(arguments, [each.validator_key.public for each in prepared])
        for each in prepared:
            each.complete(genesis)
    finally:
        for each in prepared:
            each.close()
    nodes = [
        {"directory": str(each.path), "node": each.node_key.public.hex(), "validator": each.validator_key.public.hex()}
        for each in prepared
    ]
    if terminal.is_json:
        terminal.json({"network": genesis.network_hex, "validators": nodes})
        return Exit.OK
    terminal.line(f"network  {genesis.network_hex}")
    for node in nodes:
        terminal.line(f"{node['directory']}  validator {node['validator']}")
    terminal.note(
        "Each directory is one operator's: bring it to that machine, keep it secret, never run it twice. "
        "Start each with\n"
        "  twistd -n cloudnode --datadir DIRECTORY --join URL-OF-ANOTHER"
    )
    _warn(len(nodes), terminal)
    return Exit.OK


def _take_empty(path: Path) -> PreparedDatadir:
    prepared = Datadir.prepare(path)
    if prepared.genesis is not None:
        prepared.close()
        raise CommandError(f"{path} holds network {prepared.genesis.network_hex} already: name an empty directory.")
    return prepared


def _make_genesis(arguments: Namespace, validators: list[bytes]) -> Genesis:
    given = {name: getattr(arguments, name) for name in BOUNDS}
    parameters = Parameters(
        **{name: value for name, value in given.items() if value is not None},
        admission=arguments.admission or Admission(),
    )
    return build_genesis(
        name=arguments.name, time=int(time.time() * 1000), validators=validators, parameters=parameters
    )


def _warn(validators: int, terminal: Terminal) -> None:
    tolerated = validators - quorum(validators)
    if validators > 1 and not tolerated:
        terminal.note(
            f"{validators} validators tolerate no fault: when one is down, nothing becomes final until it is back. "
            "Four tolerate one."
        )
    elif tolerated:
        terminal.note(f"{tolerated} of these {validators} validators may fail or lie; {quorum(validators)} decide.")
