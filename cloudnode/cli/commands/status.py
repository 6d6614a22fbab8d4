"""``cloudnode status``: a picture of a node in text."""

from __future__ import annotations

import time
from typing import Any

from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.session import open_cloud
from cloudnode.cli.tables import Column
from cloudnode.cli.terminal import Terminal
from cloudnode.cli.text import printable
from cloudnode.client.client import Client
from cloudnode.client.cloud.answers import CloudAnswer
from cloudnode.client.errors import AnswerMalformed, RemoteError

STATE_SECONDS = 5.0
"""Seconds that a node may take to prove its state: one that has just begun needs two blocks."""

_BANS_SHOWN = 3

_STATE_STYLE = {"serving": "green", "starting": "yellow", "syncing": "yellow", "corrupt": "red", "diverged": "red",
                "repairing": "yellow"}  # fmt: skip
_NOT_SERVING = {"starting": Exit.NO_ANSWER, "syncing": Exit.NO_ANSWER, "corrupt": Exit.DAMAGED,
                "diverged": Exit.DAMAGED, "repairing": Exit.DAMAGED}  # fmt: skip
_CHECKED = {"proof": "proven to be what the validators signed"}


async def run(invocation: Invocation) -> Exit:
    """Show each node that is named; the worst decides how the command ends."""
    worst = Exit.OK
    for number, url in enumerate(invocation.urls):
        if number and not invocation.terminal.is_json:
            invocation.terminal.line()
        worst = max(worst, await _run_one(invocation, url))
    return worst


async def _run_one(invocation: Invocation, url: str) -> Exit:
    """Ask a node for what it tells of itself, and have it prove the state of the data if it serves any."""
    client = await invocation.connect(url)
    try:
        asked = invocation.reactor.seconds()
        told = await client.call("getnodeinfo")
        milliseconds = (invocation.reactor.seconds() - asked) * 1000
        info = told.result
        serving = info["sync"]["state"]
        state = await _fetch_state(invocation, client) if serving == "serving" else None
        if invocation.terminal.is_json:
            checked = "none" if state is None else state.checked
            invocation.terminal.json({"node": told.raw, "state": state and state.raw, "checked": checked})
        else:
            _show(invocation.terminal, client.url, info, state, milliseconds)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise AnswerMalformed(f"What {url} tells of itself is not of the documented form.") from None
    finally:
        await client.close()
    return _NOT_SERVING.get(serving, Exit.OK)


async def _fetch_state(invocation: Invocation, client: Client) -> CloudAnswer | None:
    """The sums of the data with their root; None if the node has none yet, or stopped serving just now."""
    try:
        async with open_cloud(invocation, at=client) as cloud:
            cloud.pin(client.url)
            return await cloud.call("getdatahash", timeout=min(invocation.timeout, STATE_SECONDS))
    except RemoteError as error:
        if error.code == -28 or error.name == "not_provable":
            return None
        raise


def _show(
    terminal: Terminal, url: str, info: dict[str, Any], state: CloudAnswer | None, milliseconds: float
) -> None:
    sync, block = info["sync"], info["lastblock"]
    terminal.line(
        f"{terminal.paint(printable(info['chain']), 'bold')} at {url}: "
        f"{terminal.paint(sync['state'], _STATE_STYLE.get(sync['state'], 'yellow'))}"
    )
    terminal.line()
    age = max(0, info["time"] - block["time"])
    block_words = f"{age} s old, {block['ntx']:,} operations, provable to {sync['provable_height']:,}"
    pairs = [("height", f"{sync['height']:,}, {block_words}")]
    if state is not None:
        data = state.result
        average = f", {data['ratings_sum'] / data['ratings_count']:.3f} on average" if data["ratings_count"] else ""
        pairs += [
            ("root", f"{data['root']}, {_CHECKED.get(state.checked, 'not proven')}"),
            ("records", f"{data['records']:,} of {data['accounts']:,} accounts"),
            ("ratings", f"{data['ratings_count']:,}, sum {data['ratings_sum']:,}{average}"),
        ]
    pairs += [
        ("sync", _sync(sync)),
        ("log", _log(sync)),
        ("peers", _peers(info["peers"])),
        ("audit", _audit(info["audit"])),
        *_repair(info["repair"]),
        ("network", info["network"]),
        ("node", info["node"]),
        ("software", f"{info['software']['name']} {info['software']['version']}"),
        ("running", _span(info["time"] - info["started"])),
        ("answered", f"in {milliseconds:.1f} ms"),
    ]
    terminal.pairs(pairs)
    for finding in info["audit"]["findings"]:
        terminal.line(terminal.paint(f"  damage: {printable(finding)}", "red"))
    terminal.line()
    _show_interfaces(terminal, info)
    _show_certificates(terminal, info)


def _show_interfaces(terminal: Terminal, info: dict[str, Any]) -> None:
    columns = (Column("INTERFACE"), Column("PROTOCOL"), Column("ADDRESS"), Column("PORT", right=True), Column("TLS"))
    rows = [
        (each["transport"], each["protocol"], each["address"], str(each["port"]), "yes" if each["secure"] else "no")
        for each in info["interfaces"]
    ]
    terminal.table(columns, rows)


def _show_certificates(terminal: Terminal, info: dict[str, Any]) -> None:
    if not info["certificates"]:
        return
    terminal.line()
    columns = (Column("CERTIFICATE (for --cert-hash)"), Column("VALID UNTIL"))
    rows = [(each["hash"], _date(each["not_after"])) for each in info["certificates"]]
    terminal.table(columns, rows)


def _sync(sync: dict[str, Any]) -> str:
    if sync["trouble"] is not None:
        return f"{sync['role']}: {printable(sync['trouble'])}"
    if sync["phase"] == "state":
        return f"{sync['role']}, fetching the state: {_rows(sync)}{_left(sync)}"
    if sync["target"] <= sync["height"]:
        return f"{sync['role']}, up to date"
    behind = f"{sync['target'] - sync['height']:,} blocks behind"
    return f"{sync['role']}, {behind}, {sync['operations_second']:,.0f} operations/s{_left(sync)}"


def _rows(sync: dict[str, Any]) -> str:
    if not sync["total"]:
        return "looking for one"
    return f"{sync['rows']:,} of {sync['total']:,} rows ({sync['rows'] / sync['total']:.0%})"


def _left(sync: dict[str, Any]) -> str:
    return "" if sync["seconds_left"] is None else f", {sync['seconds_left']:,.0f} s left"


def _log(sync: dict[str, Any]) -> str:
    if sync["blocks_from"] <= 1:
        return "all blocks"
    return f"blocks from {sync['blocks_from']:,} on"


def _peers(peers: dict[str, Any]) -> str:
    linked = f"{peers['outbound']} dialled, {peers['inbound']} dialled this node; {peers['known']} addresses known"
    # An older node does not tell.
    bans = [printable(f"{each['whom']} ({each['fault']})") for each in peers.get("banned", ())]
    more = f" and {len(bans) - _BANS_SHOWN} more" if len(bans) > _BANS_SHOWN else ""
    return f"{linked}; banned: {', '.join(bans[:_BANS_SHOWN])}{more}" if bans else linked


def _audit(audit: dict[str, Any]) -> str:
    words = {
        "never": "not run yet",
        "running": f"running, {audit['progress']:.0%}",
        "ok": "all sound",
        "corrupt": f"{len(audit['findings'])} findings: the database is damaged",
    }.get(audit["state"], str(audit["state"]))
    if audit["height"] is not None and audit["finished"] is not None:
        words += f"; {audit['rows']:,} rows sound at height {audit['height']:,}"
    return words


def _repair(repair: dict[str, Any]) -> list[tuple[str, str]]:
    if repair["doing"] is not None:
        return [("repair", f"{repair['doing']}, {repair['progress']:.0%}")]
    if repair["trouble"] is not None:
        return [("repair", printable(repair["trouble"]))]
    if repair["last"] is None:
        return []
    last = f"{_date(repair['finished'])}: {printable(repair['last'])}"
    return [("repair", f"{repair['repairs']} since the start; {last}")]


def _date(unix: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(unix))


def _span(seconds: float) -> str:
    minutes, _ = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"for {days} d {hours} h"
    if hours:
        return f"for {hours} h {minutes} min"
    return f"for {minutes} min" if minutes else f"for {int(seconds)} s"
