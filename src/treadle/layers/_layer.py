"""`Layer`: an `nn.Module` that is built on its first call, records its arguments and knows Keras's names.

After the first call a layer without training mode, masks or losses of its own is a plain module: see `__call__`.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from treadle import _core, constraints, graph, initializers, regularizers
from treadle.layers import _call
from treadle.layers._context import CallState, context
from treadle.layers._family import FAMILY
from treadle.layers._tracked import track

_BASE_ARGUMENTS = ("activity_regularizer", "trainable", "dtype", "autocast", "name")


class Layer(_core.Recorded, graph.RecordsItself, _core.VariableOwner):
    """The base class of layers and models: weights, and a computation in `call`.

    A subclass makes its weights in `__init__` or `build(input_shape)` and computes in `call(inputs, ...)` (or in
    torch's `forward`). It is a torch module: parameters, hooks, `.to()`, `state_dict()`, `torch.compile` work.

    Args:
        activity_regularizer: A regularizer of the output, whose value is added to `losses`.
        trainable: Whether the weights are trained.
        dtype: A dtype or policy, such as `"float32"` or `"mixed_bfloat16"`.
        autocast: Whether floating inputs are cast to the compute dtype.
        name: A name, unique in its model.

    Raises:
        TypeError: for unknown arguments; the message suggests the nearest.

    Example:
        >>> import torch, treadle
        >>> class Scale(treadle.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
        ...
        ...     def call(self, inputs):
        ...         return inputs * self.factor
        >>> Scale()(torch.ones(2, 3)).shape
        torch.Size([2, 3])

    Reference:
        Keras 3 API, `keras.Layer`; PyTorch, `torch.nn.Module`.
    """

    # True on classes whose call neither asks for training or mask nor adds losses nor calls other layers.
    _plain_call: ClassVar[bool] = False
    _call_names: ClassVar[tuple[str, ...]] = ("inputs",)
    _takes_training: ClassVar[bool] = False
    _takes_mask: ClassVar[bool] = False
    # True on classes that compute with floats only, so that integers are cast like other inputs.
    _casts_integers: ClassVar[bool] = False
    # True on classes that take NumPy arrays of strings, or hand them on to layers that do.
    _takes_strings: ClassVar[bool] = False
    _reads_strings: bool = False  # whether it takes nothing else
    _built_for_strings: bool = False  # whether the first call was on an array of strings
    _plain: bool = False
    _in_mixed: bool = (
        False  # whether a layer of mixed precision holds it, which is not mixed itself
    )
    _settled: bool = False  # whether _plain has been decided
    _float_dtypes: tuple[torch.dtype, ...] = ()
    supports_masking: bool = False
    _makes_mask: ClassVar[bool] = False
    input_spec: Any = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__
        if "call" in own:
            cls.forward = cls.call
        elif "forward" in own:
            cls.call = cls.forward
        if "compute_mask" in own:  # it may make a mask where there was none
            cls._makes_mask = cls.supports_masking = True
        if "call" in own or "forward" in own:
            names = tuple(inspect.signature(cls.call).parameters)[1:]
            cls._call_names = names
            cls._takes_training = "training" in names
            cls._takes_mask = "mask" in names
            cls._plain_call = own.get("_plain_call", False)

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        _call.accept_input_shape(self, kwargs)
        _core.reject_unknown(type(self).__name__, kwargs, self._argument_names())
        self.training = False  # Keras's default; torch modules are born in training mode
        self.name = _checked_name(name) or _core.unique_name(_core.snake_case(type(self).__name__))
        self.path = self.name
        self.dtype_policy = _core.get_policy(dtype)
        names = self.dtype_policy.variable_dtype, self.dtype_policy.compute_dtype
        self._float_dtypes = (_core.torch_dtype(names[0]), _core.torch_dtype(names[1]))
        self._mixed = names[0] != names[1]
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = False
        self._trainable = bool(trainable)
        self._plain = self._settled = False
        self._nodes: list[graph.Node] = []
        self._losses: list[torch.Tensor] = []
        self._losses_number = 0
        self._calls = CallState()
        self._foreign: list[nn.Module] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer on tensors, arrays or symbolic tensors."""
        if self._plain and len(args) == 1 and not kwargs:
            inputs = args[0]
            if type(inputs) is torch.Tensor and inputs.dtype in self._float_dtypes:
                return self._call_impl(inputs)
        return _call.call_layer(self, args, kwargs)

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of `input_shape` (batch size first, None); subclasses override it."""
        self.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; subclasses override it (or `forward`)."""
        raise NotImplementedError(
            _core.explain(
                f"{type(self).__name__} has no computation.",
                expected="a method call(self, inputs) (or torch's forward)",
                got="neither",
                fix=f"define `def call(self, inputs): ...` in {type(self).__name__}",
            )
        )

    forward = call

    # ---- weights

    def add_weight(
        self,
        shape: Sequence[int] | int | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str | None = None,
        overwrite_with_gradient: bool = False,
        name: str | None = None,
        memory_order: Sequence[int] | None = None,
    ) -> Any:
        """Make a weight and register it.

        Args:
            shape: Its shape; `()` by default.
            initializer: A name or `callable(shape, dtype)`; `"glorot_uniform"` by default, zeros for integers.
            dtype: Its dtype; the layer's variable dtype by default.
            trainable: A parameter if true, a buffer (state) otherwise, and for integers.
            autocast: Accepted for compatibility; `torch.autocast` decides.
            regularizer: A regularizer whose value is added to `losses`.
            constraint: A projection that optimizers apply after each update.
            aggregation: Accepted for compatibility.
            overwrite_with_gradient: Accepted for compatibility.
            name: Its name; the attribute that it is assigned to otherwise.
            memory_order: The dimensions from the slowest to the fastest in memory, where torch's kernels want
                another order than `shape` has.

        Returns:
            A `treadle.Variable` (trainable) or a state variable.
        """
        shape = (shape,) if isinstance(shape, int) else tuple(shape or ())
        torch_dtype = _core.torch_dtype(dtype or self.dtype_policy.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if torch_dtype.is_floating_point else "zeros"
        make = initializers.get(initializer)
        name = name or "variable"
        with graph.real_tensors(), torch.no_grad():
            if context.loading:
                value = torch.zeros(shape, dtype=torch_dtype)
            else:
                value = torch.as_tensor(make(shape, dtype=_core.standardize_dtype(torch_dtype)))
            variable = self._own(
                value.to(torch_dtype),
                name,
                f"{self.path}/{name}",
                trainable=self._trainable,
                state=not trainable or not torch_dtype.is_floating_point,
                memory_order=memory_order,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        return variable

    @property
    def weights(self) -> list[Any]:
        """All parameters and persistent buffers, own ones first, each once."""
        return _call.collect_weights(self, trainable=None)

    @property
    def trainable_weights(self) -> list[Any]:
        """The parameters that are trained."""
        return _call.collect_weights(self, trainable=True)

    @property
    def non_trainable_weights(self) -> list[Any]:
        """Frozen parameters and persistent buffers."""
        return _call.collect_weights(self, trainable=False)

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained; setting it sets the whole subtree's `requires_grad`."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for module in self.modules():
            if isinstance(module, Layer):
                module._trainable = bool(value)
        for parameter in self.parameters():
            parameter.requires_grad_(bool(value))

    def count_params(self) -> int:
        """Return how many numbers the weights hold.

        Example:
            >>> import treadle
            >>> layer = treadle.layers.Dense(10)
            >>> layer.build((None, 4))
            >>> layer.count_params()
            50
        """
        return sum(weight.numel() for weight in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights as arrays, in the order of `weights`."""
        return [weight.numpy().copy() for weight in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite the weights with arrays in the order of `weights`."""
        own = self.weights
        if len(own) != len(weights):
            raise _core.ShapeError(
                _core.explain(
                    f"These weights do not fit {self.name!r}.",
                    expected=f"{len(own)} arrays of shapes {[tuple(weight.shape) for weight in own]}",
                    got=f"{len(weights)} arrays",
                    fix="build the layer first" if not own else "give one array per weight",
                )
            )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store: Any) -> None:
        """Write the layer's own weights into a mapping, under "0", "1", ...; override it for other state."""
        for position, weight in enumerate(_call.own_weights(self)):
            store[str(position)] = weight.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote."""
        for position, weight in enumerate(_call.own_weights(self)):
            weight.assign(store[str(position)])

    # ---- losses and metrics of calls

    def add_loss(self, loss: Any) -> None:
        """Add a scalar (or a list of them) to `losses`; called inside `call`."""
        _call.add_loss(self, loss)

    def add_metric(self, value: Any, name: str, aggregation: str = "mean") -> None:
        """Log a scalar under `name`, averaged over the epoch; called inside `call`."""
        _call.add_metric(self, value, name, aggregation)

    @property
    def metrics(self) -> list[Any]:
        """The metrics that this layer and those inside it have as attributes."""
        return [part for part in self.modules() if hasattr(type(part), "update_state")]

    @property
    def losses(self) -> list[torch.Tensor]:
        """The extra losses of the latest call, and the regularization terms of the weights."""
        return _call.collect_losses(self)

    # ---- configuration and graph

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which `from_config` makes the same layer (without weights)."""
        config = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype_policy.name}
        config.update(super().get_config())
        return config | {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": self.dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a new layer from what `get_config` returned."""
        return _call.from_config(cls, config, super().from_config)

    def get_build_config(self) -> dict[str, Any] | None:
        """Return what `build` was given, None before; `build_from_config` builds another layer alike."""
        shape = getattr(self, "_build_shape", None)
        return None if shape is None else {"input_shape": shape}

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Build the layer for what `get_build_config` returned, unless it is built."""
        if config and config.get("input_shape") is not None and not self.built:
            _call.build(self, _call.as_shape(config["input_shape"]))
            _call.finish_building(self)

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Return the output's shape for an input shape, by running the layer on probes."""
        return _call.output_shape(self, *args, **kwargs)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the output; the input's mask by default."""
        return previous_mask

    @property
    def input(self) -> Any:
        """The symbolic input of the layer's first use in a functional model."""
        return _call.symbolic_side(self, "args")

    @property
    def output(self) -> Any:
        """The symbolic output of the layer's first use in a functional model."""
        return _call.symbolic_side(self, "outputs")

    @property
    def dtype(self) -> str:
        """The dtype of the weights, as a name."""
        return self.dtype_policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype of the computation, as a name."""
        return self.dtype_policy.compute_dtype

    @classmethod
    def _argument_names(cls) -> list[str]:
        names: list[str] = []
        for base in cls.__mro__:
            if issubclass(base, Layer):
                parameters = inspect.signature(base.__init__).parameters.values()
                names += [
                    p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
                ]
        return [name for name in dict.fromkeys(names) if name != "self"]

    def register_module(self, name: str, module: nn.Module | None) -> None:
        """Register a submodule, as torch does."""
        self.add_module(name, module)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, nn.Module):
            _call.check_attribute(self, name, value)
            super().__setattr__(name, value)
            _call.adopt(self, value)
        elif type(value) in (list, dict, tuple) and "_modules" in self.__dict__:
            # Past nn.Module, which would find the tracker in the attribute's place.
            self.__dict__[name] = track(self, name, value)
        else:
            super().__setattr__(name, value)

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        if (
            not self._mixed
        ):  # after .double() or .half() inputs are cast to what the weights are now
            moved = fn(torch.zeros((), dtype=self._float_dtypes[0])).dtype
            if moved != self._float_dtypes[0]:
                self._float_dtypes = (moved, moved)
                self.dtype_policy = _core.get_policy(moved)
        return self

    def add_module(self, name: str, module: nn.Module | None) -> None:
        """Register a submodule, as torch does."""
        super().add_module(name, module)
        if module is not None:
            _call.adopt(self, module)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_nodes": [], "_losses": []}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return _call.deepcopy_layer(self, memo)


def _checked_name(name: str | None) -> str | None:
    if name is not None and (not isinstance(name, str) or not name or "." in name):
        raise ValueError(
            _core.explain(
                "`name` cannot name a layer.",
                expected="a non-empty string without '.'",
                got=repr(name),
            )
        )
    return name


FAMILY.base = Layer
