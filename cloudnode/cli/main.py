"""The entry point of the command ``cloudnode``.

What a start costs is felt at every call, so nothing is imported before it is needed: Twisted by commands that speak to
a node, a transport by its URL, the method table by ``call`` and ``completion``.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn

from cloudnode.cli.arguments import make_parser
from cloudnode.cli.exits import Exit, explain
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.terminal import Terminal, terminal_of_process

OFFLINE = frozenset({"key", "init", "audit", "completion"})
"""Commands that are plain functions; the others are coroutines that run in the reactor."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command and end the process with its status."""
    arguments = make_parser().parse_args(argv)
    terminal = terminal_of_process(getattr(arguments, "json", False))
    try:
        status = run(arguments, terminal, os.environ)
        terminal.flush()
    except BrokenPipeError:
        # Whoever read us has had enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = Exit.PIPE_CLOSED
    sys.exit(int(status))


def run(arguments: Namespace, terminal: Terminal, environment: Mapping[str, str]) -> Exit:
    """Run a parsed command; errors become a line on standard error and a status."""
    try:
        return _run(arguments, terminal, environment)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        explained = explain(error)
        terminal.error(explained.message, explained.name, explained.status, **explained.data)
        return explained.status


def _run(arguments: Namespace, terminal: Terminal, environment: Mapping[str, str]) -> Exit:
    command = import_module(f"cloudnode.cli.commands.{arguments.command}")
    if arguments.command in OFFLINE:
        status: Exit = command.run(Invocation(arguments, terminal, environment))
        return status

    from twisted.internet import reactor

    from cloudnode.cli.running import Interrupted, run_in_reactor
    from cloudnode.client.connecting import connect

    invocation = Invocation(arguments, terminal, environment, reactor, connect)
    try:
        ended: Exit = run_in_reactor(reactor, command.run(invocation))
        return ended
    except Interrupted:
        return Exit.INTERRUPTED


