"""A stretch of kernels as one program of torch's C++ interpreter, which calls them without Python between.

The kernels are the same as in an eager run, so the bits are. Nothing is compiled, so making one takes milliseconds.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch

from treadle.autodiff._recorder import Operation

_FORMATS = {
    torch.contiguous_format: 0,
    torch.preserve_format: 1,
    torch.channels_last: 2,
    torch.channels_last_3d: 3,
}
_ALIASES = (torch.ops.aten.detach.default, torch.ops.aten.alias.default)
_TENSOR = torch._C.TensorType.get()
# Kernels that keep what their gradient needs only while gradients are enabled, which a replay switches off.
KEEPERS = frozenset({torch.ops.aten.mkldnn_rnn_layer.default})


class NotExpressible(Exception):
    """An operation that the interpreter does not know in this form."""


def can_join(operation: Operation) -> bool:
    """Return whether an operation may be part of a segment."""
    if not operation.is_kernel or operation.kernel in KEEPERS:
        return False
    schema = operation.kernel._schema
    for argument in schema.arguments:
        # The interpreter would take a list that is written to for dead code.
        if (
            argument.alias_info is not None
            and argument.alias_info.is_write
            and not isinstance(argument.type, torch._C.TensorType)
        ):
            return False
    if any(isinstance(value, torch.Generator) for value in operation.kwargs.values()):
        return False
    try:
        _Builder().add(operation)
    except (NotExpressible, RuntimeError, TypeError):
        return False
    return True


def build(operations: Sequence[Operation], inputs: Sequence[int], outputs: Sequence[int]) -> Any:
    """Return a function from tensors to a tuple of tensors.

    Args:
        operations: What to do, in order.
        inputs: The identities of the tensors that the function takes.
        outputs: The identities of the tensors that it returns.
    """
    builder = _Builder()
    for key in inputs:
        builder.value(key)
    # Without autograd an alias is the tensor itself, unless something changes the shape of one of them in place.
    reshapes = any(torch.Tag.inplace_view in operation.kernel.tags for operation in operations)
    for operation in operations:
        if operation.kernel in _ALIASES and not reshapes and id(operation.outputs) not in outputs:
            builder.values[id(operation.outputs)] = builder.value(id(operation.args[0]))
        else:
            builder.add(operation)
    return builder.function(outputs)


class _Builder:
    def __init__(self) -> None:
        self.graph: Any = torch._C.Graph()
        self.values: dict[int, Any] = {}

    def value(self, key: int) -> Any:
        if key not in self.values:
            made = self.graph.addInput()
            made.setType(_TENSOR)
            self.values[key] = made
        return self.values[key]

    def add(self, operation: Operation) -> None:
        schema = operation.kernel._schema
        arguments: list[Any] = []
        for position, argument in enumerate(schema.arguments):
            if position < len(operation.args):
                given = operation.args[position]
            elif argument.name in operation.kwargs:
                given = operation.kwargs[argument.name]
            else:
                given = argument.default_value
            arguments.append(self._argument(given, argument.type))
        node = self.graph.create(schema.name, arguments, len(schema.returns))
        self.graph.insertNode(node)
        found = node.schema()
        name = found.partition("(")[0]
        expected = str(schema).partition("(")[0]
        # A number in the place of a tensor is another overload of the same operation.
        if name != expected and not (
            name == expected.replace(".Tensor", ".Scalar") and found != "(no schema)"
        ):
            raise NotExpressible(expected)
        outputs = operation.outputs
        if len(schema.returns) == 1:
            outputs = (outputs,)
        for output, made, returned in zip(
            outputs or (), node.outputs(), schema.returns, strict=True
        ):
            self._output(output, made, returned.type)

    def _output(self, output: Any, made: Any, kind: Any) -> None:
        if isinstance(output, torch.Tensor):
            made.setType(_TENSOR)
            self.values[id(output)] = made
        elif isinstance(output, (list, tuple)):
            made.setType(torch._C.ListType(_TENSOR))
            unpacked = self.graph.create("prim::ListUnpack", [made], len(output))
            self.graph.insertNode(unpacked)
            for one, part in zip(output, unpacked.outputs(), strict=True):
                part.setType(_TENSOR)
                self.values[id(one)] = part
        elif output is not None or not isinstance(kind, torch._C.TensorType):
            raise NotExpressible(str(kind))
        else:
            made.setType(_TENSOR)

    def _argument(self, given: Any, kind: Any) -> Any:
        if isinstance(given, torch.Tensor):
            return self.value(id(given))
        if isinstance(given, (list, tuple)):
            if any(isinstance(one, torch.Tensor) for one in given):
                return self._tensors(given, kind)
            given = list(given)
            if not given:
                return self._empty(kind)
        return self.graph.insertConstant(_constant(given))

    def _tensors(self, given: Sequence[Any], kind: Any) -> Any:
        parts = [
            self.graph.insertConstant(None) if one is None else self.value(id(one)) for one in given
        ]
        element = torch._C.OptionalType(_TENSOR) if "Optional" in str(kind) else _TENSOR
        return self._list(parts, element)

    def _empty(self, kind: Any) -> Any:
        while isinstance(kind, torch._C.OptionalType):
            kind = kind.getElementType()
        if not isinstance(kind, torch._C.ListType):
            raise NotExpressible(str(kind))
        return self._list([], kind.getElementType())

    def _list(self, parts: list[Any], element: Any) -> Any:
        node = self.graph.create("prim::ListConstruct", parts, 1)
        node.output().setType(torch._C.ListType(element))
        self.graph.insertNode(node)
        return node.output()

    def function(self, outputs: Sequence[int]) -> Any:
        values = [self.values[key] for key in outputs]
        node = self.graph.create("prim::TupleConstruct", values, 1)
        node.output().setType(torch._C.TupleType([_TENSOR] * len(values)))
        self.graph.insertNode(node)
        self.graph.registerOutput(node.output())
        return torch._C._create_function_from_graph("segment", self.graph)


def _constant(value: Any) -> Any:
    if isinstance(value, torch.memory_format):
        return _FORMATS[value]
    if isinstance(value, torch.layout):
        return 0  # strided; others are not recorded
    if isinstance(value, torch.dtype):
        return _dtype_number(value)
    return value


@functools.cache
def _dtype_number(dtype: torch.dtype) -> int:
    """Return the interpreter's number for a dtype, which is not public: a program that reads one tells."""
    graph = torch._C.parse_ir("graph(%x : Tensor):\n  %d : int = prim::dtype(%x)\n  return (%d)\n")
    return torch._C._create_function_from_graph("dtype", graph)(torch.empty(0, dtype=dtype))
