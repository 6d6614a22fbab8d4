"""Imports go one way, from the service and the command line down to the pure core, and install no reactor.

The imports are read from the source, so that one which stands inside a function counts as well.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

PACKAGE = Path(__file__).resolve().parents[2] / "cloudnode"

PURE = {"attrs", "msgspec", "nacl"}
TWISTED = PURE | {"twisted", "zope"}


@attrs.frozen
class Layer:
    """What a package may import: of ours, and of others besides the standard library."""

    ours: frozenset[str]
    others: frozenset[str]


def _layer(ours: str, others: set[str]) -> Layer:
    return Layer(frozenset(ours.split()), frozenset(others))


# A name of a single module (``transports.seam``) allows that module alone.
LAYERS = {
    "formats": _layer("", PURE),
    "ledger": _layer("formats", PURE),
    "store": _layer("ledger formats", PURE),
    "consensus": _layer("formats", PURE),
    "simulator": _layer("consensus ledger formats", PURE),
    "node": _layer("consensus store ledger formats", TWISTED),
    "stun": _layer("formats", PURE),
    "transports": _layer("stun", TWISTED | {"aioquic", "autobahn", "cryptography", "OpenSSL", "txaio", "pylsqpack"}),
    "peers": _layer("transports stun node consensus store ledger formats", TWISTED | {"automat"}),
    "page": _layer("", PURE),
    "api": _layer(
        "page node store ledger formats transports.seam", TWISTED | {"klein", "prometheus_client", "werkzeug"}
    ),
    "reach": _layer(
        "peers transports stun node ledger formats", TWISTED | {"async_upnp_client", "defusedxml", "miniupnpc"}
    ),
    "service": _layer("api reach peers transports stun node store ledger formats", TWISTED),
    "client": _layer(
        "formats ledger transports stun reach.punching",
        TWISTED | {"aioquic", "autobahn", "treq", "txaio", "cryptography", "OpenSSL", "hyperlink", "service_identity"},
    ),
    "cli": _layer("client formats ledger store node api", TWISTED),
}

# The core that is a function of its bytes: it neither waits, nor asks the clock, nor talks to anybody.
PURE_LAYERS = ("formats", "ledger", "consensus", "stun")
IMPURE_MODULES = {"asyncio", "random", "select", "selectors", "socket", "ssl", "subprocess", "threading", "time"}


@attrs.frozen
class Import:
    """An import of a module, and whether it is executed when the module that it stands in is imported."""

    where: str
    module: str
    at_import: bool


@cache
def read_imports(path: Path) -> tuple[Import, ...]:
    """All imports in a source file, each name of a ``from`` import counted as a module of its own too."""
    file = path.relative_to(PACKAGE.parent)

    def visit(node: ast.AST, at_import: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                continue  # an expression has no import in it, and most nodes are expressions
            where = f"{file}:{getattr(child, 'lineno', 0)}"
            if isinstance(child, ast.Import):
                for name in child.names:
                    yield Import(where, name.name, at_import)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{where}: a relative import"
                for name in child.names:
                    yield Import(where, f"{child.module}.{name.name}", at_import)
            elif isinstance(child, ast.If) and getattr(child.test, "id", "") == "TYPE_CHECKING":
                yield from visit(child, False)
            else:
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
                yield from visit(child, at_import and not inside)

    return tuple(visit(ast.parse(path.read_text()), True))


def all_imports() -> Iterator[tuple[str, Import]]:
    """The imports of every module in a layer, with the layer's name."""
    for path in sorted(PACKAGE.rglob("*.py")):
        layer = path.relative_to(PACKAGE).parts[0]
        for each in read_imports(path):
            yield layer, each


class ImportTests(SynchronousTestCase):
    def test_every_package_has_a_layer(self) -> None:
        """A package that is not in the table is in no layer."""
        packages = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
        self.assertEqual(packages - LAYERS.keys(), set())

    def test_direction(self) -> None:
        """Every import of our own goes to the same layer or to one below."""
        wrong = []
        for layer, each in all_imports():
            parts = each.module.split(".")
            if parts[0] != "cloudnode" or layer not in LAYERS or len(parts) < 2:
                continue
            allowed = LAYERS[layer].ours | {layer}
            if parts[1] in ("__version__",) or parts[1] in allowed or ".".join(parts[1:3]) in allowed:
                continue
            wrong.append(f"{each.where}: {layer} imports {each.module}")
        self.assertEqual(wrong, [])

    def test_punching(self) -> None:
        """What the client library has of reach knows nothing of links between nodes."""
        allowed = {"cloudnode.reach.punching", "cloudnode.stun", "cloudnode.transports", "cloudnode.formats"}
        wrong = [
            f"{each.where}: {each.module}"
            for path in sorted((PACKAGE / "reach" / "punching").glob("*.py"))
            for each in read_imports(path)
            if each.module.startswith("cloudnode.")
            and not any(f"{each.module}.".startswith(f"{prefix}.") for prefix in allowed)
        ]
        self.assertEqual(wrong, [])

    def test_other_packages(self) -> None:
        """Every other package that is imported is one that the layer may use."""
        wrong = []
        for layer, each in all_imports():
            package = each.module.split(".")[0]
            if layer not in LAYERS or package == "cloudnode" or package in sys.stdlib_module_names:
                continue
            if package not in LAYERS[layer].others:
                wrong.append(f"{each.where}: {layer} imports {each.module}")
        self.assertEqual(wrong, [])

    def test_pure(self) -> None:
        """The formats and rules import nothing by which they could wait, or learn the time."""
        wrong = [
            f"{each.where}: {each.module}"
            for layer, each in all_imports()
            if layer in PURE_LAYERS and each.module.split(".")[0] in IMPURE_MODULES
        ]
        self.assertEqual(wrong, [])

    def test_no_reactor(self) -> None:
        """No module imports the reactor, or Klein, which imports it, when it is imported itself."""
        wrong = [
            f"{each.where}: {each.module}"
            for _, each in all_imports()
            if each.at_import and (each.module.startswith(("klein", "treq")) or "internet.reactor" in each.module)
        ]
        self.assertEqual(wrong, [])

    def test_late(self) -> None:
        """What takes long to import, and few nodes need, is imported when one does."""
        late = {"async_upnp_client", "aiohttp", "cloudnode.reach.portmapping.firewallcontrol"}
        wrong = [
            f"{each.where}: {each.module}"
            for _, each in all_imports()
            if each.at_import and any(f"{each.module}.".startswith(f"{name}.") for name in late)
            and "portmapping/firewallcontrol.py:" not in each.where
        ]  # fmt: skip
        self.assertEqual(wrong, [])

    def test_annotations(self) -> None:
        """Every module that holds code leaves its annotations unevaluated."""
        wrong = [
            str(path.relative_to(PACKAGE))
            for path in PACKAGE.rglob("*.py")
            if ast.parse(path.read_text()).body[1:]
            and path.name not in ("__init__.py", "__main__.py")
            and not any(each.module == "__future__.annotations" for each in read_imports(path))
        ]
        self.assertEqual(wrong, [])

    def test_plugin(self) -> None:
        """The plugin imports nothing but what describes a service, and its directories are no packages."""
        plugins = PACKAGE.parent / "twisted" / "plugins"
        [path] = plugins.glob("*.py")
        self.assertEqual([each.module for each in read_imports(path)], ["twisted.application.service.ServiceMaker"])
        self.assertEqual(list((PACKAGE.parent / "twisted").rglob("__init__.py")), [])
