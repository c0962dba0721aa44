"""Loops and branches as functions. On real tensors they are Python's own; on symbolic ones a model records them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from treadle import _core
from treadle.ops._convert import as_tensor, is_symbolic


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Return `true_fn()` where `pred` is true, else `false_fn()`.

    For a symbolic `pred` both run in the model, and one result is chosen: they must be alike.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.cond(torch.tensor(1.0) > 0, lambda: "yes", lambda: "no")
        'yes'
    """
    if not is_symbolic(pred):
        return true_fn() if pred else false_fn()
    return _chosen(pred, true_fn(), false_fn())


def _chosen(pred: Any, first: Any, second: Any) -> Any:
    condition = as_tensor(pred)
    return _core.map_structure(
        lambda a, b: None if a is None else torch.where(condition, as_tensor(a), as_tensor(b)),
        first,
        second,
    )


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Return `branches[index](*operands)`; an index beyond the ends takes the nearest branch.

    For a symbolic `index` all branches run in the model, and one result is chosen: they must be alike.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.switch(torch.tensor(1), [lambda x: x, lambda x: -x], 3)
        -3
    """
    if not is_symbolic(index):
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    result = branches[0](*operands)
    for number, branch in enumerate(branches[1:], start=1):
        result = _chosen(index >= number, branch(*operands), result)
    return result


@_core.recorded
def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Return what `loop_vars` are after `body` has run while `cond` holds.

    Args:
        cond: Takes the variables; returns whether to go on.
        body: Takes the variables; returns the new ones.
        loop_vars: A tuple or list of structures of tensors, or one alone.
        maximum_iterations: The most runs of `body`.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, 1.0))
        (tensor(3, dtype=torch.int32), tensor(8.))
    """
    several = isinstance(loop_vars, (list, tuple))
    values = tuple(loop_vars) if several else (loop_vars,)
    values = _core.map_structure(as_tensor, values)
    runs = 0
    while (maximum_iterations is None or runs < maximum_iterations) and cond(*values):
        new = body(*values)
        values = tuple(new) if isinstance(new, (list, tuple)) else (new,)
        runs += 1
    return values if several else values[0]


@_core.recorded
def fori_loop(lower: Any, upper: Any, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """Return what `init_val` becomes by `body_fun(i, value)` for i from `lower` to `upper - 1`.

    Example:
        >>> import treadle
        >>> treadle.ops.fori_loop(0, 4, lambda i, x: x + i, 1)
        7
    """
    value = init_val
    for index in range(int(lower), int(upper)):
        value = body_fun(index, value)
    return value


@_core.recorded
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """Return `f` of each part of `xs` along axis 0, stacked; arguments and results may be structures.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.map(lambda row: row.sum(), torch.eye(3))
        tensor([1., 1., 1.])
    """
    _, stacked = _scanned(lambda carry, x: (carry, f(x)), None, xs, None, False)
    return stacked


@_core.recorded
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> tuple[Any, Any]:
    """Return the last carry and the stacked outputs of `carry, y = f(carry, x)` for each part x of `xs`.

    Args:
        f: Takes the carry and a part; returns the new carry and an output (or None).
        init: The first carry, a structure of tensors.
        xs: A structure of tensors whose axis 0 is gone through; None for parts that are None.
        length: How many parts there are, needed without `xs`.
        reverse: Whether to begin at the end.
        unroll: Kept for Keras's callers.

    Raises:
        ValueError: for neither `xs` nor `length`, or parts of different numbers.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.scan(lambda total, x: (total + x, total * x), 0.0, torch.arange(4.0))
        (tensor(6.), tensor([0., 0., 2., 9.]))
    """
    return _scanned(f, _core.map_structure(_as_carry, init), xs, length, reverse)


def _as_carry(value: Any) -> Any:
    return None if value is None else as_tensor(value)


def _scanned(
    f: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any, length: int | None, reverse: bool
) -> tuple[Any, Any]:
    leaves, form = _core.flatten(xs)
    columns = [None if leaf is None else as_tensor(leaf) for leaf in leaves]
    lengths = {column.shape[0] for column in columns if column is not None}
    if length is not None:
        lengths.add(int(length))
    if len(lengths) != 1:
        raise ValueError(
            _core.explain(
                "Parts of `xs` cannot be gone through together.",
                expected="tensors of one length along axis 0, or `length`",
                got=f"lengths {sorted(lengths)}" if lengths else "neither",
            )
        )
    count = lengths.pop()
    parts = [[None] * count if column is None else column.unbind(0) for column in columns]
    outputs: list[Any] = [None] * count
    for index in reversed(range(count)) if reverse else range(count):
        carry, outputs[index] = f(carry, _core.unflatten([part[index] for part in parts], form))
    return carry, _stacked(outputs)


def _stacked(outputs: list[Any]) -> Any:
    if not outputs:
        return None

    def stack(*values: Any) -> Any:
        return None if values[0] is None else torch.stack([as_tensor(value) for value in values])

    return _core.map_structure(stack, outputs[0], *outputs[1:])


@_core.recorded
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """Return `function` of each part of `elements` along axis 0, computed for all at once by `torch.vmap`.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.vectorized_map(lambda row: row.sum(), torch.eye(3))
        tensor([1., 1., 1.])
    """
    tensors = _core.map_structure(as_tensor, elements)
    return torch.vmap(function, randomness="different")(tensors)


@_core.recorded
def associative_scan(
    f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Return all partial results of an associative `f`, in a number of steps that grows as the logarithm.

    Args:
        f: Takes two structures of tensors with parts along `axis` and combines them part by part.
        elems: A structure of tensors of one size along `axis`.
        reverse: Whether to combine from the end.
        axis: The axis.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.associative_scan(lambda a, b: a + b, torch.arange(5))
        tensor([ 0,  1,  3,  6, 10])

    Reference:
        Blelloch, 1990, Prefix Sums and Their Applications.
    """
    leaves, form = _core.flatten(elems)
    columns = [as_tensor(leaf).movedim(axis, 0) for leaf in leaves]

    def combine(first: list[torch.Tensor], second: list[torch.Tensor]) -> list[torch.Tensor]:
        pair = [
            _core.unflatten([column.movedim(0, axis) for column in side], form)
            for side in (first, second)
        ]
        return [as_tensor(leaf).movedim(axis, 0) for leaf in _core.leaves(f(*pair))]

    if reverse:
        columns = [column.flip(0) for column in columns]
    found = _prefixes(combine, columns)
    if reverse:
        found = [column.flip(0) for column in found]
    return _core.unflatten([column.movedim(0, axis) for column in found], form)


def _prefixes(
    combine: Callable[[list[torch.Tensor], list[torch.Tensor]], list[torch.Tensor]],
    columns: list[torch.Tensor],
) -> list[torch.Tensor]:
    """Return the prefixes: those of neighbours combined give every second one, one more step the others."""
    count = columns[0].shape[0]
    if count < 2:
        return columns
    pairs = combine([c[: count - 1 : 2] for c in columns], [c[1::2] for c in columns])
    odd = _prefixes(combine, pairs)
    between = [c[: (count - 1) // 2] for c in odd]
    even = columns
    if count > 2:
        rest = combine(between, [c[2::2] for c in columns])
        even = [torch.cat([c[:1], r]) for c, r in zip(columns, rest, strict=True)]
    merged: list[torch.Tensor] = []
    for one, other in zip(even, odd, strict=True):
        whole = other.new_empty((count, *other.shape[1:]))
        places = torch.arange(count, device=other.device)
        whole = whole.index_copy(0, places[::2], one[: (count + 1) // 2])
        merged.append(whole.index_copy(0, places[1::2], other))
    return merged


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function that returns its result and a function for the gradient.

    Args:
        f: Takes tensors; returns `(result, gradient)`, where `gradient(upstream)` returns the gradient of each
            argument, one alone or in a tuple.

    Returns:
        A function of the same arguments that returns the result.

    Example:
        >>> import torch, treadle
        >>> @treadle.ops.custom_gradient
        ... def straight_through(x):
        ...     return torch.round(x), lambda upstream: upstream
        >>> x = torch.tensor(1.4, requires_grad=True)
        >>> straight_through(x).backward()
        >>> x.grad
        tensor(1.)
    """

    @_core.recorded
    def call(*args: Any, **kwargs: Any) -> Any:
        return _CustomGradient.apply(f, kwargs, *args)

    call.__name__ = getattr(f, "__name__", "custom_gradient")
    call.__doc__ = f.__doc__
    return call


class _CustomGradient(torch.autograd.Function):
    """The result of a function, with the gradient that it gives itself."""

    @staticmethod
    def forward(ctx: Any, f: Callable[..., Any], kwargs: dict[str, Any], *args: Any) -> Any:
        result, ctx.gradient = f(*args, **kwargs)
        ctx.count = len(args)
        return result

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        found = ctx.gradient(*upstream)
        gradients = tuple(found) if isinstance(found, (list, tuple)) else (found,)
        return None, None, *gradients[: ctx.count], *([None] * (ctx.count - len(gradients)))
