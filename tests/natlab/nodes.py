"""Nodes of the project on hosts of a lab, and cuts between these hosts."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Sequence
from pathlib import Path

from tests.integration.conftest import NodeProcess, NotifySocket
from tests.natlab import natlab

_CONFIG = f"""\
[limits]
# The callers of a test come from a host of the lab, all from one address.
trusted = ["127.0.0.0/8", "{natlab.HOST_SUBNET}"]
"""
_TABLE = "table ip cloudnode_cut"


class LabNode(NodeProcess):
    """A node on a host of a lab, at the ports that nodes have by default. :ivar host: The host."""

    def __init__(self, host: natlab.Host, home: Path, arguments: Sequence[str] = ()) -> None:
        """:param home: A directory of its own (created). :param arguments: More options of ``twistd cloudnode``."""
        self.host = host
        self.address = host.address
        home.mkdir(parents=True, exist_ok=True)
        self._notify_path = home / "notify"
        config = home / "config.toml"
        config.write_text(_CONFIG)
        super().__init__(home, ["--config", str(config), *arguments])

    def choose_ports(self) -> list[int]:
        """The host is its own: all ports are free."""
        return [38081, 38082, 38083]

    def make_notify_socket(self) -> NotifySocket:
        """With a path: names without one belong to a network namespace."""
        self._notify_path.unlink(missing_ok=True)
        return NotifySocket(str(self._notify_path))

    def command(self, command: list[str]) -> list[str]:
        """In the host's namespace."""
        inside: list[str] = self.host.command(command)
        return inside

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """By a socket of the host itself: a cut between hosts does not keep the test from asking."""
        connection = http.client.HTTPConnection(self.address, self.http_port, timeout=timeout)
        plain = self.host.socket(socket.AF_INET, socket.SOCK_STREAM)
        plain.settimeout(timeout)
        plain.connect((self.address, self.http_port))
        connection.sock = plain
        return connection


def split(*groups: Sequence[natlab.Host]) -> None:
    """Let hosts of different groups reach each other no longer; what they send is lost silently, both ways.

    Hosts that are in no group reach all. Another split replaces the one before on the hosts that it names.
    """
    for group in groups:
        others = [host for other in groups if other is not group for host in other]
        for host in group:
            isolate(host, others)


def isolate(host: natlab.Host, others: Sequence[natlab.Host]) -> None:
    """Lose silently what goes between one host and others, by rules on this host alone."""
    host.nft(f"{_TABLE}\ndelete {_TABLE}\n" + (_drop(others) if others else ""))


def _drop(others: Sequence[natlab.Host]) -> str:
    """One behind a router is known by that router's address as well."""
    addresses = ", ".join(sorted({address for other in others for address in (other.address, other.public_address)}))
    return f"""{_TABLE} {{
    chain input {{ type filter hook input priority filter; ip saddr {{ {addresses} }} drop; }}
    chain output {{ type filter hook output priority filter; ip daddr {{ {addresses} }} drop; }}
}}
"""


def heal(*hosts: natlab.Host) -> None:
    """Take back what :func:`split` or :func:`isolate` did to these hosts; without one it is harmless."""
    for host in hosts:
        with contextlib.suppress(natlab.LabError):
            host.nft(f"delete {_TABLE}")
