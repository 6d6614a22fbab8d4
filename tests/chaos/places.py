"""Where the nodes and the clients of a run are: each in a network namespace of its own, or all beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tests.chaos.faults import Fault
from tests.integration.conftest import NodeProcess
from tests.natlab import natlab
from tests.natlab.nodes import LabNode, heal, isolate


class Places(Protocol):
    """Makes nodes, and cuts them off."""

    nodes: list[NodeProcess]

    def add(self, home: Path, arguments: Sequence[str]) -> NodeProcess:
        """A node that was not started, at a place of its own."""

    def client_command(self, command: list[str]) -> list[str]:
        """The command that runs a command where the clients are."""

    def cut(self, fault: Fault) -> None:
        """Cut a node off."""

    def mend(self, fault: Fault) -> None:
        """Take that back."""

    def close(self) -> None:
        """Remove the places; all processes there are gone."""


class OneMachine:
    """All on 127.0.0.1: nobody can be cut off."""

    def __init__(self) -> None:
        self.nodes: list[NodeProcess] = []

    def add(self, home: Path, arguments: Sequence[str]) -> NodeProcess:
        """As :class:`Places` says."""
        self.nodes.append(NodeProcess(home, arguments))
        return self.nodes[-1]

    def client_command(self, command: list[str]) -> list[str]:
        """As :class:`Places` says."""
        return command

    def cut(self, fault: Fault) -> None:
        """:raises NotImplementedError: Always."""
        raise NotImplementedError("cuts need network namespaces")

    def mend(self, fault: Fault) -> None:
        """:raises NotImplementedError: Always."""
        raise NotImplementedError("cuts need network namespaces")

    def close(self) -> None:
        """As :class:`Places` says."""


class Namespaces:
    """Each node on a host of its own, the clients on another one, all on one made-up Internet."""

    def __init__(self) -> None:
        """:raises LabError: There can be none here."""
        self.nodes: list[NodeProcess] = []
        self._lab = natlab.Lab()
        self._clients = self._lab.public_host("clients")

    def add(self, home: Path, arguments: Sequence[str]) -> NodeProcess:
        """As :class:`Places` says."""
        self.nodes.append(LabNode(self._lab.public_host(f"node-{len(self.nodes) + 1}"), home, arguments))
        return self.nodes[-1]

    def client_command(self, command: list[str]) -> list[str]:
        """As :class:`Places` says."""
        inside: list[str] = self._clients.command(command)
        return inside

    def cut(self, fault: Fault) -> None:
        """A silent cut keeps the node's clients, which then wait for what can't become final."""
        host = self._host(fault)
        if fault.is_silent:
            # By rules on this host alone: cuts of others at the same time are not touched.
            isolate(host, [other for other in self._hosts() if other is not host])
        else:
            host.link.unplug()

    def mend(self, fault: Fault) -> None:
        """As :class:`Places` says."""
        host = self._host(fault)
        if fault.is_silent:
            heal(host)
        else:
            host.link.plug_in()

    def close(self) -> None:
        """As :class:`Places` says."""
        self._lab.close()

    def _hosts(self) -> list[natlab.Host]:
        return [node.host for node in self.nodes if isinstance(node, LabNode)]

    def _host(self, fault: Fault) -> natlab.Host:
        return self._hosts()[fault.node]
