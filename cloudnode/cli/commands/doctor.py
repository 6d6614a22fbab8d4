"""``cloudnode doctor``: how a node is reached from outside, why, and what its operator can do."""

from __future__ import annotations

import attrs

from cloudnode.cli.diagnosis import SUMMARIES, Diagnosis, diagnose
from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.terminal import Terminal
from cloudnode.cli.text import printable
from cloudnode.client.errors import AnswerMalformed

_STYLES = {
    "direct": "green", "punched": "green", "inside": "yellow", "relayed": "yellow", "alone": "red", "unknown": "yellow",
}  # fmt: skip
_REACHED = {True: ("open", "green"), False: ("shut", "red"), None: ("?", "yellow")}


async def run(invocation: Invocation) -> Exit:
    """Ask each node that is named what it knows, and say what that means."""
    for number, url in enumerate(invocation.urls):
        client = await invocation.connect(url)
        try:
            info = (await client.call("getnodeinfo")).result
            stun = (await client.call("getstuninfo")).result
        finally:
            await client.close()
        try:
            diagnosis = diagnose(info, stun)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise AnswerMalformed(f"What {url} tells of itself is not of the documented form.") from None
        if invocation.terminal.is_json:
            invocation.terminal.json(attrs.asdict(diagnosis) | {"summary": SUMMARIES[diagnosis.verdict]})
            continue
        if number:
            invocation.terminal.line()
        _show(invocation.terminal, client.url, diagnosis)
    return Exit.OK


def _show(terminal: Terminal, url: str, diagnosis: Diagnosis) -> None:
    verdict = diagnosis.verdict
    terminal.line(f"{printable(url)}: {terminal.paint(SUMMARIES[verdict], _STYLES[verdict])}")
    terminal.line()
    terminal.line(terminal.paint("ports", "bold"))
    for each in diagnosis.interfaces:
        word, style = _REACHED[each.is_reached]
        terminal.line(f"  {terminal.paint(f'{word:<5}', style)} {printable(each.name)}: {printable(each.why)}")
    for title, lines in (("mappings", diagnosis.mappings), ("NAT", diagnosis.nat), ("what to do", diagnosis.advice)):
        if lines:
            terminal.line()
            terminal.line(terminal.paint(title, "bold"))
            terminal.lines([f"  {printable(line)}" for line in lines])
