"""`Config`: named settings that can be frozen and written as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

from treadle import _core


class Config(MutableMapping[str, Any]):
    """Settings, read and written as attributes or items.

    Args:
        kwargs: The settings.

    Example:
        >>> import treadle
        >>> config = treadle.utils.Config(units=64, rate=0.5)
        >>> config.units, config["rate"]
        (64, 0.5)
        >>> config.to_json()
        '{"units": 64, "rate": 0.5}'
    """

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_settings", dict(kwargs))
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self) -> bool:
        """Whether the settings cannot be changed."""
        return self._frozen

    def freeze(self) -> None:
        """Let changes be errors."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allow changes again."""
        object.__setattr__(self, "_frozen", False)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a new dict."""
        return dict(self._settings)

    def to_json(self) -> str:
        """Return the settings as JSON.

        Raises:
            TypeError: for a value that JSON does not know.
        """
        return json.dumps(self._settings)

    def __getitem__(self, name: str) -> Any:
        return self._settings[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._check_open(name)
        self._settings[name] = value

    def __delitem__(self, name: str) -> None:
        self._check_open(name)
        del self._settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __getattr__(self, name: str) -> Any:
        settings = self.__dict__.get("_settings", {})
        if name not in settings:
            close = _core.nearest(name, settings)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise AttributeError(f"There is no setting {name!r}{hint}")
        return settings[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __repr__(self) -> str:
        return f"<Config {self._settings}>"

    def _check_open(self, name: str) -> None:
        if self._frozen:
            raise ValueError(
                _core.explain(
                    "The config is frozen.",
                    expected="no changes, or a call of unfreeze() before them",
                    got=f"a change of {name!r}",
                )
            )
