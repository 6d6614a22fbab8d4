"""Asking the nodes what they hold, and whether it is the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred, FirstError, gatherResults

from cloudnode.cli.demo.node import DemoNode
from cloudnode.client.client import Client
from cloudnode.client.errors import ClientError

ANSWER_SECONDS = 2.0
"""How long a node may take to answer before it counts as one that does not."""

Connect = Callable[[str], Awaitable[Client]]

T = TypeVar("T")


async def gather(asked: Sequence[Deferred[T]]) -> list[T]:
    """All results; the first failure as it is, a cancellation too."""
    try:
        return await gatherResults(asked, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
        raise


@attrs.frozen
class NodeView:
    """A node as it is shown.

    :ivar state: ``serving``, ``syncing``, ``starting``, ``silent`` (it runs but does not answer), ``corrupt``,
        ``diverged``, ``stopped``, ``dead``, ``failed`` or ``waiting``. :ivar rate: Operations a second, lately.
    :ivar note: What is wrong with it, or how far it is, in words; empty if there is nothing to say.
    """

    number: int
    state: str
    pid: int | None = None
    role: str = ""
    height: int | None = None
    root: str = ""
    records: int | None = None
    ratings_sum: int | None = None
    peers: int | None = None
    rate: float | None = None
    note: str = ""

    @property
    def serves(self) -> bool:
        """Whether it answers reads; a node that fetches a whole state does not yet."""
        return self.state == "serving" or (self.state == "syncing" and self.root != "")


@attrs.frozen
class Agreement:
    """Whether the roots are equal.

    :ivar height: The common height, None if there is none. :ivar roots: By root, the nodes that have it there.
    """

    height: int | None = None
    roots: Mapping[str, tuple[int, ...]] = attrs.field(factory=dict)

    @property
    def is_equal(self) -> bool | None:
        """None if there are no two to compare."""
        return len(self.roots) == 1 if self.nodes > 1 else None

    @property
    def nodes(self) -> int:
        """How many nodes told their root."""
        return sum(len(numbers) for numbers in self.roots.values())


@attrs.frozen
class Round:
    """What one round of questions gave."""

    nodes: tuple[NodeView, ...]
    agreement: Agreement

    @property
    def serving(self) -> int:
        """How many nodes serve."""
        return sum(view.serves for view in self.nodes)


class Watcher:
    """Asks all nodes, round for round."""

    def __init__(self, nodes: Sequence[DemoNode], connect: Connect) -> None:
        """:param connect: A client that finds its node again after a restart, as one by HTTP does."""
        self._nodes = nodes
        self._connect = connect
        self._clients: dict[int, Client] = {}
        self._has_answered: set[int] = set()

    async def ask(self) -> Round:
        """One round: all nodes at once what they are, then those that serve for the root at their common height."""
        asked = [Deferred.fromCoroutine(self._view(node)) for node in self._nodes]
        views = tuple(await gather(asked))
        return Round(views, await self._compare(views))

    async def client(self, node: DemoNode) -> Client:
        """The client of a node."""
        if node.number not in self._clients:
            self._clients[node.number] = await self._connect(node.plan.http_url)
        return self._clients[node.number]

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()

    async def _view(self, node: DemoNode) -> NodeView:
        if node.condition != "running":
            return self._without_answer(node)
        pid = node.pid
        try:
            client = await self.client(node)
            info = (await client.call("getnodeinfo", timeout=ANSWER_SECONDS)).result
            state = info["sync"]["state"]
            data = None
            if state == "serving":
                data = (await client.call("getdatahash", timeout=ANSWER_SECONDS)).result
        except ClientError as error:
            return self._without_answer(node, error)
        self._has_answered.add(node.number)
        return _view_of(node.number, pid, info, data)

    def _without_answer(self, node: DemoNode, error: ClientError | None = None) -> NodeView:
        if node.condition != "running":  # perhaps only since it was asked
            self._has_answered.discard(node.number)
            return NodeView(node.number, node.condition, node.pid, note=node.reason or "")
        if node.number in self._has_answered:
            return NodeView(node.number, "silent", node.pid, note=str(error))
        return NodeView(node.number, "starting", node.pid)

    async def _compare(self, views: Sequence[NodeView]) -> Agreement:
        serving = [view for view in views if view.serves and view.height is not None]
        # One that is far behind would have all others asked for a height that they no longer tell.
        near = [view for view in serving if view.state == "serving"] or serving
        if not near:
            return Agreement()
        height = min(view.height for view in near if view.height is not None)
        asked = [Deferred.fromCoroutine(self._root(view.number, height)) for view in near]
        roots: dict[str, tuple[int, ...]] = {}
        for view, root in zip(near, await gather(asked), strict=True):
            if root is not None:
                roots[root] = (*roots.get(root, ()), view.number)
        return Agreement(height, roots)

    async def _root(self, number: int, height: int) -> str | None:
        try:
            client = await self.client(self._nodes[number - 1])
            told = (await client.call("getdatahash", context={"at": height}, timeout=ANSWER_SECONDS)).result
        except ClientError:
            return None  # it was killed just now, say
        root: str = told["root"]
        return root


def _view_of(number: int, pid: int | None, info: dict[str, Any], data: dict[str, Any] | None) -> NodeView:
    sync = info["sync"]
    state, note, behind = sync["state"], sync["trouble"] or "", sync["target"] - sync["height"]
    if state == "serving" and behind > 2:
        state = "syncing"
        note = note or f"{behind:,} blocks behind"
    if state == "corrupt" and info["audit"]["findings"]:
        note = note or info["audit"]["findings"][0]
    view = NodeView(
        number,
        state,
        pid,
        role=sync["role"],
        height=sync["height"],
        peers=info["peers"]["inbound"] + info["peers"]["outbound"],
        rate=sync["operations_second"],
        note=note,
    )
    if data is None:
        return view
    return attrs.evolve(
        view, height=data["height"], root=data["root"], records=data["records"], ratings_sum=data["ratings_sum"]
    )
