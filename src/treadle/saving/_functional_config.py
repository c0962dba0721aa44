"""A functional model as a configuration, in Keras's form: layers, and where the inputs of each call come from.

Recorded torch functions stand among the layers as entries of class `TorchOperation`, or as Keras's operation where
it is the same one.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from treadle import _core, graph
from treadle.saving._graph_order import order_of_targets, symbolic_leaves, target_of
from treadle.saving._operations import keras_class_of, name_of

_MOST_CONSTANT = 2**16  # numbers of a constant tensor that may stand in a configuration


def functional_config(model: Any) -> dict[str, Any]:
    """Return the configuration of a functional model, without its weights.

    Raises:
        TypeError: for a recorded call that a file cannot name.
    """
    return _Writer(model).config()


class _Writer:
    def __init__(self, model: Any) -> None:
        self.model = model
        self.program = model._program
        self.names: dict[int, str] = {}  # of layers and operations, by id of the target
        self.places: dict[
            int, list[Any]
        ] = {}  # [name, node index, tensor index], by id of the tensor

    def config(self) -> dict[str, Any]:
        entries = self._entries()
        targets = [t for t in order_of_targets(self.model) if id(t) not in entries]
        self._name_all(targets)
        nodes = self._nodes_of(targets)
        layers = list(entries.values())
        layers += [self._entry(target, nodes[id(target)]) for target in targets]
        return {
            "name": self.model.name,
            "trainable": self.model.trainable,
            "layers": layers,
            "input_layers": self._ends(self.model._input_structure),
            "output_layers": self._ends(self.model._output_structure),
        }

    def _entries(self) -> dict[int, dict[str, Any]]:
        """Return the configurations of the inputs, and remember their places."""
        entries: dict[int, dict[str, Any]] = {}
        for position, tensor in enumerate(self.program.inputs):
            name = self.model.input_names[position] if tensor.name is None else tensor.name
            name = tensor.node.target.name if _is_entry(tensor) else f"{name}_input_{position}"
            self.places[id(tensor)] = [name, 0, 0]
            config = {
                "batch_shape": list(tensor.shape),
                "dtype": _core.standardize_dtype(tensor.dtype),
                "sparse": False,
                "ragged": False,
                "name": name,
                "optional": False,
            }
            key = id(tensor.node.target) if _is_entry(tensor) else id(tensor)
            entries[key] = {
                "module": "keras.layers",
                "class_name": "InputLayer",
                "config": config,
                "registered_name": None,
                "name": name,
                "inbound_nodes": [],
            }
        return entries

    def _name_all(self, targets: list[Any]) -> None:
        taken = {place[0] for place in self.places.values()}
        taken |= {target.name for target in targets if hasattr(target, "name")}
        for target in targets:
            name = getattr(target, "name", None)
            if name is None:
                word = getattr(target, "target", None)
                stem = word if isinstance(word, str) else getattr(word, "__name__", None)
                stem = str(stem or _core.snake_case(type(target).__name__)).strip("_")
                count = 0
                name = stem
                while name in taken:
                    count += 1
                    name = f"{stem}_{count}"
            taken.add(name)
            self.names[id(target)] = name

    def _nodes_of(self, targets: list[Any]) -> dict[int, list[graph.Node]]:
        """Return the calls of each target in the order in which they were made, and remember their outputs."""
        nodes: dict[int, list[graph.Node]] = {id(target): [] for target in targets}
        for node in self.program.nodes:
            target = target_of(node)
            if id(target) not in nodes:  # a mask, which a new recording finds by itself
                continue
            index = len(nodes[id(target)])
            nodes[id(target)].append(node)
            for position, tensor in enumerate(symbolic_leaves(node.outputs)):
                self.places.setdefault(id(tensor), [self.names[id(target)], index, position])
        return nodes

    def _entry(self, target: Any, nodes: list[graph.Node]) -> dict[str, Any]:
        name = self.names[id(target)]
        inbound: list[dict[str, Any]] = [
            {
                "args": [self._value(value) for value in node.args],
                "kwargs": {
                    key: self._value(value)
                    for key, value in node.kwargs.items()
                    if key not in node.implied
                },
            }
            for node in nodes
        ]
        if isinstance(target, graph.Node):
            described = self._operation(target, name)
            if described["class_name"] == "GetItem":
                inbound[0]["args"][1] = _as_list(inbound[0]["args"][1])
        else:
            described = describe_layer(target)
        return {**described, "name": name, "inbound_nodes": inbound}

    def _operation(self, node: graph.Node, name: str) -> dict[str, Any]:
        known = name_of(node)
        if known is None:
            raise TypeError(
                _core.explain(
                    "This model calls a function that a file cannot name.",
                    expected="layers, operators, and torch functions without side effects",
                    got=f"{node.target!r:.80}",
                    fix="put the call into a layer of your own, registered by "
                    "@treadle.saving.register_keras_serializable()",
                )
            )
        keras_class = keras_class_of(known, node)
        if keras_class is not None and not _has_tensors(node):
            return {**keras_class, "config": {"name": name}}
        return {
            "module": "treadle.saving",
            "class_name": "TorchOperation",
            "config": {"name": name, "operation": known},
            "registered_name": "treadle>TorchOperation",
        }

    def _value(self, value: Any) -> Any:
        """Return an argument of a call as JSON; symbolic values say where they are from."""
        if isinstance(value, graph.Symbolic):
            config: dict[str, Any] = {"keras_history": self.places[id(value)]}
            if isinstance(value, graph.SymbolicTensor):
                dtype = _core.standardize_dtype(value.dtype)
                config = {"shape": list(value.shape), "dtype": dtype, **config}
            return {"class_name": "__keras_tensor__", "config": config}
        if isinstance(value, float) and not math.isfinite(value):  # JSON has no words for it
            return {"class_name": "__float__", "config": {"value": str(value)}}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, list):
            return [self._value(part) for part in value]
        if isinstance(value, tuple):
            parts = [self._value(part) for part in value]
            return {"class_name": "__tuple__", "config": {"value": parts}}
        if isinstance(value, dict):
            return {str(key): self._value(part) for key, part in value.items()}
        return self._special(value)

    def _special(self, value: Any) -> Any:
        if isinstance(value, slice):
            ends = {"start": value.start, "stop": value.stop, "step": value.step}
            config = {key: self._value(end) for key, end in ends.items()}
            return {"class_name": "__slice__", "config": config}
        if value is Ellipsis:
            return {"class_name": "__ellipsis__", "config": {}}
        if isinstance(value, torch.dtype):
            return {
                "class_name": "__dtype__",
                "config": {"value": str(value).removeprefix("torch.")},
            }
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        raise TypeError(
            _core.explain(
                "An argument of a recorded call cannot be written to a configuration.",
                expected="numbers, strings, tensors, and lists of them",
                got=f"{type(value).__name__}: {value!r:.60}",
                fix="put the call into a layer of your own",
            )
        )

    def _tensor(self, value: torch.Tensor) -> Any:
        dtype = str(value.dtype).removeprefix("torch.")
        if isinstance(value, torch.nn.Parameter):
            number = next(i for i, known in enumerate(self.program.tensors) if known is value)
            config = {"index": number, "shape": list(value.shape), "dtype": dtype}
            return {"class_name": "__captured__", "config": config}
        if value.numel() > _MOST_CONSTANT:
            raise TypeError(
                _core.explain(
                    "A tensor that the model uses from outside is too large for a configuration.",
                    expected=f"at most {_MOST_CONSTANT} numbers",
                    got=f"shape {tuple(value.shape)}",
                    fix="make it a treadle.Variable, or a weight of a layer",
                )
            )
        numbers = value.tolist() if value.isfinite().all() else self._value(value.tolist())
        return {"class_name": "__tensor__", "config": {"value": numbers, "dtype": dtype}}

    def _ends(self, structure: Any) -> Any:
        return graph.map_leaves(lambda tensor: self.places[id(tensor)], structure)


def _is_entry(tensor: graph.SymbolicTensor) -> bool:
    node = tensor.node
    return node is not None and node.kind == "input" and hasattr(node.target, "name")


def _has_tensors(node: graph.Node) -> bool:
    return any(isinstance(value, torch.Tensor) for value in _core.leaves([node.args, node.kwargs]))


def _as_list(value: Any) -> Any:
    """Return the key of an index as Keras writes it: tuples as lists."""
    is_tuple = isinstance(value, dict) and value.get("class_name") == "__tuple__"
    return value["config"]["value"] if is_tuple else value


def describe_layer(layer: Any) -> dict[str, Any]:
    """Return the configuration of a layer or model inside another one, with what it was built for.

    Raises:
        TypeError: for a plain torch module, which has no configuration.
    """
    if not hasattr(layer, "get_config"):
        raise TypeError(
            _core.explain(
                f"{type(layer).__name__} has no configuration.",
                expected="layers and models of treadle",
                got=f"the torch module {layer!r:.60}",
                fix="wrap it in a Layer of your own, registered by "
                "@treadle.saving.register_keras_serializable(), or save the weights only",
            )
        )
    described = dict(_core.serialize(layer))
    if getattr(layer, "_program", None) is not None and type(layer).__name__ == "Model":
        described |= {"module": "keras.src.models.functional", "class_name": "Functional"}
        described["registered_name"] = "Functional"
    elif type(layer).__name__ == "Sequential":
        described["module"] = "keras"
    elif type(layer).__name__.startswith(
        "SpatialDropout"
    ):  # whose constructor Keras gave no `trainable`
        described["config"] = {k: v for k, v in described["config"].items() if k != "trainable"}
    shape = getattr(layer, "_build_shape", None)
    if shape is not None:
        described["build_config"] = {"input_shape": _plain_shape(shape)}
    return described


def _plain_shape(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {str(key): _plain_shape(part) for key, part in shape.items()}
    return [_plain_shape(part) for part in shape] if isinstance(shape, (list, tuple)) else shape
