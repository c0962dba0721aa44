"""A functional model from its configuration: layers are made first, then called in an order that their inputs allow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import torch

from treadle import _core, graph
from treadle.saving import _operations
from treadle.saving._errors import corrupt, unsafe
from treadle.saving._graph_order import symbolic_leaves

Make = Callable[[dict[str, Any]], Any]
_MOST_NODES = 100_000


def functional_ends(config: dict[str, Any], make: Make) -> tuple[Any, Any]:
    """Return the symbolic inputs and outputs that a configuration describes.

    Args:
        config: What `functional_config` returned, or Keras.
        make: Makes a layer from its configuration.

    Raises:
        CorruptFileError: for a graph that cannot be put together.
    """
    return _Builder(config, make).ends()


class _Builder:
    def __init__(self, config: dict[str, Any], make: Make) -> None:
        self.config = config
        self.targets: dict[str, Any] = {}
        self.calls: dict[tuple[str, int], Any] = {}  # what each call was made with
        self.values: dict[tuple[str, int], list[Any]] = {}
        self.captured: dict[int, torch.nn.Parameter] = {}
        for entry in config["layers"]:
            self._add(entry, make)

    def _add(self, entry: dict[str, Any], make: Make) -> None:
        name = entry.get("name") or entry["config"]["name"]
        if name in self.targets:
            raise corrupt(
                f"two layers named {name!r:.60}", "the same name twice", "different names"
            )
        self.targets[name] = target = _target(entry, make)
        inbound = entry.get("inbound_nodes") or []
        if not inbound and hasattr(target, "batch_shape"):
            self.values[name, 0] = [target.output]
        for index, node in enumerate(inbound):
            self.calls[name, index] = _arguments(node)
        if len(self.calls) > _MOST_NODES:
            raise unsafe(
                "the configuration", f"{len(self.calls)} calls", f"at most {_MOST_NODES} calls"
            )

    def ends(self) -> tuple[Any, Any]:
        self._run()
        return self._end("input_layers"), self._end("output_layers")

    def _run(self) -> None:
        """Make all calls, each after those that it needs (the earlier calls of the same layer among them)."""
        waiting: dict[tuple[str, int], set[tuple[str, int]]] = {}
        needed_by: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for key, (args, kwargs) in self.calls.items():
            needs = {place[:2] for place in _histories([args, kwargs])} - set(self.values)
            if key[1]:
                needs.add((key[0], key[1] - 1))
            waiting[key] = needs
            for need in needs:
                needed_by.setdefault(need, []).append(key)
        ready = deque(key for key, needs in waiting.items() if not needs)
        done = 0
        graph.watch_modules()
        while ready:
            key = ready.popleft()
            self._call(key)
            done += 1
            for other in needed_by.get(key, ()):
                waiting[other].discard(key)
                if not waiting[other]:
                    ready.append(other)
        if done < len(self.calls):
            left = next(key for key, needs in waiting.items() if needs)
            raise corrupt(
                f"layer {left[0]!r:.60}", "inputs that nothing computes", "a graph without cycles"
            )

    def _call(self, key: tuple[str, int]) -> None:
        args, kwargs = self.calls[key]
        given = tuple(self._value(value) for value in args)
        named = {name: self._value(value) for name, value in kwargs.items()}
        target = self.targets[key[0]]
        if isinstance(target, _Operation):
            result = target(given, named)
        else:
            # Keras writes these even where nothing was given.
            named = {
                k: v for k, v in named.items() if k not in ("mask", "training") or v is not None
            }
            result = target(*given, **named)
        self.values[key] = leaves = symbolic_leaves(result)
        for leaf in leaves:
            if not isinstance(leaf, graph.SymbolicTensor):
                _check_number(key[0], leaf.values)

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(part) for part in value]
        if not isinstance(value, dict):
            return value
        if "class_name" not in value or "config" not in value:
            return {key: self._value(part) for key, part in value.items()}
        return self._special(value["class_name"], value["config"])

    def _special(self, kind: str, config: Any) -> Any:
        if kind == "__keras_tensor__":
            return self._tensor_at(config["keras_history"])
        if kind == "__tuple__":
            return tuple(self._value(part) for part in config["value"])
        if kind == "__slice__":
            return slice(*(self._value(config[key]) for key in ("start", "stop", "step")))
        if kind == "__ellipsis__":
            return Ellipsis
        if kind == "__dtype__":
            return _core.torch_dtype(config["value"])
        if kind == "__tensor__":
            dtype = _core.torch_dtype(config["dtype"])
            return torch.tensor(self._value(config["value"]), dtype=dtype)
        if kind == "__float__" and config["value"] in ("inf", "-inf", "nan"):
            return float(config["value"])
        if kind == "__captured__":
            return self._parameter(config)
        raise unsafe(
            "an argument of a call", f"class {kind!r:.60}", "tensors, slices and plain values"
        )

    def _parameter(self, config: dict[str, Any]) -> torch.nn.Parameter:
        """Return the parameter of this number; its values are among the weights."""
        number = int(config["index"])
        if number not in self.captured:
            dtype = _core.torch_dtype(config["dtype"])
            self.captured[number] = _core.Variable(
                torch.zeros([int(size) for size in config["shape"]], dtype=dtype)
            )
        return self.captured[number]

    def _tensor_at(self, place: Any) -> Any:
        name, node, position = _place(place)
        values = self.values.get((name, node))
        if values is None or not 0 <= position < len(values):
            raise corrupt(
                f"layer {name!r:.60}", f"call {node}, output {position}", "one that exists"
            )
        return values[position]

    def _end(self, key: str) -> Any:
        def find(structure: Any) -> Any:
            if isinstance(structure, dict):
                return {name: find(part) for name, part in structure.items()}
            if isinstance(structure, list) and structure and isinstance(structure[0], str):
                return self._tensor_at(structure)
            if isinstance(structure, list):
                return [find(part) for part in structure]
            raise corrupt(f"`{key}`", f"{structure!r:.60}", "[layer, call, output]")

        found = find(self.config[key])
        # The old form had a list for a single tensor, too, and no other.
        legacy = self.config.get("_legacy_ends") and isinstance(found, list) and len(found) == 1
        return found[0] if legacy else found


def _check_number(name: str, values: Any) -> None:
    for value in values:
        if not isinstance(value, (int, float, torch.dtype, torch.device)) or (
            isinstance(value, int) and abs(value) >= 2**63
        ):
            raise unsafe(f"operation {name!r:.60}", "a value that is no size", "tensors and sizes")


class _Operation:
    """A function, method or attribute of tensors, as a target of calls."""

    def __init__(self, kind: str, target: Any, kwargs: dict[str, Any]) -> None:
        self.kind, self.target, self.kwargs = kind, target, kwargs

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.kind == "keras":
            index = self.target is _operations.FUNCTIONS["operator.getitem"]
            if index and len(args) == 2 and isinstance(args[1], list):
                args = (args[0], tuple(args[1]))
            kwargs = {**self.kwargs, **kwargs}
        self._check(args, kwargs)
        if self.kind == "keras":
            return self.target(*args, **kwargs)
        return graph.record(self.kind, self.target, args, kwargs)

    def _check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise unless this is a call on tensors: Python's own numbers, texts and lists could grow without bounds."""
        plain = self.target in _operations.PYTHON_OPERATORS
        first = args[:1] if self.target is _operations.FUNCTIONS["operator.getitem"] else args
        fit = bool(args) and all(
            isinstance(value, (graph.Symbolic, torch.Tensor)) for value in args[:1]
        )
        if plain:
            numbers = (graph.Symbolic, torch.Tensor, int, float)
            fit = bool(args) and all(isinstance(value, numbers) for value in first)
        needs_tensor = plain or self.kind in ("method", "attribute")
        if (needs_tensor and not fit) or not graph.has_symbolic(args, kwargs):
            raise unsafe(
                f"operation {self.target!r:.60}", "a call on plain values", "calls on tensors"
            )
        if self.target is _operations.FUNCTIONS["operator.pow"] and not any(
            isinstance(value, (graph.SymbolicTensor, torch.Tensor)) for value in args
        ):
            raise unsafe("operation pow", "a power of plain numbers", "powers of tensors")


def _target(entry: dict[str, Any], make: Make) -> Any:
    """Return the layer or operation that an entry stands for."""
    cls, config, module = entry["class_name"], entry["config"], str(entry.get("module") or "")
    if cls == "TorchOperation":
        found = _operations.find(str(config["operation"]))
        if found is None:
            raise unsafe(
                f"operation {config['operation']!r:.60}",
                "an unknown function",
                "functions from the list",
            )
        return _Operation(*found, {})
    if module.startswith(("keras.src.ops", "keras.ops")):
        known = _operations.from_keras(cls, config)
        if known is None:
            raise unsafe(
                f"operation {cls!r:.60}", f"keras.ops {cls:.60}", "operations that treadle has"
            )
        return _Operation("keras", *known)
    return make(entry)


def _arguments(node: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a call, in today's form or in that of Keras 2."""
    if isinstance(node, dict):
        return list(node["args"]), dict(node["kwargs"])
    tensors: list[Any] = []
    kwargs: dict[str, Any] = {}
    places = [node] if node and isinstance(node[0], str) else node
    for place in places:
        history = {"keras_history": list(place[:3])}
        tensors.append({"class_name": "__keras_tensor__", "config": history})
        kwargs.update(place[3] if len(place) > 3 else {})
    return [tensors if len(tensors) > 1 else tensors[0]], kwargs


def _place(place: Any) -> tuple[str, int, int]:
    if (
        not isinstance(place, list)
        or len(place) < 3
        or not isinstance(place[0], str)
        or not all(isinstance(number, int) for number in place[1:3])
    ):
        raise corrupt("the place of a tensor", f"{place!r:.60}", "[layer, call, output]")
    return place[0], place[1], place[2]


def _histories(value: Any) -> list[tuple[str, int, int]]:
    """Return the places of all tensors in a structure."""
    if isinstance(value, list):
        return [place for part in value for place in _histories(part)]
    if not isinstance(value, dict):
        return []
    if value.get("class_name") == "__keras_tensor__":
        return [_place(value["config"]["keras_history"])]
    return [place for part in value.values() for place in _histories(part)]
