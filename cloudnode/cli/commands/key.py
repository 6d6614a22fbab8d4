"""``cloudnode key``: the key that signs."""

from __future__ import annotations

from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.keyfile import write_key
from cloudnode.formats.keys import SigningKey


def run(invocation: Invocation) -> Exit:
    """Make, show or locate the key."""
    action = invocation.arguments.action
    path = invocation.key_path
    terminal = invocation.terminal
    if action == "path":
        if terminal.is_json:
            terminal.json({"path": str(path)})
        else:
            terminal.line(str(path))
        return Exit.OK
    if action == "new":
        key = SigningKey.generate()
        write_key(path, key, replace=invocation.arguments.force)
        account = key.public.hex()
    else:
        account = invocation.own_account()
    if terminal.is_json:
        terminal.json({"account": account, "path": str(path)})
    else:
        terminal.line(account)
        if action == "new":
            terminal.note(f"The key is in {path}. Keep a copy, and keep it secret: nobody can restore or revoke it.")
    return Exit.OK
