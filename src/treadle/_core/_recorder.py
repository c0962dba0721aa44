"""Configuration is the constructor: arguments are recorded when an object is made, so classes need no `get_config`."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, Self

from treadle._core._errors import explain, nearest
from treadle._core._registry import deserialize, serialize


class Recorded:
    """Remembers the arguments of its constructor; `get_config` and `from_config` follow from them.

    A class writes its own `get_config` only when its arguments are not what makes it again.
    """

    _recorded: tuple[tuple[Any, ...], dict[str, Any]]
    _signature: ClassVar[inspect.Signature | None] = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        # Not through __setattr__: torch modules are not ready for it yet.
        self.__dict__["_recorded"] = (args, kwargs)
        return self

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._signature = None

    @classmethod
    def _constructor_signature(cls) -> inspect.Signature:
        if cls._signature is None:
            cls._signature = inspect.signature(cls.__init__)
        return cls._signature

    def _recorded_arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments by name, defaults filled in, `**kwargs` merged."""
        args, kwargs = self._recorded
        signature = type(self)._constructor_signature()
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        values = dict(list(bound.arguments.items())[1:])
        for parameter in signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                values.update(values.pop(parameter.name, {}))
            elif parameter.kind is inspect.Parameter.VAR_POSITIONAL and values.pop(
                parameter.name, ()
            ):
                raise TypeError(
                    explain(
                        f"The configuration of {type(self).__name__} cannot be recorded.",
                        expected="named constructor arguments",
                        got=f"*{parameter.name}",
                        fix="name the arguments, or write get_config and from_config",
                    )
                )
        return values

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this object again, as JSON-able values."""
        return {name: serialize(value) for name, value in self._recorded_arguments().items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a new object from what `get_config` returned."""
        values = {name: deserialize(value) for name, value in config.items()}
        return cls(**values)


def reject_unknown(owner: str, given: dict[str, Any], known: list[str]) -> None:
    """Raise a TypeError that names the nearest known argument, if any is `given`."""
    for name in given:
        close = nearest(name, known)
        raise TypeError(
            explain(
                f"{owner} has no argument `{name}`.",
                expected=f"one of {', '.join(known)}",
                got=f"{name}={given[name]!r:.60}",
                fix=f"did you mean `{close[0]}`?" if close else "remove it",
            )
        )
