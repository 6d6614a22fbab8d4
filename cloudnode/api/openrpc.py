"""The method table as an OpenRPC document (https://spec.open-rpc.org, version 1.3.2)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cloudnode import __version__
from cloudnode.api.errors import NAMED, NUMBERS, REFUSED, sentence
from cloudnode.api.examples import EXAMPLES
from cloudnode.api.table import Method, Table

OPENRPC = "1.3.2"
_REFERENCE = "#/components/schemas/{name}"

_ANY_CALL = ("json_malformed", "request_invalid", "member_type", "too_many_requests", "node_starting", "internal_error")
"""Errors of any call, which the document gives once."""


def document(table: Table) -> dict[str, Any]:
    """The document as JSON values."""
    types = [method.result for method in table.values()]
    types += [field.type for method in table.values() for field in _fields(method)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    for schema in components.values():
        schema["description"], members = read_docstring(schema.get("description", ""))
        for name, text in members.items():
            # A schema that is a mere reference may have a description beside it.
            schema["properties"][name].setdefault("description", text)
        if not schema["description"]:
            del schema["description"]
    results = dict(zip(table, schemas, strict=False))
    fields = iter(schemas[len(table) :])
    params = {name: [next(fields) for _ in _fields(method)] for name, method in table.items()}
    return {
        "openrpc": OPENRPC,
        "info": {
            "title": "cloudnode",
            "version": __version__,
            "description": "JSON-RPC 2.0 over HTTP, WebSocket (TCP and HTTP/3) and WebTransport. Bytes are lower-case"
            " hex digits. A request may have a member context (min_height, at, proof, sign); the answer's context tells"
            " network, height, hash and time. Every error has its name in data.code.",
            "license": {"name": "Apache-2.0"},
        },
        "methods": [_describe(method, params[name], results[name]) for name, method in table.items()],
        "components": {
            "schemas": components,
            "errors": {name: _error(name) for name in NAMED},
        },
    }  # fmt: skip


def encode_document(table: Table) -> bytes:
    """The document as JSON text."""
    return msgspec.json.encode(document(table))


def _fields(method: Method[Any]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(method.params)


def read_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """What a docstring says of a type, and what of its members, each after ``:ivar NAME:``."""
    text, *members = re.split(r"\s*:ivar (\w+): ", docstring.replace("``", "`"))
    return text.strip(), {
        name: " ".join(told.split()) for name, told in zip(members[::2], members[1::2], strict=True)
    }


def _describe(method: Method[Any], params: list[Any], result: Any) -> dict[str, Any]:
    _, told = read_docstring(method.params.__doc__ or "")
    declared = [
        _parameter(field, schema, told.get(field.encode_name))
        for field, schema in zip(_fields(method), params, strict=True)
    ]
    return {
        "name": method.name,
        "tags": [{"name": method.group}],
        "summary": method.summary,
        "paramStructure": "either",
        "params": declared,
        "result": {"name": "result", "schema": result},
        "errors": [
            *({"$ref": f"#/components/errors/{name}"} for name in (*method.errors, *_ANY_CALL)),
            *(_error(name, REFUSED) for name in method.refusals),
        ],
        "examples": _examples(method),
        "x-deterministic": method.deterministic,
        "x-provable": method.provable,
        "x-signable": method.deterministic,
    }


def _parameter(field: msgspec.structs.FieldInfo, schema: dict[str, Any], told: str | None) -> dict[str, Any]:
    """
    :param told: What the docstring says of it, which counts more than what its type says.
    """
    described = dict(schema)
    if not field.required and field.default is not msgspec.NODEFAULT:
        described["default"] = msgspec.to_builtins(field.default)
    parameter: dict[str, Any] = {"name": field.encode_name, "required": field.required, "schema": described}
    description = told or schema.get("description")
    if description is not None:
        parameter["description"] = description
    return parameter


def _examples(method: Method[Any]) -> list[dict[str, Any]]:
    if method.name not in EXAMPLES:
        return []
    params, result = EXAMPLES[method.name]
    given = msgspec.json.decode(params)
    return [
        {
            "name": method.name,
            "params": [{"name": name, "value": value} for name, value in given.items()],
            "result": {"name": "result", "value": msgspec.json.decode(result)},
        }
    ]


def _error(name: str, number: int | None = None) -> dict[str, Any]:
    number = NAMED[name][0] if number is None else number
    return {"code": number, "message": sentence(name), "data": {"code": name}, "x-meaning": NUMBERS[number]}
