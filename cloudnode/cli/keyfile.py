"""The key that signs for the user: one file of mode 0600, never overwritten unasked."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from cloudnode.cli.exits import CommandError
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.keys import SigningKey, dump_key, load_key


def default_path(environment: Mapping[str, str]) -> Path:
    """``$CLOUDNODE_KEY``, else ``cloudnode/key`` in ``$XDG_CONFIG_HOME`` or ``~/.config``.

    :raises CommandError: There is no home directory.
    """
    named = environment.get("CLOUDNODE_KEY")
    if named:
        return Path(named)
    base = environment.get("XDG_CONFIG_HOME", "")
    # The specification of XDG base directories wants relative paths ignored.
    if not os.path.isabs(base):
        home = environment.get("HOME")
        if not home:
            raise CommandError("There is no HOME to keep a key in: name a file with --key or $CLOUDNODE_KEY.")
        base = os.path.join(home, ".config")
    return Path(base) / "cloudnode" / "key"


def read_key(path: Path) -> SigningKey:
    """Read a key file.

    :raises CommandError: It is missing, open to others, or no key.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise CommandError(f"There is no key in {path}: make one with 'cloudnode key new'.") from None
    except OSError as error:
        raise CommandError(f"Cannot read the key {path}: {error.strerror}.") from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise CommandError(f"{path} is not a file: name the key's file with --key.")
        if found.st_mode & 0o077:
            raise CommandError(f"Others may read the key {path}: close it with 'chmod 600 {path}'.")
        content = file.read(1024)
    try:
        return load_key(content.decode("ascii", "replace"))
    except LedgerError as error:
        raise CommandError(f"{path} is not a key file: {error.message}") from None


def write_key(path: Path, key: SigningKey, replace: bool) -> None:
    """Write a key file so that it is there in full or not at all, and never readable to others.

    :param replace: Whether an existing file may be replaced.
    :raises CommandError: It exists, or can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(dump_key(key))
                file.flush()
                os.fsync(file.fileno())
            if replace:
                temporary.replace(path)
            else:
                os.link(temporary, path)  # unlike a rename this fails if the name is taken
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
    except FileExistsError:
        raise CommandError(
            f"{path} exists already: see it with 'cloudnode key show', or replace it for ever with --force."
        ) from None
    except OSError as error:
        raise CommandError(f"Cannot write the key {path}: {error.strerror}.") from None
