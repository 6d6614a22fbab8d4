"""A command's session with the network: it says who lied, and how far an answer was checked.

All that reads and writes data goes through here, whichever nodes are named. Commands about one node (``status``,
``doctor``) ask that node itself, by :meth:`cloudnode.cli.invocation.Invocation.connect`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.seen import SeenHeights
from cloudnode.cli.terminal import Terminal
from cloudnode.cli.text import printable
from cloudnode.client.address import AddressInvalid
from cloudnode.client.cloud import Cloud
from cloudnode.client.errors import ClientError

if TYPE_CHECKING:
    from cloudnode.client.client import Client
    from cloudnode.client.cloud.accusing import Accusation
    from cloudnode.client.cloud.answers import CloudAnswer

_WORDS = {
    "partly": "Proven in part{what}; the rest is the word of {who}.",
    "certificate": "Not proven: {who} {says} so of height {height}, whose block is final.",
    "none": "Not checked: {who} {says} so.",
}

_RECORDS = " (each record as it is shown, not that none is missing)"
_PARTS = {
    "listrecords": _RECORDS,
    "search": _RECORDS,
    "getratings": " (how many ratings there are, and their sum)",
    "getaccount": " (who it is, and its first operation)",
}
"""Of an answer that is partly proven, what is."""


@asynccontextmanager
async def open_cloud(
    invocation: Invocation, *, verify: str | None = None, at: Client | None = None
) -> AsyncIterator[Cloud]:
    """A session with the nodes that are named, closed in the end. Liars are told of as they are found. It is not behind
    earlier commands, unless it is for one node alone (``at``).

    :param verify: In place of what the user asks for. :param at: A connection with the node to begin
        at, in place of the nodes that the user names.
    :raises CommandError: An option is none, or all nodes lie. :raises ClientError: No node answers.
    """
    verify, network = verify or invocation.verify, invocation.network
    liars: list[Accusation] = []

    def accuse(accusation: Accusation) -> None:
        liars.append(accusation)
        tell_liar(invocation.terminal, accusation)

    async def connect(url: str) -> Client:
        return at if at is not None and at.is_connected and url == at.url else await invocation.connect(url)

    try:
        cloud = await Cloud.connect(
            invocation.urls if at is None else [at.url],
            invocation.reactor,
            network=None if network is None else network.hex(),
            verify=verify,
            timeout=invocation.timeout,
            on_liar=accuse,
            connect=connect,
        )
    except AddressInvalid as error:
        raise CommandError(str(error)) from None
    except ValueError:
        raise CommandError(
            f"--verify {verify}: give proof, certificate, quorum:K with a K of 2 to 64, or none."
        ) from None
    except ClientError as error:
        if liars:
            raise CommandError(error.message, Exit.LYING, "answer_false") from error
        raise
    seen = SeenHeights(invocation.environment)
    if at is None:
        cloud.go_on_from(seen.find(cloud.network))
    try:
        yield cloud
    finally:
        if verify != "none":  # else a node could tell any height, and no later command would find one that is as far
            seen.note(cloud.network, cloud.height)
        await cloud.reported()
        await cloud.close()


def tell_liar(terminal: Terminal, accusation: Accusation) -> None:
    """Say that a node lied."""
    who = f"{accusation.url} (node {accusation.node})" if accusation.node else accusation.url
    left = "It left evidence, which is spread." if accusation.evidence else "It left no evidence for others."
    terminal.remark(
        f"A node lied: {printable(who)}: {printable(accusation.reason)} It is not asked again. {left}",
        "node_lied",
        url=accusation.url,
        node=accusation.node,
        reason=accusation.reason,
        evidence=accusation.evidence.hex(),
    )


def tell_checked(invocation: Invocation, method: str, answer: CloudAnswer) -> None:
    """Say how far a method's answer was checked, unless it is proven."""
    if answer.checked == "proof":
        return
    _, _, quorum = invocation.verify.partition("quorum:")
    who, says = (f"{quorum} nodes", "say") if quorum else (printable(answer.url), "says")
    invocation.terminal.remark(
        _WORDS[answer.checked].format(who=who, says=says, height=f"{answer.height:,}", what=_PARTS.get(method, "")),
        "not_proven",
        checked=answer.checked,
        url=answer.url,
        height=answer.height,
    )
