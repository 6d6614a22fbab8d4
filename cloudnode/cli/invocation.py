"""One run of the command: its arguments, its streams, and its way to a node."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from cloudnode.cli.arguments import DEFAULT_URL
from cloudnode.cli.exits import CommandError
from cloudnode.cli.keyfile import default_path, read_key
from cloudnode.cli.terminal import Terminal
from cloudnode.cli.values import sha256_hash
from cloudnode.formats.keys import SigningKey

if TYPE_CHECKING:
    from cloudnode.client.client import Client

TIMEOUT = 30.0

Connect = Callable[..., Awaitable["Client"]]


@attrs.frozen
class Invocation:
    """What a command works with.

    :ivar reactor: None for commands that need no node. :ivar connect: As :func:`cloudnode.client.connecting.connect`.
    """

    arguments: argparse.Namespace
    terminal: Terminal
    environment: Mapping[str, str]
    reactor: Any = None
    connector: Connect | None = None

    @property
    def urls(self) -> list[str]:
        """The URLs of the nodes that are named, each once; the usual one of this machine if none is."""
        given = getattr(self.arguments, "nodes", None) or self.environment.get("CLOUDNODE_URL", "").split()
        return list(dict.fromkeys(given)) or [DEFAULT_URL]

    @property
    def verify(self) -> str:
        """How far answers are checked, as :meth:`cloudnode.client.cloud.cloud.Cloud.connect` takes it."""
        return getattr(self.arguments, "verify", None) or self.environment.get("CLOUDNODE_VERIFY") or "proof"

    @property
    def network(self) -> bytes | None:
        """The network's id; None to take that of the first node.

        :raises CommandError: The environment's is none.
        """
        return _read_hash("CLOUDNODE_NETWORK", getattr(self.arguments, "network", None), self.environment)

    @property
    def timeout(self) -> float:
        """Seconds that one thing may take."""
        return getattr(self.arguments, "timeout", TIMEOUT)

    @property
    def certificate_hash(self) -> bytes | None:
        """The hash of the certificate that the node must show.

        :raises CommandError: The environment's is none.
        """
        return _read_hash("CLOUDNODE_CERT_HASH", getattr(self.arguments, "cert_hash", None), self.environment)

    @property
    def key_path(self) -> Path:
        """Where the key is."""
        given = getattr(self.arguments, "key", None)
        return Path(given) if given else default_path(self.environment)

    def read_key(self) -> SigningKey:
        """The user's key.

        :raises CommandError: There is none.
        """
        return read_key(self.key_path)

    def own_account(self) -> str:
        """The user's account, 64 hex digits.

        :raises CommandError: There is no key.
        """
        return self.read_key().public.hex()

    def full_address(self, text: str) -> str:
        """A record's address; ``collection/key`` is one of the user's own."""
        if text.count("/") == 1:
            return f"{self.own_account()}/{text}"
        return text

    async def connect(self, url: str) -> Client:
        """Connect to a node.

        :raises CommandError: The URL is none.
        :raises ConnectionFailed: It can't be reached.
        """
        from cloudnode.client.address import AddressInvalid

        assert self.connector is not None
        try:
            return await self.connector(
                url,
                self.reactor,
                certificate_hash=self.certificate_hash,
                timeout=self.timeout,
                connect_timeout=min(self.timeout, 10.0),
            )
        except AddressInvalid as error:
            raise CommandError(str(error)) from None


def _read_hash(variable: str, given: bytes | None, environment: Mapping[str, str]) -> bytes | None:
    """An option, or else what the environment has for it.

    :raises CommandError: That is no hash.
    """
    named = environment.get(variable)
    if given is not None or not named:
        return given
    try:
        return sha256_hash(named)
    except argparse.ArgumentTypeError as error:
        raise CommandError(f"${variable}: {error}.") from None
