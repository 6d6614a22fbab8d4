"""What an operator can set, as one frozen value made of the command line, a TOML file and defaults.

The command line wins over the file, the file over the defaults. Every mistake is a :class:`ConfigError` of
one line which says where the wrong value stands.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import attrs
from attrs.validators import ge, instance_of, le
from twisted.internet.endpoints import serverFromString

from cloudnode.api.limits import Limits
from cloudnode.formats.checkpoint import Checkpoint, parse_checkpoint
from cloudnode.peers.catchingup import SyncSetting
from cloudnode.peers.limits import PeerSettings
from cloudnode.peers.places import JoinAddress, JoinInvalid, parse_join
from cloudnode.reach.settings import PORT_MAPPING_MODES, REACH_MODES, PortMappingMode, ReachMode, ReachSettings
from cloudnode.store.pruning import HEIGHTS_KEPT
from cloudnode.stun.limiting import RateLimits
from cloudnode.transports.stun.stream import StreamLimits

LogFormat = Literal["text", "json"]
LogLevelName = Literal["debug", "info", "warn", "error", "critical"]

LOG_FORMATS: tuple[LogFormat, ...] = ("text", "json")
SYNC_SETTINGS: tuple[SyncSetting, ...] = ("auto", "replay", "state")
LOG_LEVELS: tuple[LogLevelName, ...] = ("debug", "info", "warn", "error", "critical")

DEFAULT_HTTP = ("tcp:38081",)
DEFAULT_WS = ("tcp:38082",)
DEFAULT_WS_UDP = ("38083",)
BY_DEFAULT = frozenset({"http", "ws", "ws-udp"})
NONE = "none"
ALL = "all"

SETTINGS = (
    "datadir", "http", "ws", "ws-udp", "stun", "stun-alternate", "join", "checkpoint", "sync", "keep", "reach",
    "port-mapping", "log-format", "log-level",
)  # fmt: skip
TABLES = ("limits", "ledger", "peers", "mappings", "stun-limits")

_T = TypeVar("_T")
_Table = TypeVar("_Table", Limits, "LedgerSettings", PeerSettings, ReachSettings, "StunSettings")


class ConfigError(Exception):
    """A setting that can't be used; the text is one line for the operator."""


@attrs.frozen
class UdpAddress:
    """Where a UDP socket is bound.

    :ivar host: An IP address; ``0.0.0.0`` is every one of the machine. :ivar port: 0 lets the system choose.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@attrs.frozen
class LedgerSettings:
    """How much this node does for its ledger; none of it decides what is valid.

    :ivar audit_interval: Seconds between background audits. :ivar audit_share: The share of one core they take; beyond
        1 they run in two processes.
    :ivar pool_operations: Operations that wait for a block at most. :ivar pool_bytes: Bytes of their bodies.
    """

    audit_interval: float = attrs.field(default=300.0, converter=float, validator=ge(1))
    audit_share: float = attrs.field(default=0.2, converter=float, validator=[ge(0.001), le(2)])
    pool_operations: int = attrs.field(default=50_000, validator=[instance_of(int), ge(1)])
    pool_bytes: int = attrs.field(default=67_108_864, validator=[instance_of(int), ge(1)])


@attrs.frozen
class StunSettings:
    """How much STUN this node answers.

    :ivar requests_second: Answers a second and address in the long run. :ivar requests_burst: How many at once.
    :ivar connections: TCP connections of unknown askers, in all. :ivar connections_address: Those of one address.
    :ivar idle_seconds: After which a silent TCP connection of one is closed.
    """

    requests_second: float = attrs.field(default=100.0, converter=float, validator=ge(0.001))
    requests_burst: int = attrs.field(default=500, validator=[instance_of(int), ge(1)])
    connections: int = attrs.field(default=1_024, validator=[instance_of(int), ge(1)])
    connections_address: int = attrs.field(default=32, validator=[instance_of(int), ge(1)])
    idle_seconds: float = attrs.field(default=60.0, converter=float, validator=ge(0.001))

    @property
    def rate(self) -> RateLimits:
        """What of it concerns requests."""
        return RateLimits(self.requests_second, self.requests_burst)

    @property
    def streams(self) -> StreamLimits:
        """What of it concerns TCP connections."""
        return StreamLimits(
            idle_seconds=self.idle_seconds,
            connections=self.connections,
            connections_address=self.connections_address,
        )


@attrs.frozen
class Config:
    """Everything a node needs to know before it starts.

    :ivar datadir: Absolute path of the data directory.
    :ivar by_default: Which of ``http``, ``ws`` and ``ws-udp`` nobody has set: their ports are opened over IPv6 as well.
    :ivar http: Twisted endpoint strings that serve HTTP; empty for none. :ivar ws: The same for WebSocket.
    :ivar ws_udp: UDP addresses that serve WebSocket over HTTP/3 and WebTransport.
    :ivar stun: Addresses that serve STUN alone, over UDP and TCP; None for the usual port, if it is free.
    :ivar stun_alternate: Another address of this machine, and another port, for the same (RFC 5780).
    :ivar join: Nodes of the network to join. :ivar checkpoint: A block that must be in the chain.
    :ivar sync: How a follower comes to the height of its peers.
    :ivar keep: How many blocks below the newest one are kept; None for all.
    :ivar limits: What one caller may ask of this node. :ivar ledger: What the node does for its ledger.
    :ivar peers: How many links it has. :ivar reach: Whether it keeps mappings of NATs.
    :ivar port_mapping: Whether the router is asked to forward ports.
    :ivar reaching: How it does so. :ivar stun_limits: How much STUN is answered.
    """

    datadir: Path
    by_default: frozenset[str] = BY_DEFAULT
    http: tuple[str, ...] = DEFAULT_HTTP
    ws: tuple[str, ...] = DEFAULT_WS
    ws_udp: tuple[UdpAddress, ...] = (UdpAddress("0.0.0.0", 38083),)
    stun: tuple[UdpAddress, ...] | None = None
    stun_alternate: UdpAddress | None = None
    join: tuple[JoinAddress, ...] = ()
    checkpoint: Checkpoint | None = None
    sync: SyncSetting = "auto"
    keep: int | None = None
    reach: ReachMode = "auto"
    port_mapping: PortMappingMode = "auto"
    log_format: LogFormat = "text"
    log_level: LogLevelName = "info"
    limits: Limits = attrs.field(factory=Limits)
    ledger: LedgerSettings = attrs.field(factory=LedgerSettings)
    peers: PeerSettings = attrs.field(factory=PeerSettings)
    reaching: ReachSettings = attrs.field(factory=ReachSettings)
    stun_limits: StunSettings = attrs.field(factory=StunSettings)


def read_file(path: Path) -> dict[str, Any]:
    """Read a TOML file of settings, without looking at what they are.

    :raises ConfigError: It can't be read or is not TOML.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def make_config(given: Mapping[str, Any], environ: Mapping[str, str], home: Path, file: Path | None = None) -> Config:
    """Put the sources together.

    :param given: Settings of the command line by the names in :data:`SETTINGS`; only those that were given.
    :param environ: Read for ``STATE_DIRECTORY`` and ``XDG_DATA_HOME``.
    :param home: The user's home directory.
    :param file: A TOML file with further settings.
    :raises ConfigError: A value can't be used, or the file has a key that is not known.
    """
    settings = _Settings(given, {} if file is None else read_file(file), file)
    stun: tuple[UdpAddress, ...] | None = settings.read("stun", _read_udp_addresses, None)
    return Config(
        datadir=settings.read("datadir", _read_datadir, default_datadir(environ, home)),
        by_default=frozenset(each for each in BY_DEFAULT if not settings.has(each)),
        http=settings.read("http", _read_endpoints, DEFAULT_HTTP),
        ws=settings.read("ws", _read_endpoints, DEFAULT_WS),
        ws_udp=settings.read("ws-udp", _read_udp_addresses, _read_udp_addresses(DEFAULT_WS_UDP)),
        stun=stun,
        stun_alternate=settings.read("stun-alternate", partial(_read_stun_alternate, stun), None),
        join=settings.read("join", _read_joins, ()),
        checkpoint=settings.read("checkpoint", _read_checkpoint, None),
        sync=cast(SyncSetting, settings.read("sync", _choice(SYNC_SETTINGS), "auto")),
        keep=settings.read("keep", _read_keep, None),
        reach=cast(ReachMode, settings.read("reach", _choice(REACH_MODES), "auto")),
        port_mapping=cast(PortMappingMode, settings.read("port-mapping", _choice(PORT_MAPPING_MODES), "auto")),
        log_format=cast(LogFormat, settings.read("log-format", _choice(LOG_FORMATS), "text")),
        log_level=cast(LogLevelName, settings.read("log-level", _choice(LOG_LEVELS), "info")),
        limits=settings.read_table("limits", Limits()),
        ledger=settings.read_table("ledger", LedgerSettings()),
        peers=settings.read_table("peers", PeerSettings()),
        reaching=settings.read_table("mappings", ReachSettings()),
        stun_limits=settings.read_table("stun-limits", StunSettings()),
    )


def default_datadir(environ: Mapping[str, str], home: Path) -> Path:
    """Where the data is unless told otherwise: systemd's state directory, else the user's data directory.

    systemd.exec(5), ``StateDirectory=`` (the first, if there are several); XDG Base Directory 0.8.
    """
    state = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if state:
        return Path(state)
    data_home = Path(environ.get("XDG_DATA_HOME", ""))
    # The specification has relative paths ignored.
    return (data_home if data_home.is_absolute() else home / ".local" / "share") / "cloudnode"


class _Settings:
    """The sources, each value with the name of the place where it stands."""

    def __init__(self, given: Mapping[str, Any], contents: Mapping[str, Any], file: Path | None) -> None:
        self._given = given
        self._contents = contents
        self._file = file
        known = (*SETTINGS, *TABLES)
        for key in contents:
            if key not in known:
                raise ConfigError(f"{file}: unknown key {key!r} (known are {', '.join(known)})")

    def has(self, name: str) -> bool:
        """Whether somebody set it."""
        return name in self._given or name in self._contents

    def read(self, name: str, reader: Callable[[Any], _T], default: _T) -> _T:
        if name in self._given:
            place, value = f"--{name}", self._given[name]
        elif name in self._contents:
            place, value = f"{self._file}: {name}", self._contents[name]
            if name == "datadir" and isinstance(value, str) and self._file is not None:
                # As a file's paths are wherever the file is read from.
                value = str(self._file.absolute().parent / Path(value).expanduser())
        else:
            return default
        try:
            return reader(value)
        except ValueError as error:
            raise ConfigError(f"{place}: {error}") from None

    def read_table(self, name: str, defaults: _Table) -> _Table:
        table = self._contents.get(name, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{self._file}: {name}: a table is expected")
        known = [field.name for field in attrs.fields(type(defaults))]
        made = defaults
        for key, value in table.items():
            if key not in known:
                raise ConfigError(f"{self._file}: unknown key '{name}.{key}' (known are {', '.join(known)})")
            try:
                if isinstance(value, bool | str):
                    raise TypeError
                made = attrs.evolve(made, **{key: value})
            except (TypeError, ValueError):
                raise ConfigError(
                    f"{self._file}: {name}.{key}: {value!r} can't be used "
                    f"(the default is {_toml(getattr(defaults, key))})"
                ) from None
        return made


def _toml(value: Any) -> str:
    """A number or a list of texts as one would write it into the file."""
    return str(list(value)).replace("'", '"') if isinstance(value, tuple) else str(value)


def _read_datadir(value: Any) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"{value!r} is not a path")
    return Path(value).expanduser().absolute()


def _read_texts(value: Any) -> tuple[str, ...]:
    """One text or several; none at all are told by the lone word ``none`` or an empty list."""
    texts = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{value!r} is not a text or a list of texts")
    if NONE in texts and len(texts) > 1:
        raise ValueError(f"{NONE!r} stands alone, not beside {', '.join(t for t in texts if t != NONE)}")
    return () if list(texts) == [NONE] else tuple(texts)


def _read_keep(value: Any) -> int | None:
    """``all``, or a number of blocks that leaves what recent heights need."""
    if value == ALL:
        return None
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if type(number) is not int or number < HEIGHTS_KEPT:
        raise ValueError(f"{value!r} is neither {ALL!r} nor a number of blocks, {HEIGHTS_KEPT} at least")
    return number


def _read_endpoints(value: Any) -> tuple[str, ...]:
    texts = _read_texts(value)
    for text in texts:
        try:
            # A trial parse: an endpoint keeps its reactor until it listens, so it needs none here.
            serverFromString(None, text)
        except Exception as error:
            raise ValueError(
                f"{text!r} is not an endpoint to listen on, such as tcp:38081 or tcp:80:interface=127.0.0.1 "
                f"({str(error) or type(error).__name__})"
            ) from None
    return texts


def _read_joins(value: Any) -> tuple[JoinAddress, ...]:
    try:
        return tuple(parse_join(text) for text in _read_texts(value))
    except JoinInvalid as error:
        raise ValueError(str(error)) from None


def _read_checkpoint(value: Any) -> Checkpoint:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text, HEIGHT:HASH")
    return parse_checkpoint(value)


def _read_udp_addresses(value: Any) -> tuple[UdpAddress, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    plain = [str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in values]
    return tuple(parse_udp_address(text) for text in _read_texts(plain))


def parse_udp_address(text: str) -> UdpAddress:
    """Read ``[ADDRESS:]PORT``, an IPv6 address in brackets.

    :raises ValueError: It is none.
    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address stands in brackets, as in [::1]:38083")
    try:
        address = str(ip_address(host)) if host else "0.0.0.0"
        number = int(port) if port.isascii() and port.isdigit() else -1
    except ValueError:
        raise ValueError(f"{text!r}: {host!r} is not an IP address") from None
    if not 0 <= number <= 65_535:
        raise ValueError(f"{text!r} is not a UDP port, as in 38083 or 127.0.0.1:38083")
    return UdpAddress(address, number)


def _read_stun_alternate(stun: tuple[UdpAddress, ...] | None, value: Any) -> UdpAddress:
    """``ADDRESS[:PORT]``; without a port, the one after that of the address that it is an alternate to."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text, ADDRESS[:PORT]")
    if stun is None or len(stun) != 1 or ip_address(stun[0].host).is_unspecified or not 0 < stun[0].port < 65_535:
        raise ValueError("it goes with one address and port that STUN is served at, as in --stun 192.0.2.1:3478")
    try:
        alternate = UdpAddress(str(ip_address(value.strip("[]"))), stun[0].port + 1)
    except ValueError:
        alternate = parse_udp_address(value)
    if ip_address(alternate.host).version != ip_address(stun[0].host).version:
        raise ValueError(f"{value!r} and {stun[0]} are of two families")
    if alternate.host == stun[0].host or alternate.port in (0, stun[0].port):
        raise ValueError(f"{value!r} has to differ from {stun[0]} in both its address and its port")
    return alternate


def _choice(choices: Sequence[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
        return str(value)

    return read
