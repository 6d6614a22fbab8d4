"""The command line of ``twistd cloudnode``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.python import usage

from cloudnode import __version__
from cloudnode.reach.settings import PORT_MAPPING_MODES, REACH_MODES
from cloudnode.service.config import LOG_FORMATS, LOG_LEVELS, SYNC_SETTINGS, Config, ConfigError, make_config

_REPEATABLE = ("http", "ws", "ws-udp", "stun", "join")

_EXAMPLES = """
HTTP and WS are Twisted endpoint strings, WS UDP is [ADDRESS:]PORT. By default
their ports are served at all addresses, IPv6 and IPv4; one that is given, where it says:
  tcp:38081                                      all IPv4 addresses
  tcp:38081:interface=\\:\\:                       all addresses, IPv6 and IPv4
  tcp:38081:interface=127.0.0.1                  behind a proxy
  ssl:443:privateKey=key.pem:certKey=chain.pem   a domain's certificate
  unix:/run/cloudnode/http.sock
  systemd:domain=INET:index=0                    a socket that systemd holds
  127.0.0.1:38083                                WS UDP on one address
  [::]:38083                                     WS UDP on all addresses

JOIN names any node of the network to join:
  ws://node.example:38082
  cloudnode:NODE@192.0.2.7:38082?network=HASH    its key and the network's hash, both checked

The TOML file holds settings under the same names, and limits; the command line wins:
  http = ["tcp:38081", "unix:/run/cloudnode/http.sock"]
  ws-udp = "none"
  log-format = "json"
  [limits]
  message_bytes = 1048576
docs/operations.md explains them all.
"""


class Options(usage.Options):
    """Checks everything before a reactor exists.

    :ivar config: What was asked for, once the options are parsed.
    """

    synopsis = "[options]"
    longdesc = (
        "No option is needed: a first start makes the data directory, the keys and a network of one in it. "
        "Ctrl-C or SIGTERM stops the node in order."
    )

    optParameters = [
        ["datadir", "d", None, "Where the data is kept. Default: $STATE_DIRECTORY, which systemd sets, else "
         "$XDG_DATA_HOME/cloudnode, else ~/.local/share/cloudnode"],
        ["config", "c", None, "A TOML file with further settings"],
        ["stun-alternate", None, None, "ADDRESS[:PORT]: another address of this machine for STUN, so that clients find "
         "out what kind of NAT they have (RFC 5780). Goes with --stun ADDRESS:PORT. Default port: the one after that"],
        ["checkpoint", None, None, "HEIGHT:HASH of a block that must be in the chain; another history is not followed"],
        ["sync", None, None, f"How a follower catches up: {', '.join(SYNC_SETTINGS)} (replay blocks, or fetch a recent "
         "state). Default: auto, what is sensible"],
        ["keep", None, None, "How many blocks are kept below the newest one, 1000 or more, or all. Default: all"],
        ["reach", None, None, f"Whether ports are kept open in a NAT: {', '.join(REACH_MODES)}. Default: auto, where "
         "there is one"],
        ["port-mapping", None, None, "Whether the router is asked to forward the node's ports, by PCP, NAT-PMP or "
         f"UPnP: {', '.join(PORT_MAPPING_MODES)}. Default: auto"],
        ["log-format", None, None, f"{' or '.join(LOG_FORMATS)} (one object a line). Default: text"],
        ["log-level", None, None, f"Log what is at least {', '.join(LOG_LEVELS)}. Default: info"],
    ]  # fmt: skip

    compData = usage.Completions(
        optActions={
            "datadir": usage.CompleteDirs(),
            "config": usage.CompleteFiles("*.toml"),
            "sync": usage.CompleteList(list(SYNC_SETTINGS)),
            "reach": usage.CompleteList(list(REACH_MODES)),
            "port-mapping": usage.CompleteList(list(PORT_MAPPING_MODES)),
            "log-format": usage.CompleteList(list(LOG_FORMATS)),
            "log-level": usage.CompleteList(list(LOG_LEVELS)),
        }
    )

    config: Config

    def __init__(self, environ: Mapping[str, str] = os.environ, home: Path | None = None) -> None:
        """:param home: The user's home directory; found out by itself unless given."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._environ = environ
        self._home = Path("~").expanduser() if home is None else home

    def opt_http(self, endpoint: str) -> None:
        """Serve HTTP: JSON-RPC, REST, metrics, health. Repeatable, or none. Default: tcp:38081"""
        self.setdefault("http", []).append(endpoint)

    def opt_ws(self, endpoint: str) -> None:
        """Serve WebSocket, plain and TLS on one port. Repeatable, or none. Default: tcp:38082"""
        self.setdefault("ws", []).append(endpoint)

    def opt_ws_udp(self, address: str) -> None:
        """Serve WebSocket over HTTP/3 and WebTransport. Repeatable, or none. Default: 38083"""
        self.setdefault("ws-udp", []).append(address)

    def opt_stun(self, address: str) -> None:
        """Serve STUN at [ADDRESS:]PORT too, over UDP and TCP. Repeatable, or none. Default: 3478, if it is free"""
        self.setdefault("stun", []).append(address)

    def opt_join(self, url: str) -> None:
        """Join the network of a node and follow it: its ws://, wss://, ws+udp:// or http(s):// URL, or
        cloudnode:NODE@HOST:PORT?network=HASH. Repeatable. Remembered nodes are found again without it."""
        self.setdefault("join", []).append(url)

    def getUsage(self, width: int | None = None) -> str:
        """The help, with examples below it."""
        return str(super().getUsage(width)) + _EXAMPLES

    def opt_version(self) -> None:
        """Show the version and exit."""
        print(f"cloudnode {__version__}")
        raise SystemExit(0)

    def parseArgs(self, *arguments: str) -> None:
        """Refuse what is not an option by name: it is most likely a mistyped one."""
        if arguments:
            raise usage.UsageError(f"unexpected argument {arguments[0]!r}")

    def postOptions(self) -> None:
        """Make :attr:`config`.

        :raises UsageError: Something can't be used; one line.
        """
        names = (
            "datadir", "stun-alternate", "checkpoint", "sync", "keep", "reach", "port-mapping", "log-format",
            "log-level", *_REPEATABLE,
        )  # fmt: skip
        given: dict[str, Any] = {name: self[name] for name in names if self.get(name) is not None}
        file = None if self["config"] is None else Path(self["config"])
        try:
            self.config = make_config(given, self._environ, self._home, file)
        except ConfigError as error:
            raise usage.UsageError(str(error)) from None
