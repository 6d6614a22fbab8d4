"""``cloudnode demo``: a whole network on this machine, live."""

from __future__ import annotations

import random
import signal
import sys
from pathlib import Path
from typing import Any

from cloudnode.cli.demo.demo import Demo
from cloudnode.cli.demo.display import Display, JsonDisplay, LineDisplay, LiveDisplay
from cloudnode.cli.demo.node import DemoNode
from cloudnode.cli.demo.plan import PlanError, count_validators, find_free_ports, make_plans, prepare
from cloudnode.cli.demo.screen import agreement_words, summary
from cloudnode.cli.demo.watching import Watcher
from cloudnode.cli.demo.workload import Workload
from cloudnode.cli.demo.workplace import Workplace, WorkplaceTaken
from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.text import printable
from cloudnode.node.datadir import DatadirError


async def run(invocation: Invocation) -> Exit:
    """Prepare, run, and leave nothing behind."""
    arguments = invocation.arguments
    _check_script(arguments)
    try:
        workplace = Workplace(None if arguments.datadir is None else Path(arguments.datadir))
    except WorkplaceTaken as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"Cannot make a directory for the nodes: {error}.") from None
    try:
        return await _run_in(workplace, invocation)
    except (PlanError, DatadirError) as error:
        raise CommandError(f"{error}.") from None
    finally:
        workplace.close()


def _check_script(arguments: Any) -> None:
    for timed in arguments.script or ():
        if timed.action.node > arguments.nodes:
            raise CommandError(f"The script names node {timed.action.node}, but there are {arguments.nodes} nodes.")


async def _run_in(workplace: Workplace, invocation: Invocation) -> Exit:
    arguments, terminal, reactor = invocation.arguments, invocation.terminal, invocation.reactor
    plans = make_plans(
        workplace.path, arguments.nodes, count_validators(arguments.nodes), find_free_ports(3 * arguments.nodes)
    )
    prepare(plans)
    nodes = [DemoNode(plan, reactor) for plan in plans]
    watcher = Watcher(nodes, invocation.connect)
    load = Workload(nodes, watcher.client, reactor, random.Random())
    demo = Demo(
        nodes, watcher, load, reactor, str(workplace.path), script=arguments.script or (), seconds=arguments.seconds
    )
    # A terminal that is closed ends the demo as Ctrl-C does.
    signal.signal(signal.SIGHUP, lambda number, frame: reactor.callFromThread(reactor.stop))
    status = await demo.run(_display(invocation, demo))
    if not terminal.is_json:
        words, style = agreement_words(demo.last.agreement)
        terminal.line(f"{summary(demo.last)}; {terminal.paint(words, style)}")
        for node in nodes:
            if node.reason:
                terminal.line(f"node {node.number} failed: {printable(node.reason)}")
        terminal.flush()
        kept = f"The data directories are in {workplace.path}." if workplace.is_kept else "Nothing is left of it."
        terminal.note(f"All nodes have ended. {kept}")
    return status


def _display(invocation: Invocation, demo: Demo) -> Display:
    terminal = invocation.terminal
    if terminal.is_json:
        return JsonDisplay(terminal)
    if terminal.columns is None or not sys.stdin.isatty() or invocation.environment.get("TERM") == "dumb":
        return LineDisplay(terminal)
    return LiveDisplay(terminal, sys.stdout, sys.stdin.fileno(), invocation.reactor, demo.typed)
