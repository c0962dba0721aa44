"""The step: the only place that calls the model, the loss and the metrics. Training and evaluation share it.

Nothing here waits for the device; what a step costs is in sight in `run_step` and `minimize`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from treadle import _core, data, optimizers

if TYPE_CHECKING:
    from treadle.training._step_owner import StepOwner


def run_step(model: StepOwner, batch: Any, training: bool) -> Mapping[str, Any]:
    """Run `model` on a batch, update its weights if `training`, and its metrics; return their lazy logs."""
    x, y, sample_weight = data.unpack(batch)
    run = model._engine or forward
    y_pred, loss = run(model, x, y, sample_weight, training)
    model._compiled_for(y, y_pred).tracker.update_state(loss.detach(), batch_rows(x))
    if training:
        gradients = minimize(loss, model.optimizer, model._step_variables())
        if model._looks_at_gradient:
            model.__dict__["_looks_at_gradient"] = False
            warn_if_flat(loss, gradients)
    return model.compute_metrics(x, y, y_pred, sample_weight)


def forward(
    model: StepOwner, x: Any, y: Any, sample_weight: Any, training: bool
) -> tuple[Any, torch.Tensor]:
    """Return output and loss of a batch: the part of a step that an engine may compile."""
    y_pred = model(x, training=training)
    return y_pred, model.compute_loss(x, y, y_pred, sample_weight, training=training)


@torch.no_grad()
def look_at_first_batch(model: StepOwner, x: Any, y: Any, sample_weight: Any) -> None:
    """Build and check everything that the first step builds and checks, and leave all values as they were."""
    y_pred = model(x, training=False)
    compiled = model._compiled_for(y, y_pred)
    _check_unseen(model, compiled, y_pred)
    targets, outputs = compiled.targets(y), compiled.outputs(y_pred)
    weights = compiled.weights(sample_weight)
    for row in compiled.loss_rows:
        check_target(targets[row.output], row.name)
        output = outputs[row.output]
        row.loss(targets[row.output], output, weights[row.output], _core.recall_mask(output))


def batch_rows(x: Any) -> int:
    """Return how many samples a batch of inputs has."""
    return x.shape[0] if type(x) is torch.Tensor else _core.leaves(x)[0].shape[0]


def minimize(loss: torch.Tensor, optimizer: Any, variables: list[Any]) -> Sequence[Any]:
    """Take one step of `optimizer` down the gradient of `loss`; returns the gradients."""
    if not variables:
        warnings.warn(_nothing_to_train(), _core.TreadleWarning, stacklevel=2)
        return ()
    if not loss.requires_grad:
        raise _core.StateError(_detached())
    if isinstance(optimizer, optimizers.Optimizer):
        loss = optimizer.scale_loss(loss)
        gradients = list(_core.scalar_gradients(loss, variables))
        optimizer.apply(gradients, variables)
        return gradients
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return [variable.grad for variable in variables]


def warn_if_flat(loss: torch.Tensor, gradients: Sequence[Any]) -> None:
    """Warn when the gradient is zero everywhere; it waits for the device, so only the first step asks."""
    dense = [g.coalesce().values() if g.is_sparse else g for g in gradients if g is not None]
    if (
        dense
        and float(loss.detach()) != 0
        and not any(bool((gradient != 0).any()) for gradient in dense)
    ):
        warnings.warn(
            _core.explain(
                "The gradient of the loss is zero everywhere, so nothing is learned.",
                expected="a loss that changes with the weights",
                got=f"a loss of {float(loss.detach()):.4g} with zero gradient for all of {len(dense)} weights",
                fix="look for round, argmax, a comparison or a saturated activation between weights and loss",
            ),
            _core.TreadleWarning,
            stacklevel=4,
        )


def end_epoch(optimizer: Any) -> None:
    """Use gradients that wait for more, where the data end in the middle of an accumulation."""
    if isinstance(optimizer, optimizers.Optimizer):
        optimizer.flush()


def end_run(optimizer: Any, variables: list[Any]) -> None:
    """Let optimizers that keep averages write them into the weights, if they were asked to."""
    if isinstance(optimizer, optimizers.Optimizer) and optimizer.built:
        optimizer.finalize_variable_values(variables)


def check_optimizer(optimizer: Any, variables: list[Any]) -> None:
    """Raise when a torch optimizer holds none of the weights that are to be trained."""
    if isinstance(optimizer, optimizers.Optimizer) or optimizer is None:
        return
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if variables and not any(id(variable) in held for variable in variables):
        raise _core.StateError(
            _core.explain(
                "The optimizer holds none of the model's trainable weights.",
                expected="a torch optimizer made from this model's parameters",
                got=f"{type(optimizer).__name__} with other parameters",
                fix="build the model first, then make the optimizer from model.parameters()",
            )
        )


def _nothing_to_train() -> str:
    return _core.explain(
        "The model has no trainable weights, so nothing is learned.",
        expected="layers with weights and trainable=True",
        got="none",
        fix="set trainable = True on the layers to train",
    )


def _detached() -> str:
    return _core.explain(
        "The loss does not depend on any trainable weight.",
        expected="a loss with a gradient",
        got="a tensor that does not require one",
        fix="compute it with torch operations; no .detach(), .item(), NumPy or torch.no_grad() on the way",
    )


def total_loss(model: StepOwner, y: Any, y_pred: Any, sample_weight: Any) -> torch.Tensor:
    """Return the compiled losses, weighted, plus the losses that layers added."""
    compiled = model._compiled_for(y, y_pred)
    _check_unseen(model, compiled, y_pred)
    rows = compiled.loss_rows
    terms: list[torch.Tensor] = []
    if len(rows) == 1 and rows[0].tracker is None:
        row = rows[0]
        target = compiled.targets(y)[0] if type(y) is not torch.Tensor else y
        check_target(target, row.name)
        output = _single(y_pred)
        value = row.loss(target, output, sample_weight, _core.recall_mask(output))
        terms.append(value if row.weight == 1.0 else value * row.weight)
    elif rows:
        terms += _terms_of_outputs(compiled, y, y_pred, sample_weight)
    terms += model._extra_losses()
    if not terms:
        raise _core.StateError(
            _core.explain(
                "There is nothing to minimize.",
                expected="a loss in compile(...), or layers that add losses",
                got="neither",
                fix='for example model.compile("adam", loss="mse")',
            )
        )
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    if model._has_own_step:
        compiled.tracker.__dict__["uncounted"] = total.detach(), batch_rows(y_pred)
    return total


def _check_unseen(model: StepOwner, compiled: Any, y_pred: Any) -> None:
    if model._unseen_targets is not None:
        compiled.check_targets(model._unseen_targets, y_pred)
        model._unseen_targets = None


def _single(y_pred: Any) -> torch.Tensor:
    return y_pred if isinstance(y_pred, torch.Tensor) else _core.leaves(y_pred)[0]


def _terms_of_outputs(compiled: Any, y: Any, y_pred: Any, sample_weight: Any) -> list[torch.Tensor]:
    targets = compiled.targets(y)
    outputs = compiled.outputs(y_pred)
    weights = compiled.weights(sample_weight)
    terms = []
    for row in compiled.loss_rows:
        check_target(targets[row.output], row.name)
        output = outputs[row.output]
        mask = _core.recall_mask(output)
        value = row.loss(targets[row.output], output, weights[row.output], mask)
        if row.tracker is not None:
            row.tracker.update_state(value.detach(), output.shape[0])
        terms.append(value if row.weight == 1.0 else value * row.weight)
    return terms


def check_target(target: Any, name: str) -> None:
    """Raise when a loss has no target to compare its output with."""
    if target is None:
        raise _core.DataError(
            _core.explain(
                f"There is no target for the output {name!r}.",
                expected="targets for every output that has a loss",
                got="y=None",
                fix="give `y`, or batches (x, y); losses without targets are added by layers with add_loss",
            )
        )


def update_metrics(model: StepOwner, y: Any, y_pred: Any, sample_weight: Any) -> None:
    """Update the compiled metrics; sample weights reach each of them."""
    compiled = model._compiled_for(y, y_pred)
    if compiled.tracker.uncounted is not None:
        compiled.tracker.update_state(*compiled.tracker.uncounted)
    if model._calls.record.metrics:
        compiled.update_added(model._calls.record.metrics)
    if not compiled.metric_rows:
        return
    with torch.no_grad():
        if len(compiled.names) == 1:
            target = y if type(y) is torch.Tensor else compiled.targets(y)[0]
            output = _single(y_pred)
            hidden = _hidden(output)
            for row in compiled.metric_rows:
                row.metric.update_state(target, output, sample_weight, **hidden)
            return
        targets, outputs = compiled.targets(y), compiled.outputs(y_pred)
        weights = compiled.weights(sample_weight)
        for row in compiled.metric_rows:
            output = outputs[row.output]
            hidden = _hidden(output)
            row.metric.update_state(targets[row.output], output, weights[row.output], **hidden)


def _hidden(output: torch.Tensor) -> dict[str, Any]:
    mask = _core.recall_mask(output)
    return {} if mask is None else {"mask": mask}
