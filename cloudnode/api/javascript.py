"""Writes what the JavaScript module has of the node's tables: the methods' types, and the errors of the formats.

``python -m cloudnode.api.javascript``, from the top of the source tree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from cloudnode.api.errors import NAMED, sentence
from cloudnode.api.jsonrpc import RequestContext
from cloudnode.api.methods import TABLE
from cloudnode.api.openrpc import document
from cloudnode.formats.errors import CODES, RESULTS
from cloudnode.ledger.items import BlockItem, RatingItem, RecordItem

DIRECTORY = Path("javascript")

ITEMS = {"records": RecordItem, "ratings": RatingItem, "blocks": BlockItem}
"""What subscribers of each topic are told."""

_WIDTH = 120

Lines = Iterator[str]


def codes() -> Lines:
    """``src/formats/codes.js``: every named error with its sentence."""
    yield "/** The named errors of `cloudnode/formats/errors.py`, of which this is made: `make docs`. */"
    yield from ("", "/** Every code with its sentence. @type {ReadonlyMap<string, string>} */")
    yield "export const CODES = new Map(["
    yield from (f"  [{json.dumps(code.name)}, {json.dumps(code.sentence)}]," for code in CODES)
    yield from ("]);", "", "/**")
    yield " * What the executor makes of an operation: code and sentence; the place is the number."
    yield from (" *", " * @type {ReadonlyArray<readonly [string, string]>}", " */", "export const RESULTS = [")
    yield from (f"  [{json.dumps(result.code)}, {json.dumps(result.sentence)}]," for result in RESULTS)
    yield "];"


# The methods' types


def methods() -> Lines:
    """``types/methods.d.ts``: every method with its parameters and its result, and all types that these have."""
    described = document(TABLE)
    yield "// The methods of the API and their types, made from the node's method table: `make docs`."
    yield from ("", "/** Any JSON value. */")
    yield "export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };"
    yield from ("", "/** The methods by name: their parameters by name, and their results. */")
    yield "export interface Methods {"
    for method in described["methods"]:
        yield from _comment(method["summary"], "  ")
        yield f"  {_name(method['name'])}: {{"
        yield from _params(method["params"])
        yield f"    result: {_type(method['result']['schema'])};"
        yield "  };"
    yield from ("}", "", "/** What subscribers are told, by topic. */", "export interface Items {")
    yield from (f"  {topic}: {item.__name__};" for topic, item in ITEMS.items())
    yield "}"
    for name, schema in sorted({**described["components"]["schemas"], **_more_types()}.items()):
        yield from ("", *_interface(name, schema))
    yield from ("", "/** The names of errors, `code` of a `RemoteError`, besides those of refused operations. */")
    yield "export interface ErrorNames {"
    for name in sorted(NAMED):
        yield from (*_comment(sentence(name), "  "), f"  {name}: true;")
    yield "}"


def _more_types() -> dict[str, Any]:
    """Those that no method has: items, and what a request may ask of its answer's context."""
    kinds = (*ITEMS.values(), RequestContext)
    return msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")[1]


def _params(params: list[dict[str, Any]]) -> Lines:
    if not params:
        yield "    params: Record<string, never>;"
        return
    yield "    params: {"
    for parameter in params:
        schema = parameter["schema"]
        text = parameter.get("description") or schema.get("description", "")
        if not parameter["required"] and schema.get("default") is not None:
            text = f"{text} Default: {json.dumps(schema['default'])}.".strip()
        yield from _comment(text, "      ")
        yield f"      {_name(parameter['name'])}{'' if parameter['required'] else '?'}: {_type(schema)};"
    yield "    };"


def _interface(name: str, schema: dict[str, Any]) -> Lines:
    yield from _comment(schema.get("description", "").split(":ivar")[0], "")
    yield f"export interface {name} {{"
    required = schema.get("required", [])
    for member, described in schema.get("properties", {}).items():
        yield from _comment(described.get("description", ""), "  ")
        yield f"  {_name(member)}{'' if member in required else '?'}: {_type(described)};"
    yield "}"


def _comment(text: str, indent: str) -> Lines:
    words = " ".join(text.replace("``", "`").replace("*/", "* /").split())
    if not words:
        return
    if len(indent) + len(words) + 7 <= _WIDTH:
        yield f"{indent}/** {words} */"
        return
    lines = [""]
    for word in words.split(" "):
        if len(indent) + 3 + len(lines[-1]) + 1 + len(word) > _WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    yield f"{indent}/**"
    yield from (f"{indent} * {line}" for line in lines)
    yield f"{indent} */"


def _name(name: str) -> str:
    return name if re.fullmatch(r"\w+", name) else json.dumps(name)


def _type(schema: dict[str, Any]) -> str:
    """A JSON Schema as a type."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    match schema.get("type"):
        case "array":
            item = _type(schema["items"]) if schema.get("items") else "Json"
            return f"({item})[]" if "|" in item else f"{item}[]"
        case "integer" | "number":
            return "number"
        case "object":
            return "{ [name: string]: Json }"
        case str(kind):
            return kind
        case _:
            return "Json"


FILES: dict[str, Callable[[], Lines]] = {
    "src/formats/codes.js": codes,
    "types/methods.d.ts": methods,
}
"""What makes the lines of each file."""


def render(name: str) -> str:
    """A file's text."""
    return "\n".join(FILES[name]()) + "\n"


def main() -> None:
    """Write all files."""
    for name in FILES:
        (DIRECTORY / name).write_text(render(name))


if __name__ == "__main__":
    main()
