"""Sessions with real nodes that are killed, come back and lie, over every transport."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from cloudnode.client.cloud import Cloud
from cloudnode.client.cloud.accusing import Accusation
from cloudnode.client.cloud.blocks import STORE
from cloudnode.client.cloud.censorship import Censorship
from cloudnode.client.cloud.errors import AnswerFalse
from cloudnode.client.errors import ConnectionFailed, TimedOut
from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Item
from cloudnode.formats.keys import SigningKey
from tests.integration.conftest import NodeProcess, NodeStarter, wait_until
from tests.integration.test_honesty import judged_offline, start_liar
from tests.integration.test_peers import AUTHOR, height, node_id, peers, put

WRITES = 24
"""Each an event; a node is killed every :data:`LIFE` of them."""

LIFE = 8

UNANSWERED = (AnswerFalse, ConnectionFailed, TimedOut)


def get_reactor() -> Any:
    from twisted.internet import reactor

    return reactor


async def pause(seconds: float) -> None:
    await deferLater(get_reactor(), seconds)


async def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Poll a condition without stopping the session; fail the test by name when it does not come true in time."""
    deadline = get_reactor().seconds() + seconds
    while not condition():
        if get_reactor().seconds() > deadline:
            pytest.fail(f"{what} took longer than {seconds:g} s")
        await pause(0.05)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[NodeProcess]]:
    """A validator, and two that follow it; each test leaves them running."""
    validator = NodeProcess(tmp_path_factory.mktemp("validator"))
    nodes = [validator]
    try:
        validator.start()
        put(validator, "film0")
        for name in ("first", "second"):
            follower = NodeProcess(tmp_path_factory.mktemp(name), ["--join", validator.ws_url])
            nodes.append(follower)
            follower.start()
        wait_until(lambda: len(peers(validator)) == 2, 60, "links with both")
        wait_until(lambda: min(map(height, nodes)) >= 1, 60, "their catching up")
        yield nodes
    finally:
        for node in reversed(nodes):
            node.close()


@pytest_twisted.ensureDeferred
async def test_transports(network: list[NodeProcess]) -> None:
    """A session begins at any node by any transport, and each answer is proven."""
    validator, first, second = network
    record = {"account": AUTHOR.public.hex(), "collection": "film", "key": "film0"}
    identity = validator.call("getnodeinfo")["network"]
    for url in (first.http_url, first.ws_url, second.wss_url, second.ws_udp_url):
        cloud = await Cloud.connect([url], get_reactor(), network=identity)
        try:
            cloud.pin(url)
            answer = await cloud.call("getrecord", record)
            assert (answer.url, answer.checked, answer.result["version"]) == (url, "proof", 1)
            cloud.pin()
            # Over HTTP alone there are no subscriptions: the node tells where its WebSocket is.
            subscription = await cloud.subscribe("records")
            await until(lambda subscription=subscription: bool(subscription.url), "a node that is subscribed to")
            assert subscription.url.startswith("ws")
        finally:
            await cloud.close()


@pytest_twisted.ensureDeferred
async def test_killed_and_revived(network: list[NodeProcess]) -> None:
    """A session that reads, writes and subscribes while the node under it is killed: nothing lost, doubled or
    backward.
    """
    _, first, second = network
    cloud = await Cloud.connect([first.ws_url, second.ws_url], get_reactor())
    nodes = {first.ws_url: first, second.ws_url: second}
    heights: list[tuple[int, int]] = []
    told: list[str] = []
    is_done = False
    try:
        # The followers alone, so that it is always one of them that serves.
        cloud.pin(*nodes)
        subscription = await cloud.subscribe("records", {"collection": "event"})
        writer = await cloud.writer(SigningKey(b"\x07" * 32))

        async def read() -> None:
            while not is_done:
                least = cloud.height
                answer = await cloud.call("getdatahash")
                heights.append((least, answer.height))
                await pause(0.01)

        async def listen() -> None:
            async for item in subscription:
                told.append(key_of(item))
                if len(told) == WRITES:
                    return

        reading, listening = Deferred.fromCoroutine(read()), Deferred.fromCoroutine(listen())
        killed: NodeProcess | None = None
        for number in range(WRITES):
            if number % LIFE == LIFE // 2:
                await until(lambda: subscription.url in nodes, "a node that is subscribed to")
                killed = nodes[subscription.url]
                killed.kill()
            if number % LIFE == LIFE - 1 and killed is not None:
                killed.spawn()
                await started(killed)
            submitted = await cloud.submit(writer.put("event", f"{number}", number))
            assert submitted.cursor is not None
            # What was written is there at once, whoever answers.
            assert (await cloud.call("getdatahash")).height >= submitted.cursor.height
        await listening.addTimeout(60, get_reactor())
        is_done = True
        await reading
    finally:
        await cloud.close()
    assert told == [f"{number}" for number in range(WRITES)]
    assert all(least <= height for least, height in heights) and len(heights) > LIFE
    assert cloud.accusations == []


def key_of(item: Item) -> str:
    return str(json.loads(bytes(item.raw))["key"])


async def started(node: NodeProcess) -> None:
    """Wait for a node without stopping the session meanwhile."""
    await until(lambda: node.notify.told("READY", "1"), "the node's start")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("lie", ["root", "record"])
async def test_liar(network: list[NodeProcess], make_node: NodeStarter, lie: str) -> None:
    """A node that lies under its own signature is left, named by evidence, and its answers are not shown."""
    validator, honest, _ = network
    liar = make_node("--join", validator.ws_url)
    start_liar(liar, lie)
    wait_until(lambda: height(liar) >= height(validator), 60, "the liar's catching up")
    record = {"account": AUTHOR.public.hex(), "collection": "film", "key": "film0"}
    accused: list[Accusation] = []
    cloud = await Cloud.connect([liar.ws_url, honest.ws_url], get_reactor(), on_liar=accused.append)
    try:
        # Of it alone there is no answer: what it says is true every other time, and never false.
        cloud.pin(liar.ws_url)
        deadline = get_reactor().seconds() + 60
        while not accused and get_reactor().seconds() < deadline:
            with contextlib.suppress(*UNANSWERED):  # where the machine is busy that need not be for a lie yet
                assert (await cloud.call("getrecord", record, timeout=2.0)).result["version"] == 1
        with pytest.raises(UNANSWERED):
            await cloud.call("getrecord", record, timeout=2.0)
        cloud.pin(liar.ws_url, honest.ws_url)
        assert [each.node for each in accused] == [node_id(liar)]
        assert judged_offline(honest, accused[0].evidence.hex()).culprit.hex() == node_id(liar)

        def culprits() -> list[str]:
            return [each["culprit"] for each in honest.call("getevidence")["evidence"]]

        await until(lambda: node_id(liar) in culprits(), "the evidence at the honest node")
        assert (await cloud.call("getrecord", record)).url == honest.ws_url
    finally:
        await cloud.close()


@pytest_twisted.ensureDeferred
async def test_omission(network: list[NodeProcess], make_node: NodeStarter) -> None:
    """A node that leaves an operation out of a block is found out by a subscription, which misses nothing."""
    validator, honest, _ = network
    liar = make_node("--join", validator.ws_url)
    start_liar(liar, "omission")
    wait_until(lambda: height(liar) >= height(validator), 60, "the liar's catching up")
    STORE.clear()  # what other sessions of this process proved
    cloud = await Cloud.connect([liar.ws_url, honest.ws_url], get_reactor())
    try:
        cloud.pin(liar.ws_url)
        subscription = await cloud.subscribe("records", None, LogPlace(0, 0))
        taken = Deferred.fromCoroutine(anext(subscription))
        while not (lying := [place.url for place in cloud.places if place.lie is not None]):
            assert not taken.called
            await pause(0.05)
        cloud.pin(liar.ws_url, honest.ws_url)
        item = await taken.addTimeout(60, get_reactor())
        assert (key_of(item), item.checked, lying) == ("film0", "proof", [liar.ws_url])
    finally:
        await cloud.close()


@pytest_twisted.ensureDeferred
async def test_censor(network: list[NodeProcess], make_node: NodeStarter) -> None:
    """A node that takes an operation and forgets it is noticed; the operation takes another way."""
    validator, honest, _ = network
    censor = make_node("--join", validator.ws_url)
    start_liar(censor, "censor")
    wait_until(lambda: height(censor) >= height(validator), 60, "the censor's catching up")
    noticed: list[Censorship] = []
    cloud = await Cloud.connect([censor.ws_url, honest.ws_url], get_reactor(), on_censorship=noticed.append)
    try:
        writer = await cloud.writer(SigningKey(b"\x09" * 32))
        other = await cloud.writer(SigningKey(b"\x0a" * 32))
        cloud.pin(censor.ws_url)
        operation = writer.put("event", "censored", 1)
        assert (await cloud.submit(operation, "accepted")).receipt is not None
        cloud.pin(honest.ws_url)
        number = 0
        while not noticed:
            await cloud.submit(other.put("event", f"{number}", number))
            number += 1
        assert (noticed[0].node, noticed[0].operation) == (node_id(censor), operation.id.hex())
        record = {"account": writer.account.hex(), "collection": "event", "key": "censored"}
        while (await cloud.submit(operation)).result != "ok":
            await pause(0.1)
        assert (await cloud.call("getrecord", record)).result["data"] == 1
    finally:
        await cloud.close()


@pytest_twisted.ensureDeferred
async def test_stale(network: list[NodeProcess]) -> None:
    """A node that lags is left for a fresh one, and is no liar."""
    validator, lonely, _ = network
    cloud = await Cloud.connect([lonely.ws_url, validator.ws_url], get_reactor())
    try:
        cloud.pin(lonely.ws_url, validator.ws_url)
        writer = await cloud.writer(SigningKey(b"\x08" * 32))
        os.kill(lonely.pid, 19)  # SIGSTOP: its connections stay
        try:
            for number in range(3):
                submitted = await cloud.submit(writer.put("event", f"{number}", number))
                assert submitted.cursor is not None
                answer = await cloud.call("getdatahash")
                assert answer.url == validator.ws_url and answer.height >= submitted.cursor.height
        finally:
            os.kill(lonely.pid, 18)
        assert cloud.accusations == []
    finally:
        await cloud.close()


@pytest_twisted.ensureDeferred
async def test_quorum(network: list[NodeProcess]) -> None:
    """With a quorum several nodes give the same answer, byte for byte."""
    cloud = await Cloud.connect([node.ws_url for node in network], get_reactor(), verify="quorum:3")
    try:
        nodes = {node_id(node) for node in network}
        await until(lambda: nodes <= {place.signer for place in cloud.places}, "all nodes' word who they are")
        assert (await cloud.call("listrecords", {})).checked == "partly"
        assert (await cloud.call("getdatahash")).checked == "proof"
        state = cloud.save()
    finally:
        await cloud.close()
    # The next session knows where to ask.
    cloud = await Cloud.connect(reactor=get_reactor(), state=state)
    try:
        assert (await cloud.call("getdatahash")).checked == "proof"
        assert {node.ws_url for node in network} <= {place.url for place in cloud.places}
    finally:
        await cloud.close()


@pytest_twisted.ensureDeferred
async def test_by_key(network: list[NodeProcess]) -> None:
    """A node is named by its key alone and reached through another; what it answers is proven like any answer."""
    validator, first, _ = network
    cloud = await Cloud.connect([validator.ws_url], get_reactor())
    try:
        place = f"node:{node_id(first)}"
        cloud.pin(place)
        answer = await cloud.call("getdatahash")
        assert (answer.url, answer.checked) == (place, "proof")
        assert (await cloud.call("getnodeinfo")).result["node"] == node_id(first)
    finally:
        await cloud.close()
