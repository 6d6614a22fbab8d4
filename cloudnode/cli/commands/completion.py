"""``cloudnode completion``: scripts for shells, made from the very parser that reads the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import attrs

from cloudnode.cli.arguments import make_parser
from cloudnode.cli.exits import Exit
from cloudnode.cli.invocation import Invocation

_FILE_OPTIONS = frozenset({"--key", "--validator-key"})
_DIRECTORY_COMMANDS = frozenset({"audit", "init"})


def run(invocation: Invocation) -> Exit:
    """Print the script for one shell."""
    make = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}[invocation.arguments.shell]
    invocation.terminal.line(make().rstrip("\n"))
    return Exit.OK


@attrs.frozen
class Word:
    """A word that may stand next, and what it is for."""

    text: str
    help: str


@attrs.frozen
class Flag:
    """An option.

    :ivar takes_value: Whether a value follows. :ivar choices: Its values, if only some are possible.
    """

    text: str
    help: str
    takes_value: bool
    choices: tuple[str, ...]


@attrs.frozen
class Part:
    """What is possible after a command (``""``: before any command).

    :ivar words: Positional words that are known beforehand.
    """

    name: str
    words: tuple[Word, ...]
    flags: tuple[Flag, ...]


def parts() -> list[Part]:
    """The parser as data."""
    parser = make_parser()
    return [_part("", parser), *(_part(name, inner) for name, inner in _subcommands(parser).items())]


def _part(name: str, parser: argparse.ArgumentParser) -> Part:
    words: list[Word] = []
    flags: list[Flag] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            words += [Word(choice.dest, choice.help or "") for choice in action._choices_actions]
        elif action.option_strings:
            choices = tuple(map(str, action.choices or ()))
            text = action.option_strings[-1]
            flags.append(Flag(text, _help(action), action.nargs != 0, choices))
        elif action.choices:
            words += [Word(str(choice), "") for choice in action.choices]
    flags += [flag for inner in _subcommands(parser).values() if name for flag in _part("", inner).flags]
    if name == "call":
        from cloudnode.cli.commands import _methods

        words += [Word(method, summary) for method, _, summary in _methods.list_methods()]
    unique = {flag.text: flag for flag in flags}
    return Part(name, tuple(words), tuple(unique.values()))


def _subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _help(action: argparse.Action) -> str:
    return (action.help or "").partition(" (default")[0]


# bash

_BASH = """\
# Completion of cloudnode for bash.
_cloudnode() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command= word skip= index
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${{COMP_WORDS[index]}}
        if [[ -n $skip ]]; then
            skip=
        elif [[ " {valued} " == *" $word "* ]]; then
            skip=1
        elif [[ $word != -* ]]; then
            command=$word
            break
        fi
    done
    case $previous in
{previous}
    esac
    local words
    case $command in
{commands}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    [[ ${{#COMPREPLY[@]}} -eq 0 && $current != -* ]] && COMPREPLY=($(compgen -f -- "$current"))
}}
complete -F _cloudnode cloudnode
"""


def bash_script() -> str:
    """The script for bash."""
    found = parts()
    flags = {flag.text: flag for part in found for flag in part.flags}
    valued = [flag for flag in flags.values() if flag.takes_value]
    return _BASH.format(
        valued=" ".join(flag.text for flag in valued),
        previous="\n".join(f"        {flag.text}) {_bash_value(flag)}; return;;" for flag in valued),
        commands="\n".join(
            f"        {part.name or chr(39) * 2}) words='{' '.join(_candidates(part))}';;" for part in found
        ),
    )


def _candidates(part: Part) -> Iterator[str]:
    yield from (word.text for word in part.words)
    yield from (flag.text for flag in part.flags)


def _bash_value(flag: Flag) -> str:
    if flag.choices:
        return f"COMPREPLY=($(compgen -W '{' '.join(flag.choices)}' -- \"$current\"))"
    if flag.text in _FILE_OPTIONS:
        return 'COMPREPLY=($(compgen -f -- "$current"))'
    return "COMPREPLY=()"


# zsh

_ZSH = """\
#compdef cloudnode
# Completion of cloudnode for zsh.
_cloudnode() {{
    local command= word skip= index
    local -a candidates
    for ((index = 2; index < CURRENT; index++)); do
        word=$words[index]
        if [[ -n $skip ]]; then
            skip=
        elif [[ " {valued} " == *" $word "* ]]; then
            skip=1
        elif [[ $word != -* ]]; then
            command=$word
            break
        fi
    done
    case $words[CURRENT-1] in
{previous}
    esac
    case $command in
{commands}
    esac
    _describe -o cloudnode candidates || _files
}}
if [[ $funcstack[1] == _cloudnode ]]; then
    _cloudnode "$@"
else
    compdef _cloudnode cloudnode
fi
"""


def zsh_script() -> str:
    """The script for zsh."""
    found = parts()
    valued = {flag.text: flag for part in found for flag in part.flags if flag.takes_value}
    return _ZSH.format(
        valued=" ".join(valued),
        previous="\n".join(f"        ({flag.text}) {_zsh_value(flag)}; return;;" for flag in valued.values()),
        commands="\n".join(
            f"        ({part.name or chr(39) * 2}) candidates=({' '.join(_zsh_candidates(part))});;" for part in found
        ),
    )


def _zsh_candidates(part: Part) -> Iterator[str]:
    candidates: tuple[Word | Flag, ...] = (*part.words, *part.flags)
    for candidate in candidates:
        name = candidate.text.replace(":", "\\:")
        yield _quote(f"{name}:{candidate.help}" if candidate.help else name)


def _zsh_value(flag: Flag) -> str:
    if flag.choices:
        return f"compadd {' '.join(flag.choices)}"
    return "_files" if flag.text in _FILE_OPTIONS else ":"


# fish


def fish_script() -> str:
    """The script for fish."""
    found = parts()
    names = " ".join(word.text for word in found[0].words)
    lines = ["# Completion of cloudnode for fish.", "complete -c cloudnode -f"]
    for part in found:
        if part.name:
            condition = f"__fish_seen_subcommand_from {part.name}"
        else:
            condition = f"not __fish_seen_subcommand_from {names}"
        prefix = f"complete -c cloudnode -n {_quote(condition)}"
        if part.name in _DIRECTORY_COMMANDS or part.name == "put":
            lines.append(f"{prefix} -F")
        lines += [f"{prefix} -a {word.text}{_fish_help(word.help)}" for word in part.words]
        lines += [f"{prefix} -l {flag.text[2:]}{_fish_value(flag)}{_fish_help(flag.help)}" for flag in part.flags]
    return "\n".join(lines) + "\n"


def _fish_value(flag: Flag) -> str:
    if not flag.takes_value:
        return ""
    if flag.choices:
        return f" -x -a {_quote(' '.join(flag.choices))}"
    return " -r -F" if flag.text in _FILE_OPTIONS else " -x"


def _fish_help(text: str) -> str:
    return f" -d {_quote(text)}" if text else ""


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
