"""``cloudnode rate``: rate a record, or take the rating back."""

from __future__ import annotations

from cloudnode.cli.commands._writing import write
from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.invocation import Invocation


async def run(invocation: Invocation) -> Exit:
    """Rate somebody else's record."""
    arguments = invocation.arguments
    stars: int | None = arguments.stars
    address = invocation.full_address(arguments.address)
    if arguments.withdraw:
        if stars is not None:
            raise CommandError("Give either STARS or --withdraw.")
        return await write(invocation, address, "withdrew the rating of", lambda writer: writer.withdraw(address))
    if stars is None:
        raise CommandError("Give STARS from 1 to 5, or --withdraw to take your rating back.")
    return await write(invocation, address, f"rated {stars}", lambda writer: writer.rate(address, stars))
