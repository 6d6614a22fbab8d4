"""What shows a liar's lie to others, gathered from the liar itself and handed to nodes that keep it.

A false answer by itself shows nothing to anybody else. Two answers that the node signed and that differ do, and so does
a signed state that is not the one which the validators signed. A node that tells everybody the same false record under
the true root leaves neither; it is left all the same.
"""

from __future__ import annotations

from typing import Any

import attrs

from cloudnode.client.client import Client
from cloudnode.client.cloud.checking import Checker
from cloudnode.client.errors import ClientError
from cloudnode.client.signed import read_signed
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.evidence import COMPARABLE, answers_evidence, encode_evidence, judge

TIMES = 4
"""How often the liar is asked the same question."""


@attrs.frozen
class Accusation:
    """A node that told what is not so.

    :ivar url: Where it was asked. :ivar node: Its key in hex: proven if there is evidence, else its own word.
    :ivar reason: What is wrong, a code of :mod:`cloudnode.formats.errors`, and a sentence. :ivar evidence: What shows
        it to anyone who knows the genesis (:func:`cloudnode.formats.evidence.judge`); empty if the node left none.
    """

    url: str
    node: str
    reason: str
    evidence: bytes = b""


async def gather_evidence(
    checker: Checker, client: Client, method: str, params: Any, height: int
) -> tuple[str, bytes] | None:
    """Have a liar sign what shows that it lies.

    :param method: :param params: The question that it answered falsely. :param height: Where the answer was to hold.
    :returns: The key that it signed with, in hex, and the evidence; None if it gives itself no such blow.
    """
    found = await _state_evidence(checker, client)
    if found is None and method in COMPARABLE:
        found = await _answers_evidence(checker, client, method, params, height)
    return found


async def _state_evidence(checker: Checker, client: Client) -> tuple[str, bytes] | None:
    try:
        weighed = await checker.weigh_state(client)
    except (ClientError, LedgerError):
        return None
    return None if weighed.evidence is None else (weighed.node, weighed.evidence)


async def _answers_evidence(
    checker: Checker, client: Client, method: str, params: Any, height: int
) -> tuple[str, bytes] | None:
    first = None
    for _ in range(TIMES):
        try:
            signed = read_signed(await client.call(method, params, {"at": height, "sign": True}), method)
            first = first or signed
            evidence = answers_evidence(first, signed)
            verdict = judge(evidence, checker.genesis.network, lambda number: None)
        except LedgerError:
            continue  # the same as before, or not signed
        except ClientError:
            return None
        return verdict.culprit.hex(), encode_evidence(evidence)
    return None
