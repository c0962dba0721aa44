"""Process-wide numeric settings (floatx, epsilon, image layout) and dtype policies."""

from __future__ import annotations

import threading
from typing import Any

import torch

from treadle._core._errors import explain, unknown_name
from treadle._core._registry import Family

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_DTYPES = {
    name: getattr(torch, name) for name in (*_FLOATS, *_INTEGERS, "bool", "complex64", "complex128")
}
_ALIASES = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "int": "int64",
    "long": "int64",
}


class Settings(threading.local):
    """The settings of this thread; each thread starts from the defaults."""

    def __init__(self) -> None:
        self.floatx = "float32"
        self.epsilon = 1e-7
        self.image_data_format = "channels_last"
        self.policy: DTypePolicy | None = None


class DTypePolicy:
    """Which dtype a layer computes in and which dtype its weights are kept in.

    Args:
        name: A dtype name (`"float32"`, ...) for both, or `"mixed_bfloat16"` / `"mixed_float16"`: compute in the
            short type, keep weights in float32.

    Raises:
        ValueError: for an unknown name; the message suggests the nearest.

    Example:
        >>> import treadle
        >>> policy = treadle.DTypePolicy("mixed_bfloat16")
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')

    Reference:
        Micikevicius et al., 2018, Mixed Precision Training, https://arxiv.org/abs/1710.03740
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or settings.floatx
        if self.name.startswith("mixed_"):
            compute = self.name.removeprefix("mixed_")
            if compute not in ("bfloat16", "float16"):
                raise unknown_name(
                    "dtype policy", self.name, ["mixed_bfloat16", "mixed_float16", *_DTYPES]
                )
            self.compute_dtype, self.variable_dtype = compute, "float32"
        else:
            self.compute_dtype = self.variable_dtype = standardize_dtype(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this policy again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Return the policy that `get_config` described."""
        return cls(**config)


# Configurations of layers name their policy.
Family("dtype policy", "treadle.dtype_policies").member("Policy")(DTypePolicy)
settings = Settings()


def standardize_dtype(dtype: Any) -> str:
    """Return the name of a dtype given as a name, a torch dtype, a NumPy dtype or a Python type.

    >>> standardize_dtype(torch.bfloat16)
    'bfloat16'
    """
    if dtype is None:
        return settings.floatx
    if isinstance(dtype, torch.dtype):
        return str(dtype).removeprefix("torch.")
    if dtype is str:  # symbolic inputs may stand for strings; no tensor holds them
        return "string"
    name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
    name = _ALIASES.get(name, name)
    if name not in _DTYPES:
        raise unknown_name("dtype", str(name), _DTYPES)
    return name


def torch_dtype(dtype: Any) -> torch.dtype:
    """Return the torch dtype for whatever `standardize_dtype` takes; None means `floatx`."""
    return _DTYPES[standardize_dtype("str" if dtype is str else dtype)]


def get_policy(dtype: Any) -> DTypePolicy:
    """Return the policy that a layer's `dtype` argument means; None means the process-wide one."""
    if isinstance(dtype, DTypePolicy):
        return dtype
    if dtype is None:
        return settings.policy or DTypePolicy()
    return DTypePolicy(dtype if isinstance(dtype, str) else standardize_dtype(dtype))


def floatx() -> str:
    """Return the default floating dtype, as a name.

    Example:
        >>> import treadle
        >>> treadle.config.floatx()
        'float32'
    """
    return settings.floatx


def set_floatx(value: str) -> None:
    """Set the default floating dtype: `"float16"`, `"bfloat16"`, `"float32"` or `"float64"`.

    Example:
        >>> import treadle
        >>> treadle.config.set_floatx("float32")
    """
    if value not in _FLOATS:
        raise unknown_name("floating dtype", value, _FLOATS)
    settings.floatx = value


def epsilon() -> float:
    """Return the small number that guards divisions and logarithms.

    Example:
        >>> import treadle
        >>> treadle.config.epsilon()
        1e-07
    """
    return settings.epsilon


def set_epsilon(value: float) -> None:
    """Set the small number that guards divisions and logarithms; it must be > 0.

    Example:
        >>> import treadle
        >>> treadle.config.set_epsilon(1e-7)
    """
    if not value > 0:
        raise ValueError(
            explain("`epsilon` cannot be used.", expected="a number > 0", got=repr(value))
        )
    settings.epsilon = float(value)


def image_data_format() -> str:
    """Return `"channels_last"` or `"channels_first"`: what layers assume when not told.

    Example:
        >>> import treadle
        >>> treadle.config.image_data_format()
        'channels_last'
    """
    return settings.image_data_format


def set_image_data_format(value: str) -> None:
    """Set the image layout that layers assume when not told.

    Example:
        >>> import treadle
        >>> treadle.config.set_image_data_format("channels_last")
    """
    settings.image_data_format = check_data_format(value)


def check_data_format(value: str | None) -> str:
    """Return `value`, or the default for None; raise for anything but the two layouts."""
    if value is None:
        return settings.image_data_format
    if value not in ("channels_last", "channels_first"):
        raise unknown_name("data format", str(value), ["channels_last", "channels_first"])
    return value


def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that are not given a `dtype`.

    Example:
        >>> import treadle
        >>> treadle.config.dtype_policy().name
        'float32'
    """
    return get_policy(None)


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Set the policy of layers that are not given a `dtype`.

    Example:
        >>> import treadle
        >>> treadle.config.set_dtype_policy("float32")
    """
    settings.policy = get_policy(policy)
