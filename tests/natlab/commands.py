"""What every part of the laboratory runs and raises."""

from __future__ import annotations

import subprocess


class LabError(Exception):
    """The laboratory could not be built or changed."""


class Unsupported(LabError):
    """This kernel lacks an optional feature."""


def run(arguments, script=''):
    """Run a command with ``script`` as its input."""
    try:
        subprocess.run(arguments, input=script, text=True, capture_output=True, check=True)
    except FileNotFoundError:
        raise LabError(f'{arguments[0]}: command not found') from None
    except subprocess.CalledProcessError as error:
        raise LabError(f'{" ".join(arguments)}: {error.stderr.strip()}') from None


def take(pool, what):
    """Return the next of a pool of addresses or networks, as text."""
    taken = next(pool, None)
    if taken is None:
        raise LabError(f'the lab has no {what} left')
    return str(taken)


def write_sysctl(setting, value):
    """Write a setting of the calling thread's network namespace."""
    with open('/proc/sys/' + setting.replace('.', '/'), 'w') as file:
        file.write(str(value))
