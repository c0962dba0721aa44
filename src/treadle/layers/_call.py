"""What happens around a layer's `call` when it is not a plain module call, and what layers collect from calls.

`call_layer` is the whole of it, top to bottom: record if symbolic, convert, build, decide the mode, run, clean up.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from treadle import _core, graph
from treadle.layers import _symbolic_masks
from treadle.layers._context import context

if TYPE_CHECKING:
    from treadle.layers._layer import Layer


def call_layer(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call `layer` on real or symbolic tensors, building it if this is its first call."""
    if not layer._float_dtypes:
        raise _core.StateError(_not_initialized(layer))
    if len(args) == 1 and type(args[0]) is torch.Tensor and not kwargs.keys() - {"training"}:
        if args[0].dtype not in layer._float_dtypes:
            args = (_cast(layer, args[0]),)
    elif graph.has_symbolic(args, kwargs):
        return record_layer(layer, args, kwargs)
    else:
        args, kwargs = _converted(layer, args, kwargs)
    if not layer.built:
        build_from_call(layer, args, kwargs)
        outputs = call_layer(layer, args, kwargs)
        layer._first_output_shapes = _shapes_of(outputs)  # for the summary
        return outputs
    if not layer._settled:  # built by hand
        finish_building(layer)
    training = kwargs.pop("training", None)
    if training is None:
        training = context.training
    if layer._takes_training:
        kwargs["training"] = layer.training if training is None else training
    if training is not None and layer._foreign:
        with foreign_mode(layer, training):
            return _run(layer, args, kwargs, training)
    return _run(layer, args, kwargs, training)


def _not_initialized(layer: Layer) -> str:
    return _core.explain(
        f"{type(layer).__name__} was called before it was initialized.",
        expected="a constructor that begins with super().__init__()",
        got="one that does not",
        fix="write super().__init__() as the first line of __init__",
    )


def _run(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None) -> Any:
    before = context.training
    outermost = context.record is None
    layer._calls.record = context.record = context.record or context.new_record()
    mixed, context.mixed = context.mixed, layer._mixed
    context.training = training
    try:
        if layer._mixed or mixed:  # a layer of full precision inside a mixed one stays at it
            kind = _device_type(args)
            with torch.autocast(kind, layer._float_dtypes[1], enabled=layer._mixed):
                outputs = layer._call_impl(*args, **kwargs)
        else:
            outputs = layer._call_impl(*args, **kwargs)
        if layer.activity_regularizer is not None:
            add_activity_loss(layer, outputs)
        return outputs
    finally:
        context.training, context.mixed = before, mixed
        if outermost:
            context.record = None


def _device_type(args: tuple[Any, ...]) -> str:
    for leaf in _core.leaves(args):
        if isinstance(leaf, torch.Tensor):
            return leaf.device.type
    return "cpu"


def _converted(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with arrays as tensors and floating inputs in the compute dtype."""

    def convert(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            leaf = torch.as_tensor(leaf) if leaf.dtype.kind not in "OSU" else strings(layer, leaf)
        return _cast(layer, leaf) if isinstance(leaf, torch.Tensor) else leaf

    if args and _is_number_list(args[0]):
        args = (torch.as_tensor(args[0]), *args[1:])
    return graph.map_leaves(convert, args), graph.map_leaves(convert, dict(kwargs))


def strings(layer: Layer, array: np.ndarray) -> np.ndarray:
    """Return an array of strings or objects, if `layer` takes such."""
    if layer._takes_strings or not type(layer).__module__.startswith("treadle."):
        return array  # a user's own layer may do with them what it likes
    raise _core.DataError(
        _core.explain(
            f"{type(layer).__name__} {layer.name!r} cannot compute with strings.",
            expected="numbers",
            got=f"an array of dtype {array.dtype}",
            fix="begin with TextVectorization, StringLookup or Hashing, which make numbers of strings",
        )
    )


def _is_number_list(value: Any) -> bool:
    """Return whether `value` is nested lists of numbers, rather than a list of tensors."""
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cast(layer: Layer, tensor: torch.Tensor) -> torch.Tensor:
    if not layer.autocast or not (tensor.is_floating_point() or layer._casts_integers):
        return tensor
    return tensor if tensor.dtype in layer._float_dtypes else tensor.to(layer._float_dtypes[0])


# ---- building


@_core.untraced
def build_from_call(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Build `layer` for these arguments; the first one's shape is what `build` gets."""
    with graph.real_tensors():
        if args or kwargs:
            first = args[0] if args else next(iter(kwargs.values()))
            layer._built_for_strings = isinstance(first, np.ndarray) and first.dtype.kind in "OSU"
            build(layer, _shapes_of(first))
    finish_building(layer)


def build(layer: Layer, shape: Any) -> None:
    """Call `layer.build` with an error that names the layer when it fails on the shape."""
    try:
        layer.build(shape)
        layer._build_shape = shape  # for model files
    except (IndexError, TypeError) as error:
        raise _core.ShapeError(
            _core.explain(
                f"{type(layer).__name__} {layer.name!r} could not be built.",
                expected="inputs of a shape that its build() understands",
                got=f"shape {shape}: {error}",
            )
        ) from error


def finish_building(layer: Layer) -> None:
    """Mark `layer` as built; from now on plain calls go straight to torch."""
    layer.built = layer._settled = True
    layer._plain = (
        type(layer)._plain_call
        and not layer._mixed
        and not layer._in_mixed
        and layer.activity_regularizer is None
        and not layer._modules
    )


def _shapes_of(structure: Any) -> Any:
    """Return `structure` with shapes (batch size None) for its tensors, real or symbolic."""
    known = (torch.Tensor, graph.SymbolicTensor, np.ndarray)
    return graph.map_leaves(
        lambda leaf: (None, *leaf.shape[1:]) if isinstance(leaf, known) else None, structure
    )


def as_shape(shape: Any) -> Any:
    """Return lists of sizes, as JSON has them, as tuples, inside any structure."""
    if isinstance(shape, dict):
        return {key: as_shape(part) for key, part in shape.items()}
    if not isinstance(shape, (list, tuple)):
        return shape
    parts = [as_shape(part) for part in shape]
    return parts if any(isinstance(part, (tuple, list, dict)) for part in parts) else tuple(parts)


def accept_input_shape(layer: Layer, kwargs: dict[str, Any]) -> None:
    """Take Keras's `input_shape=` and `input_dim=` arguments, which a Sequential model reads."""
    if "input_dim" in kwargs:
        kwargs["input_shape"] = (kwargs.pop("input_dim"),)
    if "input_shape" in kwargs:
        layer._input_shape_argument = tuple(kwargs.pop("input_shape"))


# ---- symbolic calls


def record_layer(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record a call of `layer` in a graph; probes run in inference mode, and nothing they log stays."""
    before = context.training, context.record, context.probing
    context.training, context.record, context.probing = False, (probe := context.new_record()), True
    try:
        if not layer.built:  # for the sizes that are known, not for those that the probes try
            build_from_call(layer, args, kwargs)
        with graph.inference_mode_of(layer):
            implied = _symbolic_masks.implied_masks(layer, args, kwargs)
            outputs = graph.record("module", layer, args, kwargs | implied)
        _symbolic_masks.attach_masks(layer, args, kwargs, outputs)
    finally:
        context.training, context.record, context.probing = before
        if probe.losses:
            for part in layer.modules():
                if isinstance(part, graph.RecordsItself):
                    part.__dict__["_losses"] = []
    for leaf in _core.leaves(outputs):
        if isinstance(leaf, graph.SymbolicTensor) and leaf.node is not None:
            layer._nodes.append(leaf.node)
            leaf.node.implied = tuple(implied)
            leaf.name = leaf.name or layer.name
            break
    return outputs


def symbolic_side(layer: Layer, side: str) -> Any:
    """Return the symbolic inputs ("args") or outputs of the layer's first recorded call."""
    if not layer._nodes:
        # No AttributeError: for that torch's modules put a message of their own in the place of this one.
        raise _core.StateError(
            _core.explain(
                f"The layer {layer.name!r} has no symbolic input or output.",
                expected="a layer that was called on an Input",
                got="a layer that was not",
                fix="call it on treadle.Input(...), or on a layer's output",
            )
        )
    graph.watch_modules()
    value = getattr(layer._nodes[0], side)
    return value[0] if side == "args" and len(value) == 1 else value


def output_shape(layer: Layer, *shapes: Any, **kwargs: Any) -> Any:
    """Return the output's shape for input shapes, by recording a call on new inputs."""
    outputs = build_by_running(layer, *shapes, **kwargs)
    return graph.map_leaves(lambda leaf: getattr(leaf, "shape", leaf), outputs)


def build_by_running(layer: Layer, *shapes: Any, **kwargs: Any) -> Any:
    """Run `layer` on probes of these shapes, which builds what is inside, and return its symbolic outputs."""

    def symbolic(shape: Any) -> Any:
        if isinstance(shape, dict):
            return {key: symbolic(part) for key, part in shape.items()}
        if isinstance(shape, (list, tuple)) and any(isinstance(p, (list, tuple)) for p in shape):
            return [symbolic(part) for part in shape]
        dtype = str if layer._reads_strings else _core.torch_dtype(layer.compute_dtype)
        return graph.make_input(tuple(shape), dtype, "probe", None)

    nodes = list(layer._nodes)
    try:
        return record_layer(layer, tuple(symbolic(shape) for shape in shapes), kwargs)
    finally:
        layer._nodes = nodes


# ---- training mode of plain modules


def check_attribute(layer: Layer, name: str, module: nn.Module) -> None:
    """Raise when `module` would be hidden behind what the class calls `name`, such as a model's `output`."""
    if getattr(type(layer), name, None) is not None:
        raise AttributeError(
            _core.explain(
                f"{type(layer).__name__} has an attribute {name!r} of its own.",
                expected="another name for the attribute",
                got=f"self.{name} = {type(module).__name__}(...)",
                fix=f"self.{name}_layer = {type(module).__name__}(...)",
            )
        )


def adopt(layer: Layer, module: nn.Module) -> None:
    """Remember a plain torch module below `layer`, whose mode must follow the calls; and what is mixed precision."""
    if layer.__dict__.get("_mixed") and module.__dict__.get("_mixed") is False:
        module.__dict__["_in_mixed"], module.__dict__["_plain"] = True, False
    if (
        not isinstance(module, (graph.RecordsItself, _core.VariableOwner))
        and "_foreign" in layer.__dict__
        and not any(module is known for known in layer._foreign)
    ):
        layer._foreign.append(module)
        module.train(layer.training)  # torch's modules are born in training mode, layers are not


@contextlib.contextmanager
def foreign_mode(layer: Layer, training: bool) -> Generator[None]:
    """Give plain modules below `layer` the mode that the call decided, for the time of the call."""
    changed = [part for part in layer._foreign if part.training != training]
    modes = [(part, part.training) for module in changed for part in module.modules()]
    for module in changed:
        module.train(training)
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


# ---- collecting


def collect_weights(layer: nn.Module, trainable: bool | None) -> list[Any]:
    """Return parameters and persistent buffers in order of registration, each once.

    Args:
        layer: The module at the top.
        trainable: Only parameters that are trained (True), only the other weights (False), or all (None).
    """
    found: dict[int, Any] = {}
    for prefix, module in layer.named_modules():
        path = prefix.replace(".", "/") + "/" if prefix else ""
        for name, parameter in module._parameters.items():
            if parameter is not None and trainable in (None, parameter.requires_grad):
                found.setdefault(id(parameter), _core.as_variable(parameter, f"{path}{name}"))
        if trainable is True:
            continue
        for name, buffer in module._buffers.items():
            if buffer is not None and name not in module._non_persistent_buffers_set:
                found.setdefault(id(buffer), _core.as_variable(buffer, f"{path}{name}"))
    return list(found.values())


def own_weights(layer: nn.Module) -> list[Any]:
    """Return a module's own parameters and persistent buffers, without those of modules inside."""
    kept = [value for value in layer._parameters.values() if value is not None]
    return kept + [
        value
        for name, value in layer._buffers.items()
        if value is not None and name not in layer._non_persistent_buffers_set
    ]


def add_loss(layer: Layer, loss: Any) -> None:
    """Put a scalar, or a list of them, among the losses of the running call."""
    values = loss if isinstance(loss, (list, tuple)) else [loss]
    record = context.record
    number = record.number if record is not None else context.new_record().number
    if layer._losses_number != number:
        layer._losses, layer._losses_number = [], number
    for value in values:
        value = torch.as_tensor(value)
        layer._losses.append(value if value.dim() == 0 else value.mean())
        if record is not None:
            record.losses.append(layer._losses[-1])


def add_activity_loss(layer: Layer, outputs: Any) -> None:
    """Add the activity regularizer's value for each output, per sample as Keras has it."""
    for output in _core.leaves(outputs):
        add_loss(layer, layer.activity_regularizer(output) / max(output.shape[0], 1))


def add_metric(layer: Layer, value: Any, name: str, aggregation: str) -> None:
    """Put a named scalar into the record of the running call."""
    if context.record is None:
        raise _core.StateError(
            _core.explain(
                "add_metric was called outside of a call.",
                expected="a call inside a layer's call()",
                got=f"add_metric(..., name={name!r})",
                fix="use a treadle.metrics.Mean of your own here",
            )
        )
    context.record.metrics.append((name, torch.as_tensor(value).detach(), aggregation))


def collect_losses(layer: Layer) -> list[torch.Tensor]:
    """Return the losses that the latest call of `layer` (or later calls of parts of it) added, and penalties."""
    found: list[torch.Tensor] = []
    for module in layer.modules():
        if isinstance(module, graph.RecordsItself):
            part: Any = module
            if part._losses and part._losses_number >= layer._calls.record.number:
                found += part._losses
    return found + [weight.regularizer(weight) for weight in regularized_weights(layer)]


def regularized_weights(layer: nn.Module) -> list[Any]:
    """Return the trainable weights that have a regularizer."""
    return [
        w
        for w in layer.parameters()
        if w.requires_grad and getattr(w, "regularizer", None) is not None
    ]


def deepcopy_layer(layer: Layer, memo: dict[int, Any]) -> Any:
    """Copy a layer with its weights; the copy belongs to no graph yet."""
    copied = type(layer).__new__(type(layer))
    memo[id(layer)] = copied
    for key, value in layer.__dict__.items():
        gone = key in ("_nodes", "_losses")  # of a graph, and of the latest call
        copied.__dict__[key] = [] if gone else copy.deepcopy(value, memo)
    return copied


def from_config(cls: type[Layer], config: dict[str, Any], make: Callable[..., Any]) -> Any:
    """Return `make(config)`, also for a constructor that does not take what every layer has.

    `class Block(Layer): def __init__(self, units)` is such a constructor: name and trainable are set afterwards.
    """
    parameters = inspect.signature(cls.__init__).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return make(config)
    unknown = {"name", "trainable", "dtype"} - set(parameters)
    layer = make({key: value for key, value in config.items() if key not in unknown})
    if "name" in unknown & config.keys():
        layer.name = layer.path = config["name"]
    if "trainable" in unknown and not config.get("trainable", True):
        layer.trainable = False
    return layer
