"""What the rest of a run depends on: collected for a checkpoint, compared with a new run, and put back."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from treadle import _core, data, metrics, optimizers
from treadle.layers import build_by_running

if TYPE_CHECKING:
    from treadle.training._epoch import Epoch
    from treadle.training._loop import Loop

_LAYOUT = 1  # of what `collect` returns; to be raised when an older treadle could not go on from it
_KEPT = {"next_epoch", "epoch", "seed", "model", "tracked", "callbacks", "names", "total_steps"}
_DATA = {
    "samples": "number of samples",
    "batch_size": "batch size",
    "batches": "number of batches",
    "steps": "number of steps per epoch",
}


def collect(loop: Loop, epoch: Epoch | None, next_epoch: int) -> dict[str, Any]:
    """Return everything that the rest of the run depends on."""
    model = loop.model
    return {
        "layout": _LAYOUT,
        "next_epoch": next_epoch,
        "epoch": None if epoch is None else epoch.state_dict(),
        "seed": loop.seed,
        "data": _data_state(loop),
        "model": None if model is None else dict(model.state_dict()),
        "frozen": [not parameter.requires_grad for parameter in _parameters_of(model)],
        "tracked": [_state_of(item) for item in loop.tracked],
        "optimized": [_optimized(loop, item) for item in loop.tracked],
        "gradients": _gradients(loop),
        "precision": loop.precision.state_dict(),
        "metrics": [[v.detach() for v in metric.variables] for metric in metrics_of(loop)],
        "callbacks": [_callback_state(callback) for callback in loop.callbacks.callbacks],
        "names": _names(loop),
        "metric names": _metric_names(loop),
        "history": {"epoch": loop.history.epoch, "values": loop.history.history},
        "random": random_states(),
        "streams": [stream.state_dict() for stream in _streams(loop)],
    }


def apply(loop: Loop, state: Mapping[str, Any]) -> None:
    """Put back what `collect` returned, except what belongs to an epoch that had begun."""
    loop.seed = state["seed"]
    _apply_data(loop, state["data"])
    _apply_weights(loop, state)
    loop.precision.load_state_dict(state["precision"])
    for callback, saved in zip(loop.callbacks.callbacks, state["callbacks"], strict=True):
        if saved is not None:
            callback.load_state_dict(saved)  # type: ignore[attr-defined]
    loop.history.epoch[:] = state["history"]["epoch"]
    loop.history.history.clear()
    loop.history.history.update(state["history"]["values"])
    set_random_states(state["random"])
    for stream, saved in zip(_streams(loop), state["streams"], strict=True):
        stream.load_state_dict(saved)


def _apply_data(loop: Loop, state: Mapping[str, Any]) -> None:
    source: Any = loop.source
    if hasattr(source, "seed") and state["seed"] is not None:
        source.seed = state["seed"]
    if state["position"] is not None and hasattr(source, "load_state_dict"):
        source.load_state_dict(state["position"])


def _apply_weights(loop: Loop, state: Mapping[str, Any]) -> None:
    if loop.model is not None:
        loop.model.load_state_dict(_renamed(state["model"], loop.model))
        for parameter, frozen in zip(_parameters_of(loop.model), state["frozen"], strict=True):
            parameter.requires_grad_(not frozen)
    for item, saved in zip(loop.tracked, state["tracked"], strict=True):
        if saved is not None:
            module = isinstance(item, torch.nn.Module)
            item.load_state_dict(_renamed(saved, item) if module else saved)
    if state["gradients"]:
        for parameter, gradient in zip(_parameters(loop), state["gradients"], strict=True):
            parameter.grad = None if gradient is None else gradient.to(parameter.device)


def apply_metrics(loop: Loop, values: Sequence[Any]) -> None:
    """Put back the running values of the metrics."""
    for metric, saved in zip(metrics_of(loop), values, strict=True):
        for variable, value in zip(metric.variables, saved, strict=True):
            variable.assign(value)


def build(loop: Loop) -> None:
    """Build the model and its metrics, before the first checkpoint and before one is read."""
    model = loop.model
    compiled = getattr(model, "_compiled", None)
    unbuilt = not getattr(model, "built", True)
    if model is None or not (unbuilt or (compiled is not None and not compiled.resolved)):
        return
    batch = data.first_batch(loop.source)
    x, y = (*batch, None)[:2] if isinstance(batch, tuple) else (batch, None)
    if unbuilt and isinstance(x, torch.Tensor):
        build_by_running(model, (None, *x.shape[1:]))
    if compiled is not None:
        with torch.no_grad():
            model._compiled_for(y, model(x, training=False))


def build_optimizers(loop: Loop, state: Mapping[str, Any]) -> None:
    """Build the optimizers on what they were built on when the checkpoint was written."""
    known = _parameters(loop)
    for item, positions in zip(loop.tracked, state["optimized"], strict=True):
        if not isinstance(item, optimizers.Optimizer) or item.built or positions is None:
            continue
        if max(positions) >= len(known):
            what = f"the {len(positions)} weights that {type(item).__name__} trains"
            raise _core.StateError(_unbuilt(what, f"models with {len(known)} weights"))
        item.build([known[position] for position in positions])


# ---- is it the same run?


def check_layout(state: Any) -> None:
    """Raise when the checkpoint is of a version of treadle that kept other things, or of no run at all."""
    found: Mapping[str, Any] = state if isinstance(state, Mapping) else {}
    layout, source = found.get("layout"), found.get("data")
    whole = isinstance(source, Mapping) and _DATA.keys() <= source.keys()
    if layout != _LAYOUT or not whole or not found.keys() >= _KEPT:
        raise _core.StateError(
            _core.explain(
                "The checkpoint was not written by a run of this version of treadle.",
                expected=f"layout {_LAYOUT} of the state",
                got="no layout" if layout is None else f"layout {layout!r:.20}",
                fix="finish the run with the treadle that began it, or start anew in another directory",
            )
        )


def check_same_run(loop: Loop, state: Mapping[str, Any]) -> None:
    """Raise when the checkpoint is of a run with other data, another batch size or other objects."""
    now, before = _data_state(loop), state["data"]
    for key, what in _DATA.items():
        if before[key] != now[key]:
            fix = "resume with the same data and batch size, or start anew in another directory"
            raise _core.StateError(_other_run(what, before[key], now[key], fix))
    for what, names in _names(loop).items():
        _check_names(what, state["names"][what], names)


def check_same_model(loop: Loop, state: Mapping[str, Any]) -> None:
    """Raise when the checkpoint has other weights or metrics than the models, which are built by now."""
    _check_names("metrics", state["metric names"], _metric_names(loop))
    pairs = [("the model", loop.model, state["model"])]
    for item, saved in zip(loop.tracked, state["tracked"], strict=True):
        if isinstance(item, torch.nn.Module) and not isinstance(item, metrics.Metric):
            pairs.append((f"the tracked {type(item).__name__}", item, saved))
    for what, module, saved in pairs:
        if module is None or saved is None:
            continue
        before, now = _shapes(saved), _shapes(module.state_dict())
        if before and not now:
            raise _core.StateError(_unbuilt(f"the {len(before)} weights of {what}", "none"))
        # Names may be others: a model that is made again in one process has layers of other names.
        if [shape for _, shape in before] != [shape for _, shape in now]:
            raise _core.StateError(_other_model(what, before, now))


def _other_model(what: str, before: list[tuple[str, str]], now: list[tuple[str, str]]) -> str:
    pairs = itertools.zip_longest(before, now, fillvalue=("nothing", "more"))
    old, new = next((old, new) for old, new in pairs if old[1] != new[1])
    return _core.explain(
        "The checkpoint is of another model.",
        expected=f"the weights of {what} as before: {' '.join(old)}",
        got=" ".join(new),
        fix="make the same model, or start anew in another directory",
    )


def _check_names(what: str, before: Sequence[str], now: Sequence[str]) -> None:
    if before != now:
        fix = f"resume with the same {what}, in the same order, or start anew in another directory"
        raise _core.StateError(_other_run(what, _listed(before), _listed(now), fix))


def _shapes(state: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            name,
            f"of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else "as a value",
        )
        for name, value in state.items()
    ]


def _renamed(saved: Mapping[str, Any], module: torch.nn.Module) -> dict[str, Any]:
    """Return a state under the names that the module's weights have now; `check_same_model` compared their shapes."""
    return dict(zip(module.state_dict(), saved.values(), strict=True))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _other_run(what: str, before: Any, now: Any, fix: str) -> str:
    return _core.explain(
        "The checkpoint is of another run.",
        expected=f"the same {what} as before: {before}",
        got=f"{now}",
        fix=fix,
    )


def _unbuilt(expected: str, got: str) -> str:
    return _core.explain(
        "The run cannot be resumed before its models are built.",
        expected=expected,
        got=got,
        fix="begin models with treadle.Input(shape) or call them once before the loop; loop.track(model) each "
        "beside the loop's own",
    )


def _names(loop: Loop) -> dict[str, list[str]]:
    return {
        "tracked objects": [type(item).__name__ for item in loop.tracked],
        "callbacks": [type(callback).__name__ for callback in loop.callbacks.callbacks[:-1]],
    }


def _metric_names(loop: Loop) -> list[str]:
    return [type(metric).__name__ for metric in metrics_of(loop)]


# ---- parts


def _data_state(loop: Loop) -> dict[str, Any]:
    source = loop.source
    names = ("seed", "samples", "batch_size", "batches")
    found = {name: getattr(source, name, None) for name in names}
    position = getattr(source, "state_dict", None)
    return {**found, "steps": loop.steps, "position": None if position is None else position()}


def metrics_of(loop: Loop) -> list[Any]:
    """Return the metrics of the model and those that are tracked."""
    own = [item for item in loop.tracked if isinstance(item, metrics.Metric)]
    return [*getattr(loop.model, "metrics", []), *own]


def _state_of(item: Any) -> Any:
    if isinstance(item, metrics.Metric):
        return None  # among the metrics
    unbuilt = isinstance(item, optimizers.Optimizer) and not item.built
    return None if unbuilt else item.state_dict()


def _callback_state(callback: Any) -> Any:
    return callback.state_dict() if hasattr(callback, "state_dict") else None


def _parameters_of(module: Any) -> list[torch.Tensor]:
    return list(module.parameters()) if isinstance(module, torch.nn.Module) else []


def _parameters(loop: Loop) -> list[torch.Tensor]:
    """Return the parameters of the model and of tracked modules, in the order that a new run finds them in too."""
    modules = [loop.model, *(i for i in loop.tracked if not isinstance(i, metrics.Metric))]
    return [parameter for module in modules for parameter in _parameters_of(module)]


def _optimized(loop: Loop, item: Any) -> list[int] | None:
    """Return the positions of what a treadle optimizer was built on, in its order; None where that is not known."""
    if not isinstance(item, optimizers.Optimizer) or not item.built:
        return None
    positions = {id(parameter): number for number, parameter in enumerate(_parameters(loop))}
    held = [parameter for group in item.param_groups for parameter in group["params"]]
    found = [positions.get(id(parameter)) for parameter in held]
    return None if None in found else [number for number in found if number is not None]


def _gradients(loop: Loop) -> list[torch.Tensor | None]:
    """Return the gradients that wait for more steps; nothing, where none wait."""
    return [parameter.grad for parameter in _parameters(loop)] if loop.precision.waits else []


def _streams(loop: Loop) -> list[Any]:
    """Return the random streams of layers, which those with a seed draw from, each once."""
    modules = [item for item in (loop.model, *loop.tracked) if isinstance(item, torch.nn.Module)]
    parts = [part for module in modules for part in module.modules()]
    found = {
        id(part.random_stream): part.random_stream
        for part in parts
        if "random_stream" in vars(part)
    }
    return list(found.values())


def random_states() -> dict[str, Any]:
    """Return where all streams of randomness are."""
    version, numbers, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "treadle": _core.random_state.state_dict(),
        "torch": torch.get_rng_state(),
        "python": [version, list(numbers), gauss],
        "numpy": [name, np.asarray(keys).astype(np.int64), position, has_gauss, cached],
    }


def set_random_states(states: Mapping[str, Any]) -> None:
    """Let all streams of randomness go on from where `random_states` was taken."""
    _core.random_state.load_state_dict(states["treadle"])
    torch.set_rng_state(states["torch"])
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.astype(np.uint32), position, has_gauss, cached))
