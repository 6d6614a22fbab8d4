"""The method table as the command line shows it."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from cloudnode.api.methods import TABLE
from cloudnode.api.openrpc import read_docstring
from cloudnode.cli.text import pad


def list_methods() -> list[tuple[str, str, str]]:
    """Name, group and summary of each."""
    return [(method.name, method.group, method.summary) for method in TABLE.values()]


def field_types(name: str) -> dict[str, Any] | None:
    """The types of a method's parameters; None if there is no such method here (the node may have it)."""
    if name not in TABLE:
        return None
    return {field.name: field.type for field in msgspec.structs.fields(TABLE[name].params)}


def describe(name: str) -> list[str] | None:
    """Lines for people about a method; None if there is none."""
    if name not in TABLE:
        return None
    method = TABLE[name]
    lines = [f"{method.name}: {method.summary}"]
    lines += ["", "parameters:", *_fields(method.params)]
    result = method.result
    if isinstance(result, type) and issubclass(result, msgspec.Struct):
        lines += ["", "result:", *_fields(result, show_default=False)]
    else:
        lines += ["", f"result: {type_name(result)}"]
    offers = [word for word, is_offered in (("--at", method.deterministic), ("--proof", method.provable)) if is_offered]
    if offers:
        lines += ["", f"may be asked with: {', '.join(offers)}"]
    if method.errors:
        lines += ["", f"errors: {', '.join(method.errors)}"]
    return lines


def _fields(struct: type[msgspec.Struct], show_default: bool = True) -> list[str]:
    fields = msgspec.structs.fields(struct)
    if not fields:
        return ["  none"]
    _, told = read_docstring(struct.__doc__ or "")
    longest = max(len(field.name) for field in fields)
    lines = []
    for field in fields:
        notes = [type_name(field.type)]
        if show_default and not field.required and field.default not in (None, msgspec.NODEFAULT):
            notes.append(f"default {msgspec.json.encode(field.default).decode()}")
        elif show_default and not field.required:
            notes.append("optional")
        description = told.get(field.name) or _description(field.type)
        text = ", ".join(notes) + (f": {description}" if description else "")
        lines.append(f"  {pad(field.name, longest)}  {text}")
    return lines


def _description(kind: Any) -> str:
    if get_origin(kind) is Annotated:
        for meta in get_args(kind)[1:]:
            if isinstance(meta, msgspec.Meta) and meta.description:
                return meta.description
        return _description(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return next((text for arm in get_args(kind) if (text := _description(arm))), "")
    return ""


_NAMES: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    bytes: "text",
    type(None): "null",
    msgspec.Raw: "any JSON",
    Any: "any JSON",
    msgspec.UnsetType: "nothing",
}


def type_name(kind: Any) -> str:
    """A type in words that need no Python."""
    if kind in _NAMES:
        return _NAMES[kind]
    origin, arms = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return type_name(arms[0])
    if origin is Literal:
        return " | ".join(str(arm) for arm in arms)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_name(arm) for arm in arms if arm is not type(None)))
    if origin in (list, tuple):
        return f"array of {type_name(arms[0])}"
    if origin is dict:
        return "object"
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        inner = ", ".join(field.name for field in msgspec.structs.fields(kind))
        return f"object {{{inner}}}"
    return getattr(kind, "__name__", str(kind))
