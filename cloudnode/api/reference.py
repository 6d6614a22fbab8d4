"""Writes the generated parts of ``docs/api.md``: methods, types, errors and limits, from the tables in the code.

``python -m cloudnode.api.reference [FILE]``; what stands between a pair of markers is replaced.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs

from cloudnode.api.errors import NAMED, NUMBERS
from cloudnode.api.examples import EXAMPLES
from cloudnode.api.limits import Limits
from cloudnode.api.methods import TABLE
from cloudnode.api.openrpc import document
from cloudnode.api.table import Method
from cloudnode.formats.errors import RESULTS

GROUPS = {"service": "Service", "data": "Data", "validation": "Validation", "live": "Live"}

_EXAMPLE_LENGTH = 1600
"""Longer results are cut in the reference; the OpenRPC document has them whole."""

_WIDTH = 120
"""Columns of an example's lines."""

Lines = Iterator[str]


def methods() -> Lines:
    """The methods by group."""
    described = {method["name"]: method for method in document(TABLE)["methods"]}
    for group, title in GROUPS.items():
        yield from (f"### {title}", "")
        for method in TABLE.values():
            if method.group == group:
                yield from _method(method, described[method.name])


def _method(method: Method[Any], described: dict[str, Any]) -> Lines:
    yield from (f"#### `{method.name}`", "", method.summary, "")
    if described["params"]:
        yield from ("| parameter | type | |", "|---|---|---|")
        for parameter in described["params"]:
            schema = parameter["schema"]
            default = "" if parameter["required"] else f" Default `{json.dumps(schema.get('default'))}`."
            text = parameter.get("description") or _description(schema)
            yield f"| `{parameter['name']}` | {_type(schema)} | {_cell(text)}{default} |"
        yield ""
    yield f"Result: {_type(described['result']['schema'])}."
    traits = [
        trait
        for trait, holds in (
            ("`context.at`", method.read is not None),
            ("`context.proof`", method.provable),
            ("`context.sign`", method.deterministic),
        )
        if holds
    ]
    if traits:
        yield f"Takes {', '.join(traits)}."
    if method.always:
        yield "Answers in any state of the ledger."
    if method.errors:
        yield f"Errors: {_names(method.errors)}."
    if method.refusals:
        yield f"Refusals (-26): {_names(method.refusals)}."
    yield ""
    if method.name in EXAMPLES:
        params, result = EXAMPLES[method.name]
        yield from ("<!-- executed: calls -->", "```")
        yield from _wrap(f"-> {method.name} {params}")
        yield from _wrap(f"<- {_shorten(result)}")
        yield from ("```", "")


def _shorten(result: str) -> str:
    """A result to be read: of long hex digits the first ones, and of a very long text the beginning."""
    text = re.sub(r"[0-9a-f]{32,}", lambda match: f"{match[0][:8]}...", result)
    return text if len(text) <= _EXAMPLE_LENGTH else f"{text[:_EXAMPLE_LENGTH].rpartition(' ')[0]} ..."


def _wrap(text: str) -> Lines:
    """Lines that can be read without scrolling; those after the first are indented."""
    yield from textwrap.wrap(text, _WIDTH, subsequent_indent="   ", break_long_words=False, break_on_hyphens=False)


def index() -> Lines:
    """All methods at a glance."""
    yield from ("| method | |", "|---|---|")
    for group, title in GROUPS.items():
        yield f"| **[{title}](#{group})** | |"
        for method in TABLE.values():
            if method.group == group:
                anchor = method.name.replace(".", "").lower()
                yield f"| [`{method.name}`](#{anchor}) | {_cell(method.summary)} |"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def types() -> Lines:
    """The types of results and of compound parameters."""
    for name, schema in sorted(document(TABLE)["components"]["schemas"].items()):
        yield from (f"#### {name}", "")
        if "description" in schema:
            yield from (_cell(schema["description"]), "")
        yield from ("| member | type | |", "|---|---|---|")
        required = schema.get("required", [])
        for member, described in schema.get("properties", {}).items():
            optional = "" if member in required else " May be left out."
            yield f"| `{member}` | {_type(described)} | {_cell(_description(described))}{optional} |"
        yield ""


def _description(schema: dict[str, Any]) -> str:
    """What a schema says of itself, or of the one thing besides null that it may be."""
    said = [schema, *schema.get("anyOf", [])]
    return str(next((one["description"] for one in said if "description" in one), ""))


def _type(schema: dict[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f'`"{value}"`' for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return f"array of {_type(schema['items'])}" if schema.get("items") else "array"
    if kind == "integer" and "minimum" in schema and schema.get("maximum", 2**31) < 2**31 - 1:
        return f"integer, {schema['minimum']} to {schema['maximum']}"
    return str(kind) if kind else "any JSON"


def _cell(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def errors() -> Lines:
    """The errors by number, and the results of the ledger's rules."""
    yield from ("| code | name | meaning |", "|---|---|---|")
    for number in sorted(NUMBERS):
        if number == -26:
            yield f"| {number} | a code of `cloudnode.formats.errors` | {NUMBERS[number]} |"
        for name, (of_number, sentence) in NAMED.items():
            if of_number == number:
                yield f"| {number} | `{name}` | {_cell(sentence)} |"
    yield from ("", "Results of the ledger's rules, as `submit` and `getblock` name them:", "")
    yield from ("| name | meaning |", "|---|---|")
    yield from (f"| `{result.code}` | {_cell(result.sentence)} |" for result in RESULTS)


def limits() -> Lines:
    """The limits and their defaults."""
    texts = dict(re.findall(r":ivar (\w+): (.*?)(?=:ivar|\Z)", inspect.getdoc(Limits) or "", re.DOTALL))
    yield from ("| limit | default | |", "|---|---|---|")
    for field in attrs.fields(Limits):
        default = json.dumps(field.default)
        yield f"| `{field.name}` | `{default}` | {_cell(texts[field.name])} |"


PARTS = {"index": index, "methods": methods, "types": types, "errors": errors, "limits": limits}


def renew(text: str) -> str:
    """A document with its generated parts made anew."""
    for name, lines in PARTS.items():
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, marker, after = rest.partition(end)
        if not marker:
            raise ValueError(f"the document has no part {name!r}")
        text = f"{before}{begin}\n" + "\n".join(lines()).rstrip() + f"\n\n{end}{after}"
    return text


def main(arguments: list[str]) -> None:
    """Renew a file, ``docs/api.md`` by default."""
    path = Path(arguments[0] if arguments else "docs/api.md")
    path.write_text(renew(path.read_text()))


if __name__ == "__main__":
    main(sys.argv[1:])
