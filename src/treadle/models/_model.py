"""`Model`: a layer that can be trained. With `inputs` and `outputs` it is the program between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from treadle import _core, graph, layers, saving, training
from treadle.models import _added, _functional, _handed_masks
from treadle.models._module_keys import module_name
from treadle.models._summary import summarize


@layers.FAMILY.member("Functional")
class Model(training.Trainer):
    """A network with `compile`, `fit`, `evaluate` and `predict`; a torch module.

    Either functional, `Model(inputs, outputs)` from symbolic tensors; or a subclass that makes its layers in
    `__init__` and computes in `call(inputs, training=None)`.

    Args:
        inputs: A symbolic tensor from `Input`, or a list or dict of them.
        outputs: What is computed from them: a symbolic tensor, or a list or dict of them.
        name: The model's name.
        **kwargs: See `Layer`.

    Raises:
        ValueError: when an output depends on an input that is not given.

    Example:
        >>> import torch, treadle
        >>> x = treadle.Input((4,))
        >>> model = treadle.Model(x, treadle.layers.Dense(2)(x))
        >>> model(torch.zeros(3, 4)).shape
        torch.Size([3, 2])

    Reference:
        Keras 3 API, `keras.Model`.
    """

    _takes_strings = True  # layers inside may
    _program: graph.Program | None = None
    _input_structure: Any
    _output_structure: Any
    _pack: Callable[..., Any]
    _unpack: Callable[..., Any]
    _captured: list[str]
    input_names: list[str]
    _torch_model: Callable[..., Model]  # the subclass `TorchModel`, which registers itself

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._init_functional(inputs, outputs)

    def _init_functional(self, inputs: Any, outputs: Any) -> None:
        if (inputs is None) != (outputs is None):
            raise ValueError(
                _core.explain(
                    "A functional model needs both ends.",
                    expected="`inputs` and `outputs`",
                    got="only one of them",
                    fix="Model(inputs=..., outputs=...)",
                )
            )
        if inputs is not None:
            _functional.connect(self, inputs, outputs)

    @classmethod
    def from_torch(cls, module: nn.Module, name: str | None = None) -> Model:
        """Return a model that computes what `module` does, and shares its parameters.

        Args:
            module: Any torch module whose first argument is the input.
            name: The model's name.

        Returns:
            A model with `compile`, `fit` and all the rest; `model.module` is `module` itself.

        Raises:
            TypeError: for what is not a torch module.

        Example:
            >>> import numpy as np, torch, treadle
            >>> net = torch.nn.Sequential(
            ...     torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)
            ... )
            >>> model = treadle.Model.from_torch(net)
            >>> model.compile("adam", "mse")
            >>> history = model.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)
        """
        return cls._torch_model(module, name)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Compute the outputs; subclasses override it."""
        replay = self.__dict__.get("_replay")
        if replay is None:
            if self._program is None:
                raise NotImplementedError(_no_call(self))
            replay = _functional.compile_program(self)
        if mask is not None:
            return _handed_masks.run(self, inputs, mask)
        return self._pack(replay(self, *self._unpack(inputs)))

    def _masks_of_outputs(self, mask: Any) -> Any:
        """Return what a model around this one must know: the dimensions of the mask of each output, or None."""
        return _handed_masks.masks_of_outputs(self, mask) if self._program is not None else ()

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to `losses`: inside `call`, or a symbolic one to a functional model."""
        for value in loss if isinstance(loss, (list, tuple)) else [loss]:
            if isinstance(value, graph.SymbolicTensor):
                _added.attach(self, _added.AddLoss(), value)
            else:
                super().add_loss(value)

    def add_metric(self, value: Any, name: str, aggregation: str = "mean") -> None:
        """Log a scalar under `name`: inside `call`, or a symbolic one of a functional model."""
        if isinstance(value, graph.SymbolicTensor):
            _added.attach(self, _added.AddMetric(name, aggregation), value)
        else:
            super().add_metric(value, name, aggregation)

    @property
    def layers(self) -> list[nn.Module]:
        """The layers (and plain torch modules) directly in the model, in order."""
        own: list[nn.Module] = []
        for module in self._modules.values():
            if module is not None:
                own += module.parts() if isinstance(module, layers.Tracker) else [module]
        return [
            module for module in own if isinstance(module, layers.Layer) or not _is_state(module)
        ]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return a layer by name or index.

        Example:
            >>> import treadle
            >>> model = treadle.Sequential([treadle.layers.Dense(2, name="out")])
            >>> model.get_layer("out") is model.get_layer(index=0)
            True
        """
        if (name is None) == (index is None):
            raise ValueError(
                _core.explain(
                    "get_layer needs to know which layer.",
                    expected="either `name` or `index`",
                    got=f"name={name!r}, index={index!r}",
                )
            )
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    _core.explain(
                        "`index` is out of range.",
                        expected=f"an index into {len(self.layers)} layers",
                        got=repr(index),
                    )
                )
            return self.layers[index]
        by_name = {module_name(layer): layer for layer in self.layers}
        if name not in by_name:
            raise _core.unknown_name("layer", str(name), by_name)
        return by_name[name]

    @property
    def inputs(self) -> list[graph.SymbolicTensor]:
        """The symbolic inputs of a functional model."""
        graph.watch_modules()
        return self._require_program().inputs

    @property
    def outputs(self) -> list[Any]:
        """The symbolic outputs of a functional model."""
        graph.watch_modules()
        return self._require_program().outputs[: len(self.output_names or [])]

    @property
    def input(self) -> Any:
        """The symbolic input of a functional model, in the structure it was given."""
        graph.watch_modules()
        self._require_program()
        return self._input_structure

    @property
    def output(self) -> Any:
        """The symbolic output of a functional model, in the structure it was given."""
        graph.watch_modules()
        self._require_program()
        return self._output_structure

    @property
    def input_shape(self) -> Any:
        """The shape of the input, with None for unknown sizes."""
        self._require_program()
        return graph.map_leaves(lambda leaf: leaf.shape, self._input_structure)

    @property
    def output_shape(self) -> Any:
        """The shape of the output, with None for unknown sizes."""
        self._require_program()
        return graph.map_leaves(lambda leaf: leaf.shape, self._output_structure)

    def build(self, input_shape: Any) -> None:
        """Build a subclassed model for inputs of `input_shape`, by running it on probes."""
        if not self.built and self._program is None and type(self).call is not Model.call:
            self.built = True
            self._build_shape = input_shape
            layers.build_by_running(self, input_shape)
        self.built = True

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print a table of the layers, with output shapes and parameter counts.

        Args:
            line_length: Characters per line; the terminal's width by default.
            positions: Relative widths of the columns.
            print_fn: Called with the text, instead of printing it.
            expand_nested: Whether to list the layers of models inside.
            show_trainable: Whether to show which layers are trained.
            layer_range: Names of the first and last layer to show.
        """
        summarize(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range
        )

    def get_config(self) -> dict[str, Any]:
        """Return the configuration, from which `from_config` makes the same model, without weights."""
        return saving.model_config(self) if saving.is_functional(self) else super().get_config()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Return a new model from what `get_config` returned."""
        with _core.custom_object_scope(custom_objects or {}):
            if "input_layers" in config:
                return saving.model_from_config(cls, config)
            return super().from_config(config)

    def to_json(self, **kwargs: Any) -> str:
        """Return the configuration as JSON; see `treadle.models.model_from_json`."""
        return saving.model_to_json(self, **kwargs)

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the whole model to a file `*.keras` or `*.h5`; see `treadle.saving.save_model`."""
        saving.save_model(self, filepath, overwrite)

    def export(
        self,
        filepath: Any,
        format: str | None = None,
        verbose: Any = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Write a program for inference, `*.pt2` or `*.onnx`, that runs without treadle.

        Args:
            filepath: A path that ends in `.pt2` (for `torch.export.load`) or `.onnx`.
            format: `"torch"` or `"onnx"`; by default the ending says it.
            verbose: Whether to print where the program was written.
            input_signature: Example inputs, for models that do not know theirs.
            **kwargs: For `torch.export.export` or `torch.onnx.export`.
        """
        saving.export_model(self, filepath, format, verbose, input_signature, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights to a file `*.weights.h5` or `*.safetensors`; see `treadle.saving.save_weights`."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False
    ) -> None:
        """Read the weights from a file, if all of it fits; see `treadle.saving.load_weights`."""
        saving.load_weights(self, filepath, skip_mismatch, by_name)

    def __getattr__(self, name: str) -> Any:
        """Return what torch registers; say what a model without symbolic ends lacks, where torch's words would not."""
        found = self.__dict__["_modules"].get(name) if "_modules" in self.__dict__ else None
        if found is not None:
            return found
        if name in _ENDS:
            raise _NoEndsError(_no_ends(self))
        return super().__getattr__(name)

    def _require_program(self) -> graph.Program:
        if self._program is None:
            raise _NoEndsError(_no_ends(self))
        return self._program

    def _graph_tensors(self) -> list[torch.Tensor]:
        """Return the tensors that the recorded code took from outside, where they are registered now."""
        return [
            self._parameters.get(key) if key in self._parameters else self._buffers[key]
            for key in self._captured
        ]  # type: ignore[misc]

    def __getstate__(self) -> dict[str, Any]:
        return _functional.state_without_graph(self, super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        _functional.restore_graph(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = super().__deepcopy__(memo)
        return _functional.reconnect(copied, self, memo)


_ENDS = frozenset(("inputs", "outputs", "input", "output", "input_shape", "output_shape"))


class _NoEndsError(_core.StateError, AttributeError):
    """So that `hasattr(model, "inputs")` is False, and whoever reads it is told why."""


def _no_ends(model: Model) -> str:
    return _core.explain(
        f"{model.name!r} has no symbolic inputs and outputs.",
        expected="a functional model, or a built Sequential",
        got=type(model).__name__,
        fix="make it with Model(inputs, outputs), or begin the Sequential with Input(...)",
    )


def _is_state(module: nn.Module) -> bool:
    return isinstance(module, _core.VariableOwner) and not isinstance(module, layers.Layer)


def _no_call(model: Model) -> str:
    return _core.explain(
        f"{type(model).__name__} has no computation.",
        expected="`inputs` and `outputs`, or a method call(self, inputs)",
        got="neither",
        fix=f"define `def call(self, inputs, training=None): ...` in {type(model).__name__}",
    )
