"""How a method is declared: once, for every transport, the documents and the command line's help.

A *reading* method is a function of the ledger at one height and of its parameters and nothing else. It may therefore be
asked for at a recent height, its answers compare between nodes, and they are proved where a proof exists. A reading
method that gives a ``Proof`` is answered with that proof and the header that carries its root. A *calling* method may
use the node and the caller's connection besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import attrs
import msgspec
from msgspec import Struct
from twisted.internet.defer import Deferred

from cloudnode.ledger.reading import Proof, Reading

if TYPE_CHECKING:
    from cloudnode.api.calls import Call

Group = Literal["service", "data", "validation", "live"]
P = TypeVar("P", bound=Struct)


class NoParams(Struct, frozen=True, forbid_unknown_fields=True):
    """A method without parameters."""


@attrs.frozen(eq=False)
class Method(Generic[P]):
    """A method of the API.

    :ivar read: Answers from a reading and the parameters; None for a calling method.
    :ivar call: Answers from the whole call, perhaps later; None for a reading method.
    :ivar prove: The proof of what ``read`` answered, which it is given: None where what was asked for does not exist.
        None if there is no proof. It may raise ``ApiError`` ``proof_not_offered``.
    :ivar always: Whether it answers while the ledger can't: nothing in its answer comes from the tables.
    :ivar provable_height: Whether it answers at the newest provable height where the caller names none.
    :ivar deterministic: Whether all nodes answer byte for byte alike at one height, so that an answer may be signed.
        Not so are certificates (any quorum of signatures will do) and search (libraries divide words differently).
    :ivar shared: Whether many callers want the same answer at once, so that it is kept for a moment. Never signed.
    :ivar errors: Names of the errors that are its own; those of any call are left out.
    :ivar refusals: Names of those that are told with the number of a refusal by the ledger's rules.
    """

    name: str
    group: Group
    summary: str
    params: type[P]
    result: Any
    read: Callable[[Reading, P], Any] | None = None
    call: Callable[[Call, P], Any | Deferred[Any]] | None = None
    prove: Callable[[Reading, P, Any], Proof] | None = None
    always: bool = False
    provable_height: bool = False
    deterministic: bool = False
    shared: bool = False
    errors: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    by_name: Callable[[Any], P] = attrs.field(init=False)
    by_position: Callable[[Any], P] = attrs.field(init=False)
    required: int = attrs.field(init=False)
    optional: tuple[tuple[str, Any], ...] = attrs.field(init=False)
    paged: bool = attrs.field(init=False)

    @by_name.default
    def _decode_by_name(self) -> Callable[[Any], P]:
        return msgspec.json.Decoder(self.params).decode

    @by_position.default
    def _decode_by_position(self) -> Callable[[Any], P]:
        declared = msgspec.structs.fields(self.params)
        listed = msgspec.defstruct(
            self.params.__name__ + "List",
            [
                (field.name, field.type)
                if field.required
                else (field.name, field.type, msgspec.field(default=field.default))
                for field in declared
            ],
            array_like=True,
            forbid_unknown_fields=True,
            frozen=True,
        )
        decode = msgspec.json.Decoder(listed).decode
        names = [field.name for field in declared]

        def by_position(raw: Any) -> P:
            values = decode(raw)
            return self.params(**{name: getattr(values, name) for name in names})

        return by_position

    @required.default
    def _count_required(self) -> int:
        return sum(field.required for field in msgspec.structs.fields(self.params))

    @optional.default
    def _list_defaults(self) -> tuple[tuple[str, Any], ...]:
        return tuple(
            (field.name, field.default) for field in msgspec.structs.fields(self.params) if not field.required
        )

    @paged.default
    def _has_limit(self) -> bool:
        return "limit" in self.params.__struct_fields__

    @property
    def provable(self) -> bool:
        """Whether ``context.proof`` may be asked for."""
        return self.prove is not None


class Table(Mapping[str, Method[Any]]):
    """All methods by name, in the order in which they are documented."""

    def __init__(self, methods: Iterable[Method[Any]]) -> None:
        self._methods = {method.name: method for method in methods}

    def __getitem__(self, name: str) -> Method[Any]:
        return self._methods[name]

    def __iter__(self) -> Any:
        return iter(self._methods)

    def __len__(self) -> int:
        return len(self._methods)
