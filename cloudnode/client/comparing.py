"""Comparing nodes without trusting any: each one's signed state is weighed against a final header.

Theory of operation. All that is trusted is the network's id. A genesis whose hash is that id names the first
validators, epochs are followed from there, and a header that they finalized carries the state root of the height.
Any one of the nodes may bring these: they are checked, not believed. Where nodes are asked one by one, each answers
``getdatahash`` at the height, signed and proven; where one node is asked to compare, it hands on what others signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import attrs
import msgspec
from twisted.internet.defer import Deferred, gatherResults

from cloudnode.client.client import Client
from cloudnode.client.epochs import EpochChain
from cloudnode.client.errors import AnswerMalformed, ClientError, RemoteError
from cloudnode.client.proofs import convert_proof
from cloudnode.client.signed import read_signed
from cloudnode.formats.comparing import Yardstick, weigh
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.evidence import SignedAnswer, encode_evidence
from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.formats.receipt import Answer

FAR_BEHIND = 100
"""A node so many heights below the others does not decide where to compare."""

State = Literal["agrees", "behind", "pruned", "lying", "silent"]


@attrs.frozen
class Compared:
    """A node.

    :ivar place: Its URL or address. :ivar node: Its key in hex, as it says; empty if it said nothing.
    :ivar newest: The height of its newest block. :ivar behind: How many heights that is below the highest.
    :ivar reason: What is wrong. :ivar root: What it signed, in hex. :ivar evidence: That it lies, in hex.
    """

    place: str
    node: str = ""
    state: State = "silent"
    newest: int | None = None
    behind: int = 0
    reason: str | None = None
    root: str | None = None
    evidence: str | None = None


@attrs.frozen
class Comparison:
    """Nodes at one height.

    :ivar root: The state root that the validators signed.
    """

    network: str
    height: int
    root: str
    nodes: list[Compared]


class NothingToCompare(ClientError):
    """No node brought what a comparison needs."""


# Trust


async def learn_network(clients: Sequence[Client], network: bytes | None) -> tuple[Genesis, EpochChain]:
    """The genesis with its epochs, from the first node that has them.

    :param network: The network's id; None for whichever the first node that answers is of.
    :raises NothingToCompare: No node is of that network, or none answers; the message has what each did instead.
    """
    reasons = []
    for client in clients:
        try:
            told = (await client.call("getgenesis")).result
            genesis = decode_genesis(str(told["genesis"]).encode())
            if network not in (None, genesis.network):
                raise LedgerError("header_network", f"The node is of network {genesis.network_hex}.")
            chain = EpochChain.of_genesis(genesis)
            await chain.follow(client)
            return genesis, chain
        except (ClientError, LedgerError, KeyError, TypeError) as error:
            reasons.append(f"{client.url}: {error}")
    raise NothingToCompare(f"No node brought a genesis with its epochs ({'; '.join(reasons)}).")


def _yardstick(chain: EpochChain, height: int, told: Any) -> Yardstick:
    """What a node brought as the proof of a height's root, checked.

    :raises LedgerError: It is none.
    """
    proof = convert_proof(told)
    header = chain.verify_header(*proof.finality())
    if header.root_height != height:
        raise LedgerError("proof_height")
    return proof.yardstick(header)


def _weighed(compared: Compared, yardstick: Yardstick, signed: SignedAnswer, text: bytes) -> Compared:
    try:
        evidence = weigh(yardstick, bytes.fromhex(compared.node), signed, text)
    except (LedgerError, ValueError) as error:
        return attrs.evolve(compared, state="silent", reason=f"Its answer is no signed answer: {error}")
    root = signed.answer.root.hex()
    if evidence is None:
        return attrs.evolve(compared, state="agrees", root=root)
    reason = "It signed another state than the validators."
    return attrs.evolve(
        compared, state="lying", root=root, reason=reason, evidence=encode_evidence(evidence).hex()
    )  # fmt: skip


# Each node by itself


@attrs.frozen
class _Node:
    """A node that was asked: its answer at the height, or what it said instead."""

    compared: Compared
    signed: SignedAnswer | None = None
    text: bytes = b""
    proof: Any = None


async def compare_each(
    clients: Sequence[Client], network: bytes | None = None, height: int | None = None
) -> Comparison:
    """Ask nodes one by one and compare what they sign.

    :param network: The network's id; None to take that of the first node. :param height: None for the newest height
        that all can prove, but for those that are far behind.
    :raises NothingToCompare: No node brought a genesis, or none a final header for the height.
    """
    genesis, chain = await learn_network(clients, network)
    infos: list[tuple[Compared, int]] = await gatherResults(
        [Deferred.fromCoroutine(_describe(client, genesis)) for client in clients]
    )
    provable = [most for compared, most in infos if compared.newest is not None]
    if height is None:
        if not provable:
            raise NothingToCompare("No node of this network answers.")
        height = min(each for each in provable if each >= max(provable) - FAR_BEHIND)
    highest = max((compared.newest or 0 for compared, _ in infos), default=0)
    asked: list[_Node] = await gatherResults(
        [
            Deferred.fromCoroutine(_ask(client, compared, height, highest))
            for client, (compared, _) in zip(clients, infos, strict=True)
        ]
    )
    yardstick = _find_yardstick(chain, height, asked)
    nodes = [
        each.compared if each.signed is None else _weighed(each.compared, yardstick, each.signed, each.text)
        for each in asked
    ]
    return Comparison(genesis.network_hex, height, yardstick.root.hex(), nodes)


async def _describe(client: Client, genesis: Genesis) -> tuple[Compared, int]:
    """What a node says of itself, and the newest height that it can prove."""
    try:
        info = (await client.call("getnodeinfo")).result
        node, newest = str(info["node"]), int(info["sync"]["height"])
        if info["network"] != genesis.network_hex:
            return Compared(client.url, node, reason=f"It is of network {info['network']}."), 0
        return Compared(client.url, node, newest=newest), int(info["sync"]["provable_height"])
    except ClientError as error:
        return Compared(client.url, reason=error.message), 0
    except (KeyError, TypeError, ValueError):
        return Compared(client.url, reason="What it says of itself is not of the documented form."), 0


async def _ask(client: Client, compared: Compared, height: int, highest: int) -> _Node:
    if compared.newest is None:
        return _Node(compared)
    compared = attrs.evolve(compared, behind=max(0, highest - compared.newest))
    try:
        answer = await client.call("getdatahash", {}, {"at": height, "sign": True, "proof": True})
        signed = read_signed(answer, "getdatahash")
        return _Node(compared, signed, bytes(answer.raw), msgspec.json.decode(answer.raw_context).get("proof"))
    except RemoteError as error:
        if error.name in ("height_future", "not_provable"):
            return _Node(attrs.evolve(compared, state="behind"))
        state: State = "pruned" if error.name == "height_pruned" else "silent"
        return _Node(attrs.evolve(compared, state=state, reason=str(error)))
    except ClientError as error:
        return _Node(attrs.evolve(compared, reason=error.message))
    except LedgerError as error:
        return _Node(attrs.evolve(compared, reason=f"Its answer is no signed answer: {error}"))


def _find_yardstick(chain: EpochChain, height: int, asked: Sequence[_Node]) -> Yardstick:
    reasons = []
    for each in asked:
        if each.signed is None:
            reasons.append(f"{each.compared.place}: {each.compared.reason or each.compared.state}")
            continue
        try:
            return _yardstick(chain, height, each.proof)
        except LedgerError as error:
            reasons.append(f"{each.compared.place}: {error}")
    raise NothingToCompare(f"No node brought a final header for height {height} ({'; '.join(reasons)}).")


# One node that asks others


async def compare_by(client: Client, network: bytes | None, params: dict[str, Any]) -> Comparison:
    """Have a node compare itself with nodes that are linked with it, and check all that it hands on.

    :param network: The network's id; None to take the node's. :param params: Of the method ``compare``.
    :raises NothingToCompare: It brought no genesis, or no final header.
    """
    genesis, chain = await learn_network([client], network)
    told = (await client.call("compare", params)).result
    try:
        height, newest = int(told["height"]), int(told["newest"])
        signed, text = _handed_on(told["signed"])
        yardstick = _yardstick(chain, height, told | {"nodes": [told["state"]]})
        own = _weighed(Compared(client.url, str(told["node"]), newest=newest), yardstick, signed, text)
        nodes = [_recheck(each, yardstick) for each in told["nodes"]]
    except LedgerError as error:
        raise NothingToCompare(f"{client.url} brought no final header: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise AnswerMalformed(f"The answer of {client.url} is not of the documented form.") from None
    return Comparison(genesis.network_hex, height, yardstick.root.hex(), [own, *nodes])


def _handed_on(told: Any) -> tuple[SignedAnswer, bytes]:
    signed = SignedAnswer(Answer.decode(bytes.fromhex(told["answer"])), bytes.fromhex(told["signature"]))
    return signed, str(told["text"]).encode()


def _recheck(told: Any, yardstick: Yardstick) -> Compared:
    """What a node says of another, as far as the other's signature bears it out."""
    newest = None if told["newest"] is None else int(told["newest"])
    said = Compared(told["addr"] or told["node"], str(told["node"]), newest=newest, behind=int(told["behind"]))
    if told["signed"] is None:
        state: State = told["state"] if told["state"] in ("behind", "pruned") else "silent"
        return attrs.evolve(said, state=state, reason=told["reason"])
    weighed = _weighed(said, yardstick, *_handed_on(told["signed"]))
    if weighed.state == "agrees" and told["state"] == "behind":
        return attrs.evolve(weighed, state="behind")
    return weighed
