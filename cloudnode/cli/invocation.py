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
from cloudnode.cli.values import certificate_hash
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
    def url(self) -> str:
        """The node's URL."""
        given = getattr(self.arguments, "node", None) or self.environment.get("CLOUDNODE_URL")
        return given or DEFAULT_URL

    @property
    def timeout(self) -> float:
        """Seconds that one thing may take."""
        return getattr(self.arguments, "timeout", TIMEOUT)

    @property
    def certificate_hash(self) -> bytes | None:
        """The hash of the certificate that the node must show.

        :raises CommandError: The environment's is none.
        """
        given: bytes | None = getattr(self.arguments, "cert_hash", None)
        named = self.environment.get("CLOUDNODE_CERT_HASH")
        if given is not None or not named:
            return given
        try:
            return certificate_hash(named)
        except argparse.ArgumentTypeError as error:
            raise CommandError(f"$CLOUDNODE_CERT_HASH: {error}.") from None

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

    async def connect(self, url: str | None = None) -> Client:
        """Connect to the node.

        :raises CommandError: The URL is none.
        :raises ConnectionFailed: It can't be reached.
        """
        from cloudnode.client.address import AddressInvalid

        assert self.connector is not None
        try:
            return await self.connector(
                url or self.url,
                self.reactor,
                certificate_hash=self.certificate_hash,
                timeout=self.timeout,
                connect_timeout=min(self.timeout, 10.0),
            )
        except AddressInvalid as error:
            raise CommandError(str(error)) from None
