"""From recorded nodes to a program: straight-line Python source, one line per call, compiled once.

def replay(module, x0):
    m = module._modules
    x1 = m["dense"](x0)
    x2 = torch_relu(x1); x1 = None
    return (x2,)
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from treadle import _core
from treadle.graph._symbolic import Node, Symbolic, SymbolicTensor, call_target, map_leaves


def reachable_nodes(inputs: Sequence[SymbolicTensor], outputs: Sequence[Symbolic]) -> list[Node]:
    """Return the nodes between `inputs` and `outputs` in an order of execution.

    Raises:
        ValueError: when an output needs an input that is not among `inputs`.
    """
    # Values, not nodes, end the walk: an intermediate tensor may be the input of a new model.
    stop = {id(tensor) for tensor in inputs}
    found: dict[int, Node] = {}
    waiting = [tensor for tensor in outputs if id(tensor) not in stop]
    while waiting:
        node = waiting.pop().node
        if node is None or node.number in found:
            continue
        if node.kind == "input":
            raise ValueError(_missing_input(node.outputs, inputs))
        found[node.number] = node
        waiting += [tensor for tensor in node.symbolic_inputs() if id(tensor) not in stop]
    return [found[number] for number in sorted(found)]


def _missing_input(missing: SymbolicTensor, inputs: Sequence[SymbolicTensor]) -> str:
    return _core.explain(
        f"The outputs need the input {missing.name!r}, which is not among the model's inputs.",
        expected=f"`inputs` that include {missing.name!r}",
        got=f"inputs {[tensor.name for tensor in inputs]}",
        fix=f"add {missing.name!r} to `inputs`",
    )


class Program:
    """A recorded computation that runs on real tensors.

    Args:
        inputs: The symbolic tensors that the program starts from.
        outputs: The symbolic values that it returns, flat.

    Attributes:
        nodes: The recorded calls in the order in which they run.
        modules: The modules that are called, in order of first use; the owner registers them under `name_module`.
        tensors: Tensors that the recorded code used from outside: parameters are trained, others are constants.
        source: The generated Python.
    """

    def __init__(self, inputs: Sequence[SymbolicTensor], outputs: Sequence[Symbolic]) -> None:
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.nodes = reachable_nodes(inputs, outputs)
        self.modules: list[nn.Module] = []
        for node in self.nodes:
            if node.kind == "module" and node.target not in self.modules:
                self.modules.append(node.target)
        self.tensors: list[torch.Tensor] = []
        self.source = ""
        self._names: dict[int, str] = {}
        self._constants: dict[str, Any] = {}

    def compile(self, module_names: dict[int, str]) -> Callable[..., tuple[Any, ...]]:
        """Return `replay(module, *tensors) -> tuple`; `module_names` maps `id(module)` to its registered name."""
        for position, tensor in enumerate(self.inputs):
            self._names[id(tensor)] = f"x{position}"
        arguments = ", ".join(self._names[id(tensor)] for tensor in self.inputs)
        lines = [f"def replay(module, {arguments}):", "    m = module._modules"]
        body = [self._line(node, module_names) for node in self.nodes]
        if self.tensors:
            lines.append("    t = module._graph_tensors()")
        result = ", ".join(self._expression(output) for output in self.outputs)
        lines += _free_early(body, result)
        lines.append(f"    return ({result},)")
        self.source = "\n".join(lines) + "\n"
        return _compile(self.source, self._constants)

    def _line(self, node: Node, module_names: dict[int, str]) -> str:
        args = [self._expression(argument) for argument in node.args]
        named = [f"{key}={self._expression(value)}" for key, value in node.kwargs.items()]
        if node.kind == "module":
            call = f"m[{module_names[id(node.target)]!r}]({', '.join(args + named)})"
        elif node.kind == "method":
            call = f"{args[0]}.{node.target}({', '.join(args[1:] + named)})"
        elif node.kind == "attribute":
            call = f"{args[0]}.{node.target}"
        else:
            call = f"{self._constant(node.target)}({', '.join(args + named)})"
        return f"    {self._bind(node.outputs)} = {call}"

    def _bind(self, outputs: Any) -> str:
        """Return the left-hand side that gives each symbolic part of a call's result its name."""
        if isinstance(outputs, Symbolic):
            name = f"x{len(self._names)}"
            self._names[id(outputs)] = name
            return name
        if isinstance(outputs, (list, tuple)) and outputs:
            return "(" + "".join(f"{self._bind(part)}, " for part in outputs) + ")"
        if isinstance(outputs, dict):
            name = f"x{len(self._names)}d"
            self._name_parts(name, outputs)
            return name
        return "_"

    def _name_parts(self, expression: str, outputs: Any) -> None:
        """Name the symbolic parts of a dict, which Python cannot unpack, by how they are reached."""
        if isinstance(outputs, Symbolic):
            self._names[id(outputs)] = expression
        elif isinstance(outputs, dict):
            for key, part in outputs.items():
                self._name_parts(f"{expression}[{key!r}]", part)
        elif isinstance(outputs, (list, tuple)):
            for position, part in enumerate(outputs):
                self._name_parts(f"{expression}[{position}]", part)

    def _expression(self, value: Any) -> str:
        if isinstance(value, Symbolic):
            return self._names[id(value)]
        if isinstance(value, torch.Tensor):
            if not any(known is value for known in self.tensors):
                self.tensors.append(value)
            return f"t[{next(i for i, known in enumerate(self.tensors) if known is value)}]"
        if type(value) in (int, str, bool, type(None)) or value is Ellipsis:
            return repr(value)
        if isinstance(value, list):
            return "[" + ", ".join(map(self._expression, value)) + "]"
        if isinstance(value, tuple):
            parts = "(" + "".join(f"{self._expression(part)}, " for part in value) + ")"
            if hasattr(value, "_fields"):
                return f"{self._constant(type(value))}(*{parts})"
            return parts
        if isinstance(value, dict):
            return (
                "{"
                + ", ".join(f"{key!r}: {self._expression(part)}" for key, part in value.items())
                + "}"
            )
        if type(value) is slice:
            return (
                "slice("
                + ", ".join(map(self._expression, (value.start, value.stop, value.step)))
                + ")"
            )
        return self._constant(value)

    def _constant(self, value: Any) -> str:
        for name, known in self._constants.items():
            if known is value:
                return name
        word = re.sub(r"\W", "_", str(getattr(value, "__name__", type(value).__name__)))
        name = f"{word}_{len(self._constants)}"
        self._constants[name] = value
        return name


def _free_early(lines: list[str], result: str) -> list[str]:
    """Let go of each intermediate value after its last use, so that inference needs no more memory than by hand."""
    kept = set(re.findall(r"x\d+d?", result))
    freed = []
    for line in reversed(lines):
        names = [
            name for name in dict.fromkeys(re.findall(r"\bx\d+d?\b", line)) if name not in kept
        ]
        kept.update(names)
        freed.append(line + "".join(f"; {name} = None" for name in names))
    return freed[::-1]


def _compile(source: str, constants: dict[str, Any]) -> Callable[..., tuple[Any, ...]]:
    filename = f"<treadle graph {len(linecache.cache)}>"
    # Tracebacks and debuggers then show the generated lines.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = dict(constants)
    exec(compile(source, filename, "exec"), namespace)
    return namespace["replay"]


def replay_symbolically(
    program: Program, inputs: Sequence[Any], replacement: Callable[[Any], Any]
) -> list[Any]:
    """Return the outputs of `program` recorded anew from other `inputs`, each module and tensor replaced."""
    values: dict[int, Any] = {id(old): new for old, new in zip(program.inputs, inputs, strict=True)}

    def value(leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor):
            return replacement(leaf)
        return values[id(leaf)] if isinstance(leaf, Symbolic) else leaf

    for node in program.nodes:
        if id(node.outputs) in values:  # a mask that the new call of its layer has made
            continue
        target = replacement(node.target) if node.kind == "module" else node.target
        args, kwargs = (
            map_leaves(value, node.args),
            {
                key: map_leaves(value, part)
                for key, part in node.kwargs.items()
                if key not in node.implied
            },
        )
        _pair(node.outputs, call_target(node.kind, target, args, kwargs), values)
    return [values[id(output)] for output in program.outputs]


def _pair(old: Any, new: Any, values: dict[int, Any]) -> None:
    if isinstance(old, Symbolic):
        values[id(old)] = new
        if getattr(old, "mask", None) is not None:
            values[id(old.mask)] = new.mask  # type: ignore[attr-defined]
    elif isinstance(old, (list, tuple)):
        for a, b in zip(old, new, strict=True):
            _pair(a, b, values)
    elif isinstance(old, dict):
        for key, part in old.items():
            _pair(part, new[key], values)
