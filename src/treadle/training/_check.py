"""`Model.check`: looks at a copy of a model and one batch for what keeps training from working.

The model, its optimizer and metrics, the streams of randomness and the data are left as they were, bit for bit.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import torch

from treadle import _core, data, graph, metrics, optimizers
from treadle.training import _run_state, _step
from treadle.training._batches import placement
from treadle.training._check_data import chance_loss, inputs_finding, labels_finding
from treadle.training._check_report import CheckReport, Finding

if TYPE_CHECKING:
    from treadle.training._trainer import Trainer

_SMALL = 0.3  # of what guessing loses: one batch counts as overfitted below this share
_FAR = 2.0  # times what guessing loses: an initial loss above it is far from chance
_EXPLODED = 1e3
_DEAD = 0.5  # share of a layer's units


def check_model(model: Trainer, source: data.Source, steps: int) -> CheckReport:
    """Return what there is to say about `model` and the data of `source`."""
    if getattr(source, "runs_once", False):
        raise _core.DataError(
            _core.explain(
                "A generator cannot be checked, as its first batch would be used up.",
                expected="arrays, a Dataset, a DataLoader or a list of batches",
                got="a generator",
                fix="give model.check one of its batches: model.check(*next(generator))",
            )
        )
    with _all_kept():
        torch.manual_seed(0)
        batch = data.first_batch(source)
        place = placement(model)
        batch = batch if place is None else place(batch)
        return _Check(model, batch, source, steps).report()


@contextlib.contextmanager
def _all_kept() -> Generator[None]:
    """Put the streams of randomness and the numbers of automatic names back afterwards."""
    graph.unwatch_modules()
    states = _run_state.random_states()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with _core.names_kept(), torch.random.fork_rng(devices):
        try:
            yield
        finally:
            _run_state.set_random_states(states)


class _Check:
    def __init__(self, model: Trainer, batch: Any, source: data.Source, steps: int) -> None:
        self.model, self.batch, self.source, self.steps = model, batch, source, steps
        self.x, self.y, self.sample_weight = data.unpack(batch)
        self.values: dict[str, Any] = {}
        self.findings: list[Finding] = []

    def report(self) -> CheckReport:
        twin = copy.deepcopy(self.model)
        rows, y_pred = self._look_at_layers(twin)
        self._compare_with_chance(twin, y_pred)
        self._overfit()
        self._judge_layers(rows)
        found, self.values["inputs"] = inputs_finding(self.x, twin)
        self.findings.append(found)
        targets = data.targets_of(self.source)
        arrays = targets is not None
        found, self.values["labels"] = labels_finding(targets if arrays else self.y, y_pred, arrays)
        self.findings.append(found)
        self.values["layers"] = rows
        count = _step.batch_rows(self.x)
        return CheckReport(
            f"check of {self.model.name!r} on a batch of {count}", self.findings, self.values
        )

    # ---- loss

    def _loss(self, twin: Trainer) -> float | None:
        """Return the lower of the losses in training and inference mode: dropout or batch statistics blur one."""
        if twin._compiled_for(self.y, twin(self.x, training=False)).given[0] is None:
            return None
        found = []
        with torch.no_grad():
            for training in (True, False):
                y_pred = twin(self.x, training=training)
                loss = twin.compute_loss(self.x, self.y, y_pred, self.sample_weight, training)
                found.append(float(loss))
        return min(found, key=lambda value: math.inf if math.isnan(value) else value)

    def _compare_with_chance(self, twin: Trainer, y_pred: Any) -> None:
        loss = self._loss(twin)
        rows = twin._compiled.loss_rows if twin._compiled is not None else []
        chance, how = None, ""
        if len(rows) == 1 and isinstance(y_pred, torch.Tensor):
            chance, how = chance_loss(rows[0].loss, self.y, y_pred)
        self.values |= {"initial_loss": loss, "chance_loss": chance}
        if loss is None or chance is None:
            self.findings.append(Finding("initial loss", None, _plain_loss(loss)))
            return
        text = f"{loss:.4g}, where guessing ({how}) loses {chance:.4g}"
        if loss > _FAR * chance + 0.1 or not math.isfinite(loss):
            fix = "look at from_logits, the scale of inputs and targets, and the initializer of the last layer"
            self.findings.append(Finding("initial loss", False, f"{text}: far above chance", fix))
        else:
            better = ": better than chance already" if loss < 0.5 * chance else ""
            self.findings.append(Finding("initial loss", True, text + better))

    def _overfit(self) -> None:
        before, reference = self.values["initial_loss"], self.values["chance_loss"]
        least = self._train(copy.deepcopy(self.model))
        if before is None or least is None:
            self.findings.append(Finding("overfits one batch", None, "no compiled loss to follow"))
            return
        goal = _SMALL * (reference or before)
        text = f"loss {before:.4g} to {least:.4g} in {self.steps} steps"
        overfits = least <= goal
        fix = ""
        if not overfits:
            other = copy.deepcopy(self.model)
            other.optimizer = optimizers.Adam(0.01)
            with_adam = self._train(other)
            helps = with_adam is not None and with_adam <= goal
            text += f"; with Adam(0.01) to {with_adam:.4g}"
            fix = (
                "change the learning rate or the optimizer"
                if helps
                else "look at the labels, the loss, a last activation that does not fit it, and a frozen layer"
            )
        self.values |= {"overfit_loss": least, "overfits": overfits}
        self.findings.append(Finding("overfits one batch", overfits, text, fix))

    def _train(self, twin: Trainer) -> float | None:
        twin.__dict__.update(_unseen_targets=None, _engine=None, _looks_at_gradient=False)
        twin(self.x, training=False)  # builds it, so that all weights are trained
        twin.reset_metrics()
        for _ in range(self.steps):
            twin.train_step(self.batch)
        return self._loss(twin)

    # ---- layers

    def _look_at_layers(self, twin: Trainer) -> tuple[dict[str, dict[str, Any]], Any]:
        """Return a row of numbers for each layer, and the outputs."""
        with torch.no_grad():
            y_pred = twin(self.x, training=False)
        twin.reset_metrics()
        watched = {
            name: module for name, module in twin.named_modules() if name and _is_leaf(module)
        }
        seen: dict[str, torch.Tensor] = {}
        handles = [
            module.register_forward_hook(_keep_output(seen, name))
            for name, module in watched.items()
        ]
        output = twin(self.x, training=True)
        for handle in handles:
            handle.remove()
        norms = self._gradient_norms(twin, output)
        rows = {}
        for name, module in watched.items():
            label = str(getattr(module, "name", "") or name)
            if name in seen or id(module) in norms:
                rows[label] = _row(module, seen.get(name), norms.get(id(module)))
        return rows, y_pred

    def _gradient_norms(self, twin: Trainer, output: Any) -> dict[int, float]:
        """Return the norm of the gradient of the loss for each module with trained weights of its own."""
        variables = twin._step_variables()
        compiled = twin._compiled_for(self.y, output)
        if compiled.given[0] is None or not variables:
            return {}
        loss = twin.compute_loss(self.x, self.y, output, self.sample_weight, True)
        if not loss.requires_grad:
            return {}
        gradients = torch.autograd.grad(loss, variables, allow_unused=True)
        norm_of = {
            id(variable): 0.0 if gradient is None else float(gradient.double().norm())
            for variable, gradient in zip(variables, gradients, strict=True)
        }
        return {
            id(module): math.hypot(*(norm_of[id(weight)] for weight in own))
            for module in twin.modules()
            if (own := [w for w in module.parameters(recurse=False) if id(w) in norm_of])
        }

    def _judge_layers(self, rows: dict[str, dict[str, Any]]) -> None:
        exploded, dead, unreached = [], [], []
        for name, row in rows.items():
            sizes = (row["activation_rms"], row["gradient_norm"])
            if any(size is not None and not size <= _EXPLODED for size in sizes):
                exploded.append(name)
            elif row["units"] and row["dead_units"] >= max(_DEAD * row["units"], 1):
                dead.append(f"{name} ({row['dead_units']} of {row['units']} units)")
            elif row["gradient_norm"] == 0:
                unreached.append(name)
        for names, what, fix in (
            (
                exploded,
                "exploding",
                "scale the inputs, use he_normal or glorot_uniform, add normalization",
            ),
            (dead, "dead", "scale the inputs, use leaky_relu or gelu, look at the biases"),
            (unreached, "without gradient", "look for .detach(), rounding or argmax after them"),
        ):
            if names:
                listed = ", ".join(names[:5])
                self.findings.append(Finding(f"layers {what}", False, listed, fix))
        if not exploded + dead + unreached:
            text = f"{len(rows)} looked at; none dead or exploding"
            self.findings.append(Finding("layers", True, text))


def _plain_loss(loss: float | None) -> str:
    return "no compiled loss" if loss is None else f"{loss:.4g}; what guessing loses is not known"


def _is_leaf(module: torch.nn.Module) -> bool:
    return not isinstance(module, metrics.Metric) and not any(True for _ in module.children())


def _keep_output(seen: dict[str, torch.Tensor], name: str) -> Any:
    def hook(module: torch.nn.Module, args: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.is_floating_point():
            seen[name] = output.detach()

    return hook


def _row(
    module: torch.nn.Module, output: torch.Tensor | None, norm: float | None
) -> dict[str, Any]:
    """Return the numbers of a layer; a unit is dead if it gives 0 for each sample of the batch."""
    row: dict[str, Any] = {
        "activation_rms": None,
        "dead_units": None,
        "units": None,
        "gradient_norm": norm,
    }
    if output is None or not output.numel():
        return row
    row["activation_rms"] = float(output.double().square().mean().sqrt())
    has_kernel = any(weight.dim() >= 2 for weight in module.parameters(recurse=False))
    rectifies = type(module).__name__ in ("ReLU", "Activation")
    if output.dim() >= 2 and (has_kernel or rectifies):
        first = (
            not hasattr(module, "dtype_policy") and output.dim() > 2
        )  # torch's planes come first
        axis = 1 if first or getattr(module, "data_format", "") == "channels_first" else -1
        silent = (output == 0).movedim(axis, 0).flatten(1).all(1)
        row["units"], row["dead_units"] = silent.numel(), int(silent.sum())
    return row
