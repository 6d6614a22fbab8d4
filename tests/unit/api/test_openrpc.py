"""The method table and what is made of it: the OpenRPC document, the reference, the examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.api.errors import NAMED, NUMBERS, sentence
from cloudnode.api.examples import EXAMPLES
from cloudnode.api.methods import TABLE
from cloudnode.api.openrpc import document
from cloudnode.api.reference import renew
from cloudnode.formats.errors import CODES
from tests.unit.api.scenario import WITHOUT_EXAMPLE, record_examples

REFERENCE = Path(__file__).parents[3] / "docs" / "api.md"

_named = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "minLength": 1}}}
_value = {**_named, "required": ["name", "value"]}
_descriptor = {
    **_named,
    "required": ["name", "schema"],
    "properties": {**_named["properties"], "schema": {"type": ["object", "boolean"]}, "required": {"type": "boolean"}},
}
_error = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"type": "integer"}, "message": {"type": "string", "minLength": 1}},
}
OPENRPC_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["openrpc", "info", "methods"],
    "patternProperties": {"^x-": {}},
    "additionalProperties": False,
    "properties": {
        "openrpc": {"pattern": "^1\\.3\\.\\d+$"},
        "info": {
            "type": "object",
            "required": ["title", "version"],
            "properties": {"license": {"type": "object", "required": ["name"]}},
        },
        "methods": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "params", "result"],
                "patternProperties": {"^x-": {}},
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "summary": {"type": "string", "minLength": 1},
                    "tags": {"type": "array", "items": _named},
                    "paramStructure": {"enum": ["by-name", "by-position", "either"]},
                    "params": {"type": "array", "items": _descriptor},
                    "result": _descriptor,
                    "errors": {
                        "type": "array",
                        "items": {"anyOf": [_error, {"type": "object", "required": ["$ref"]}]},
                    },
                    "examples": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["name", "params", "result"],
                            "properties": {"params": {"type": "array", "items": _value}, "result": _value},
                        },
                    },
                },
            },
        },
        "components": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "schemas": {"type": "object", "additionalProperties": {"type": "object"}},
                "errors": {"type": "object", "additionalProperties": _error},
            },
        },
    },
}
"""What the OpenRPC specification 1.3 requires of the objects that are used."""


def is_described(schema: dict[str, Any]) -> bool:
    """Whether a schema says what it is, or is of a type that does."""
    parts = [schema, schema.get("items") or {}, *schema.get("anyOf", [])]
    return any("description" in part or "$ref" in part for part in parts)


class OpenRpcTests(SynchronousTestCase):
    """The document."""

    def setUp(self) -> None:
        self.document = msgspec.json.decode(msgspec.json.encode(document(TABLE)))

    def schema(self, schema: dict[str, Any]) -> Draft202012Validator:
        """A validator that finds the document's components."""
        return Draft202012Validator({**schema, "components": self.document["components"]})

    def test_structure(self) -> None:
        """The document has what the specification requires."""
        Draft202012Validator.check_schema(OPENRPC_SCHEMA)
        Draft202012Validator(OPENRPC_SCHEMA).validate(self.document)
        names = [method["name"] for method in self.document["methods"]]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(names, list(TABLE))

    def test_required_first(self) -> None:
        """No parameter that is needed follows one that is not, as the specification asks."""
        for method in self.document["methods"]:
            required = [parameter["required"] for parameter in method["params"]]
            self.assertEqual(required, sorted(required, reverse=True), method["name"])

    def test_schemas(self) -> None:
        """All schemas are schemas, and all references lead somewhere."""
        for schema in self.document["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)
        for method in self.document["methods"]:
            for descriptor in (*method["params"], method["result"]):
                Draft202012Validator.check_schema(descriptor["schema"])
        text = json.dumps(self.document)
        for part in ("schemas", "errors"):
            for pointer in set(text.split(f'"#/components/{part}/')[1:]):
                self.assertIn(pointer.split('"')[0], self.document["components"][part])

    def test_described(self) -> None:
        """Every type, and every member and parameter whose type does not say it, is described in a sentence."""
        wrong = []
        for name, schema in self.document["components"]["schemas"].items():
            wrong += [name] * ("description" not in schema or ":ivar" in schema["description"])
            wrong += [f"{name}.{member}" for member, told in schema["properties"].items() if not is_described(told)]
        for method in self.document["methods"]:
            wrong += [
                f"{method['name']} {parameter['name']}"
                for parameter in method["params"]
                if "description" not in parameter and not is_described(parameter["schema"])
            ]
        self.assertEqual(wrong, [])

    def test_examples_fit(self) -> None:
        """Each example's parameters and result are of the types declared."""
        for method in self.document["methods"]:
            schemas = {parameter["name"]: parameter["schema"] for parameter in method["params"]}
            self.assertEqual(len(method["examples"]), 0 if method["name"] in WITHOUT_EXAMPLE else 1)
            for example in method["examples"]:
                for given in example["params"]:
                    self.schema(schemas[given["name"]]).validate(given["value"])
                self.schema(method["result"]["schema"]).validate(example["result"]["value"])

    def test_errors(self) -> None:
        """Every error that a method declares is documented, with a number that is."""
        for name, (number, _) in NAMED.items():
            self.assertIn(number, NUMBERS, name)
        for method in TABLE.values():
            for name in (*method.errors, *method.refusals):
                self.assertTrue(sentence(name), name)
            for name in method.errors:
                self.assertIn(name, NAMED)

    def test_ledger_errors(self) -> None:
        """Every error that reading the ledger can raise has a number of its own."""
        for code in CODES:
            if code.group == "reading":
                self.assertIn(code.name, NAMED)


class ExampleTests(SynchronousTestCase):
    """Examples and reference are what the node does."""

    def test_examples(self) -> None:
        """Each example, carried out on the real ledger, gives the recorded result.

        If it is the software that changed for good: ``python -m tests.unit.api.scenario``.
        """
        recorded = record_examples(self.mktemp())
        self.assertEqual(list(recorded), list(EXAMPLES))
        for method, (params, result) in recorded.items():
            self.assertEqual((json.dumps(params), json.dumps(result)), EXAMPLES[method], method)

    def test_every_method(self) -> None:
        """There is an example of every method but the one whose example would hold itself."""
        self.assertEqual(set(TABLE) - set(EXAMPLES), WITHOUT_EXAMPLE)

    def test_reference(self) -> None:
        """``docs/api.md`` is up to date; if not: ``python -m cloudnode.api.reference``."""
        text = REFERENCE.read_text()
        self.assertEqual(renew(text), text)
