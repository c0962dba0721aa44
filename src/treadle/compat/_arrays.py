"""Making and rearranging tensors: constants, concatenation, indexing, scattering."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch

from treadle.compat._convert import as_axes, as_dtype, as_size, as_tensor


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Any:
    """Return `value` as a tensor."""
    return as_tensor(value, dtype)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """Return a new tensor of `value`, spread to `shape` if it is one number."""
    tensor = as_tensor(value, dtype)
    if shape is None:
        return tensor
    sizes = as_size(shape)
    return tensor.expand(sizes).clone() if tensor.dim() == 0 else tensor.reshape(sizes)


def zeros(
    shape: Any, dtype: Any = torch.float32, name: str | None = None, layout: Any = None
) -> Any:
    """Return a tensor of zeros."""
    return torch.zeros(as_size(shape), dtype=as_dtype(dtype))


def ones(
    shape: Any, dtype: Any = torch.float32, name: str | None = None, layout: Any = None
) -> Any:
    """Return a tensor of ones."""
    return torch.ones(as_size(shape), dtype=as_dtype(dtype))


def fill(dims: Any, value: Any, name: str | None = None, layout: Any = None) -> Any:
    """Return a tensor of one value."""
    tensor = as_tensor(value)
    return tensor.expand(as_size(dims)).clone()


def eye(
    num_rows: int,
    num_columns: int | None = None,
    batch_shape: Any = None,
    dtype: Any = torch.float32,
    name: str | None = None,
) -> Any:
    """Return identity matrices."""
    matrix = torch.eye(int(num_rows), int(num_columns or num_rows), dtype=as_dtype(dtype))
    return matrix if batch_shape is None else matrix.expand(*as_size(batch_shape), -1, -1).clone()


def range_(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None
) -> Any:
    """Return numbers from `start` (or 0) up to, without, `limit`."""
    start, limit = (0, start) if limit is None else (start, limit)
    bounds = [
        item.item() if isinstance(item, torch.Tensor) else item for item in (start, limit, delta)
    ]
    whole = all(isinstance(item, int) for item in bounds)
    return torch.arange(*bounds, dtype=as_dtype(dtype) or (torch.int32 if whole else torch.float32))


def linspace(start: Any, stop: Any, num: int, name: str | None = None, axis: int = 0) -> Any:
    """Return `num` numbers at equal distances from `start` to `stop`, both included."""
    return torch.linspace(float(start), float(stop), int(num))


def one_hot(
    indices: Any,
    depth: int,
    on_value: Any = 1,
    off_value: Any = 0,
    axis: int | None = None,
    dtype: Any = torch.float32,
    name: str | None = None,
) -> Any:
    """Return rows with `on_value` at the index and `off_value` elsewhere; nowhere for an index out of range."""
    classes = torch.arange(int(depth))
    hot = as_tensor(indices)[..., None] == classes
    hot = torch.where(hot, on_value, off_value).to(as_dtype(dtype))
    return hot if axis in (None, -1) else torch.movedim(hot, -1, axis)


def concat(values: Any, axis: Any, name: str | None = None) -> Any:
    """Return tensors joined along an axis."""
    if isinstance(values, torch.Tensor) and values.dim() == 0:
        return values[None]
    return torch.cat([as_tensor(item) for item in values], dim=as_axes(axis))


def stack(values: Any, axis: int = 0, name: str | None = None) -> Any:
    """Return tensors of one shape joined along a new axis."""
    return torch.stack([as_tensor(item) for item in values], dim=axis)


def unstack(
    value: Any, num: int | None = None, axis: int = 0, name: str | None = None
) -> list[Any]:
    """Return the slices along an axis."""
    return list(torch.unbind(as_tensor(value), dim=axis))


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None, name: str | None = None
) -> list[Any]:
    """Return a tensor cut into so many equal parts, or into parts of the given sizes."""
    tensor = as_tensor(value)
    if isinstance(num_or_size_splits, int):
        length = tensor.size(axis)
        if isinstance(length, int) and length % num_or_size_splits:
            raise ValueError(
                f"A size of {length} cannot be split into {num_or_size_splits} equal parts."
            )
        return list(torch.chunk(tensor, num_or_size_splits, dim=axis))
    sizes = list(as_size(num_or_size_splits))
    if -1 in sizes:
        sizes[sizes.index(-1)] = tensor.shape[axis] - sum(sizes) - 1
    return list(torch.split(tensor, sizes, dim=axis))


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Any:
    """Return the elements in another shape; -1 stands for one size."""
    return torch.reshape(as_tensor(tensor), as_size(shape))


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str | None = None) -> Any:
    """Return the tensor with its axes in another order, reversed by default."""
    tensor = as_tensor(a)
    order = tuple(reversed(range(tensor.dim()))) if perm is None else as_size(perm)
    result = torch.permute(tensor, order)
    return torch.conj(result) if conjugate else result


def expand_dims(input: Any, axis: Any = -1, name: str | None = None) -> Any:
    """Return the tensor with an axis of size 1 inserted."""
    return torch.unsqueeze(as_tensor(input), int(axis))


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Any:
    """Return the tensor without axes of size 1: all, or the given ones."""
    tensor = as_tensor(input)
    return torch.squeeze(tensor) if axis is None else torch.squeeze(tensor, as_axes(axis))


def tile(input: Any, multiples: Any, name: str | None = None) -> Any:
    """Return the tensor repeated along each axis."""
    return torch.tile(as_tensor(input), as_size(multiples))


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Any:
    """Return the tensor with each element repeated along an axis, or flattened."""
    counts = repeats if isinstance(repeats, int) else as_tensor(repeats)
    return torch.repeat_interleave(as_tensor(input), counts, dim=axis)


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    """Return the tensor with axes turned round."""
    axes = as_axes(axis)
    return torch.flip(as_tensor(tensor), (axes,) if isinstance(axes, int) else axes)


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Any:
    """Return the tensor with its elements moved along axes, those at the end to the beginning."""
    return torch.roll(as_tensor(input), as_axes(shift), as_axes(axis))


def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    constant_values: Any = 0,
    name: str | None = None,
) -> Any:
    """Return the tensor with elements added before and after each axis."""
    tensor = as_tensor(tensor)
    pairs = [as_size(pair) for pair in paddings]
    if mode.upper() == "CONSTANT":
        flat = list(itertools.chain.from_iterable(reversed(pairs)))
        return torch.nn.functional.pad(tensor, flat, value=constant_values)
    skip = 0 if mode.upper() == "SYMMETRIC" else 1
    for axis, (before, after) in enumerate(pairs):
        length = tensor.shape[axis]
        index = torch.arange(-before, length + after)
        period = 2 * (length - skip)
        index = torch.remainder(
            index if skip else torch.where(index < 0, -index - 1, index), period
        )
        mirrored = torch.where(index < length, index, period - index - (1 - skip))
        tensor = torch.index_select(tensor, axis, mirrored)
    return tensor


def slice_(input_: Any, begin: Any, size: Any, name: str | None = None) -> Any:
    """Return the block that starts at `begin` and has sizes `size` (-1: up to the end)."""
    key = tuple(
        slice(start, None if length == -1 else start + length)
        for start, length in zip(as_size(begin), as_size(size), strict=True)
    )
    return as_tensor(input_)[key]


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Any:
    """Return the slices of `params` at `indices` along an axis."""
    tensor, index = as_tensor(params), as_tensor(indices).long()
    if batch_dims == 0:
        before = int(axis or 0) % tensor.dim()
        return tensor[(*[slice(None)] * before, index)]
    pairs = zip(tensor, index, strict=True)
    below = None if axis is None else axis - 1
    return torch.stack([gather(x, i, axis=below, batch_dims=batch_dims - 1) for x, i in pairs])


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Any:
    """Return the slices of `params` at index rows: the last axis of `indices` holds coordinates."""
    tensor, index = as_tensor(params), as_tensor(indices).long()
    if batch_dims:
        pairs = zip(tensor, index, strict=True)
        return torch.stack([gather_nd(x, i, batch_dims - 1) for x, i in pairs])
    return tensor[torch.unbind(index, -1)]


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Any:
    """Return zeros to which `updates` are added at index rows."""
    values = as_tensor(updates)
    return tensor_scatter_nd_add(torch.zeros(as_size(shape), dtype=values.dtype), indices, values)


def tensor_scatter_nd_update(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Any:
    """Return a copy of `tensor` with `updates` written at index rows."""
    index = torch.unbind(as_tensor(indices).long(), -1)
    return torch.index_put(as_tensor(tensor), index, as_tensor(updates))


def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """Return a copy of `tensor` with `updates` added at index rows."""
    index = torch.unbind(as_tensor(indices).long(), -1)
    return torch.index_put(as_tensor(tensor), index, as_tensor(updates), accumulate=True)


def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: str | None = None) -> Any:
    """Return the slices where the mask holds."""
    key: tuple[Any, ...] = (slice(None),) * (axis or 0)
    return as_tensor(tensor)[(*key, as_tensor(mask).bool())]


def sequence_mask(
    lengths: Any, maxlen: int | None = None, dtype: Any = torch.bool, name: str | None = None
) -> Any:
    """Return rows that are true up to each length."""
    lengths = as_tensor(lengths)
    longest = int(lengths.max()) if maxlen is None else int(maxlen)
    return (torch.arange(longest) < lengths[..., None]).to(as_dtype(dtype))


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> list[Any]:
    """Return coordinate matrices from coordinate vectors."""
    return list(torch.meshgrid(*[as_tensor(item) for item in args], indexing=indexing))


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Any:
    """Return the tensor spread to a shape."""
    return torch.broadcast_to(as_tensor(input), as_size(shape))


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Any:
    """Return `x`, or raise a ValueError if it does not have the shape (None: any size)."""
    wanted: Sequence[int | None] = tuple(shape)
    got = tuple(x.shape)
    if len(wanted) != len(got) or any(
        a != b for a, b in zip(wanted, got, strict=True) if a is not None and b is not None
    ):
        raise ValueError(f"The shape {got} is not compatible with {wanted}.")
    return x


ARRAYS: dict[str, Any] = {
    "boolean_mask": boolean_mask,
    "broadcast_to": broadcast_to,
    "concat": concat,
    "constant": constant,
    "convert_to_tensor": convert_to_tensor,
    "ensure_shape": ensure_shape,
    "expand_dims": expand_dims,
    "eye": eye,
    "fill": fill,
    "gather": gather,
    "gather_nd": gather_nd,
    "linspace": linspace,
    "meshgrid": meshgrid,
    "one_hot": one_hot,
    "ones": ones,
    "pad": pad,
    "range": range_,
    "repeat": repeat,
    "reshape": reshape,
    "reverse": reverse,
    "roll": roll,
    "scatter_nd": scatter_nd,
    "sequence_mask": sequence_mask,
    "slice": slice_,
    "split": split,
    "squeeze": squeeze,
    "stack": stack,
    "tensor_scatter_nd_add": tensor_scatter_nd_add,
    "tensor_scatter_nd_update": tensor_scatter_nd_update,
    "tile": tile,
    "transpose": transpose,
    "unstack": unstack,
    "zeros": zeros,
}
