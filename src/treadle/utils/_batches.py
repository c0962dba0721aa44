"""What `fit` passes to a step, put together and taken apart; and questions about symbolic tensors."""

from __future__ import annotations

from typing import Any

from treadle import _core, graph
from treadle.data import unpack


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return a batch in the form that data sets yield.

    Args:
        x: The inputs.
        y: The targets, or None.
        sample_weight: The weights, or None.

    Returns:
        `(x, y, sample_weight)`, without what is None at the end; `x` itself if it is alone and no list or tuple.

    Example:
        >>> import treadle
        >>> treadle.utils.pack_x_y_sample_weight(1), treadle.utils.pack_x_y_sample_weight(1, 2)
        (1, (1, 2))
    """
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (list, tuple)) else x


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Return `(x, y, sample_weight)` of a batch, None for what it does not have.

    Args:
        data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`; a list is taken for such a tuple.

    Raises:
        ValueError: for more than three parts.

    Example:
        >>> import treadle
        >>> treadle.utils.unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    return unpack(tuple(data) if isinstance(data, list) else data)


def standardize_dtype(dtype: Any) -> str:
    """Return the name of a dtype.

    Args:
        dtype: A name, a torch dtype, a NumPy dtype or a Python type; None for floatx.

    Raises:
        ValueError: for what is no dtype.

    Example:
        >>> import torch, treadle
        >>> treadle.utils.standardize_dtype(torch.bfloat16), treadle.utils.standardize_dtype(float)
        ('bfloat16', 'float32')
    """
    return _core.standardize_dtype(dtype)


def is_keras_tensor(x: Any) -> bool:
    """Return whether a value is symbolic: made of an `Input`, and without numbers.

    Example:
        >>> import treadle
        >>> treadle.utils.is_keras_tensor(treadle.Input((3,))), treadle.utils.is_keras_tensor(3)
        (True, False)
    """
    return isinstance(x, graph.SymbolicTensor)


def get_source_inputs(tensor: Any) -> list[Any]:
    """Return the `Input`s that a symbolic tensor is computed from, in the order in which they were made.

    Args:
        tensor: A symbolic tensor.

    Example:
        >>> import treadle
        >>> a, b = treadle.Input((2,)), treadle.Input((2,))
        >>> sources = treadle.utils.get_source_inputs(treadle.layers.Dense(3)(a + b))
        >>> sources[0] is a, sources[1] is b
        (True, True)
    """
    if not is_keras_tensor(tensor):
        raise TypeError(
            _core.explain(
                "Only symbolic tensors have source inputs.",
                expected="what a layer returned for an Input",
                got=type(tensor).__name__,
            )
        )
    found: dict[int, Any] = {}
    seen: set[int] = set()
    waiting = [tensor]
    while waiting:
        value = waiting.pop()
        node = value.node
        if id(value) in seen:
            continue
        seen.add(id(value))
        if node is None or node.kind == "input":
            found[-1 if node is None else node.number] = value
        else:
            waiting += node.symbolic_inputs()
    return [found[number] for number in sorted(found)]
