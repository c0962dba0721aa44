"""What every metric has from its base: state, guards, configuration, and the user's own subclasses."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from treadle import metrics
from treadle._core import StateError, UnknownNameError


class TruePositivesOfClass(metrics.Metric):
    """As the guide writes it, with the old name of the reset."""

    def __init__(self, name: str = "class_true_positives", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.true_positives = self.add_weight(name="tp", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        values = (y_true.reshape(-1).long() == y_pred.argmax(-1)).float()
        if sample_weight is not None:
            values = values * sample_weight
        self.true_positives.assign_add(values.sum())

    def result(self) -> Any:
        return self.true_positives

    def reset_states(self) -> None:
        self.true_positives.assign(0.0)


class Both(metrics.Metric):
    """A result with two names, and state that grows a graph when nobody minds."""

    def __init__(self, name: str = "both", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(shape=(2,), name="total")
        self.inner = metrics.Mean()

    def update_state(self, values: Any) -> None:
        self.total += values.sum(0)
        self.inner.update_state(values)

    def result(self) -> dict[str, Any]:
        return {"total": self.total, "first": self.total[0], "mean": self.inner.result(), "n": 3}


Y_TRUE = torch.tensor([0, 1, 1])
Y_PRED = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])


def test_the_guides_subclass_works() -> None:
    metric = TruePositivesOfClass()
    assert metric(Y_TRUE, Y_PRED) == 2
    assert metric(Y_TRUE, Y_PRED, torch.tensor([0.5, 0.0, 1.0])) == 2.5
    assert metric(Y_TRUE, Y_PRED, mask=torch.tensor([True, False, True])) == 3.5
    metric.reset_state()
    assert metric.result() == 0
    assert [variable.name for variable in metric.variables] == ["tp"]


def test_either_name_of_the_reset_is_used() -> None:
    metric = metrics.Mean()
    metric.update_state([2.0])
    metric.reset_states()
    assert metric.result() == 0

    class Counted(metrics.Mean):
        resets = 0

        def reset_state(self) -> None:
            super().reset_state()
            self.resets += 1

    counted = Counted()
    counted.reset_states()
    counted.reset_state()
    assert counted.resets == 2


def test_no_update_grows_a_graph_and_results_stay() -> None:
    metric = Both()
    values = torch.ones(3, 2, requires_grad=True)
    metric.update_state(values)
    first = metric.result()
    metric.update_state(values * 2)
    assert not any(value.requires_grad for value in first.values())
    assert first["total"].tolist() == [3, 3] and first["first"] == 3 and first["mean"] == 1
    assert metric.result()["total"].tolist() == [9, 9]
    assert all(type(value) is torch.Tensor for value in first.values())
    metric.reset_state()
    assert first["total"].tolist() == [3, 3]
    assert metric.result()["total"].tolist() == [0, 0] and metric.result()["mean"] == 0


def test_an_update_gives_the_metric_for_a_lazy_look() -> None:
    metric = metrics.Mean()
    assert metric.update_state([1.0]) is metric
    assert metrics.MeanSquaredError().update_state([1.0], [1.0]).result() == 0


def test_states_are_no_part_of_a_models_state_dict() -> None:
    model = nn.Linear(2, 2)
    model.metric = metrics.Mean()
    assert set(model.state_dict()) == {"weight", "bias"}
    assert len(list(model.buffers())) == 2


def test_half_precision_of_a_model_leaves_sums_alone() -> None:
    metric = metrics.Mean()
    metric.update_state([1.0, 2.0])
    total = metric.total
    metric.half()
    assert metric.total is total and metric.total.dtype == torch.float64
    metric.bfloat16()
    assert metric.result() == 1.5 and metric.result().dtype == torch.float32


def test_counts_go_on_past_what_float32_can_count() -> None:
    metric = metrics.Mean()
    metric.count.assign(2.0**24)
    metric.total.assign(2.0**24)
    metric.update_state(torch.ones(1))
    assert metric.count.item() == 2**24 + 1
    user = TruePositivesOfClass()
    user.true_positives.assign(2.0**24)
    user.update_state(Y_TRUE[:1], Y_PRED[:1])
    assert user.true_positives.item() == 2**24 + 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_have_their_own_state(copied: Any) -> None:
    metric = metrics.Precision(thresholds=[0.5, 0.2])
    metric.update_state([1, 0], [0.9, 0.3])
    other = copied(metric)
    metric.update_state([1, 0], [0.1, 0.9])
    assert other.result().tolist() == [1.0, 0.5]
    assert other.update_state([0], [0.9]).result().tolist() == [0.5, pytest.approx(1 / 3)]
    assert metric.result().tolist() == [0.5, pytest.approx(1 / 3)]


def test_stateless_methods_leave_the_metric_alone() -> None:
    metric = metrics.Mean()
    metric.update_state([4.0])
    start = metric.stateless_reset_state()
    assert metric.result() == 4
    state = metric.stateless_update_state(start, [1.0, 2.0])
    assert metric.stateless_result(state) == 1.5
    assert metric.result() == 4
    with pytest.raises(ValueError, match=r"(?s)does not fit Mean.*2 tensors.*got:      1"):
        metric.stateless_result(state[:1])


def test_states_name_how_ranks_combine_them() -> None:
    class Extremes(metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="extremes")
            self.low = self.add_variable((), "zeros", aggregation="min", name="lowest")
            self.high = self.add_variable((3,), "ones", aggregation="max", name="highest")
            self.mean = metrics.Mean()

    metric = Extremes()
    wanted = {"low": "min", "high": "max", "mean.total": "sum", "mean.count": "sum"}
    assert metric._aggregations == wanted
    metric.high.assign([5.0, 6.0, 7.0])
    metric.reset_state()
    assert metric.high.tolist() == [1, 1, 1]
    with pytest.raises(UnknownNameError, match="did you mean 'mean'"):
        metric.add_variable((), aggregation="meen")


def test_automatic_names_are_numbered() -> None:
    assert [metrics.AUC().name, metrics.AUC().name] == ["auc", "auc_1"]
    assert [metrics.Mean().name, metrics.Mean().name] == ["mean", "mean"]
    assert repr(metrics.Mean("loss")) == "<Mean name=loss>"


def test_result_has_the_metrics_dtype() -> None:
    for dtype in ("float16", "bfloat16", "float64"):
        metric = metrics.MeanSquaredError(dtype=dtype)
        assert metric([1.0, 2.0], [2.0, 2.0]).dtype == getattr(torch, dtype)
        assert metric.dtype == dtype
    assert metrics.Mean(dtype=torch.float64).get_config() == {"name": "mean", "dtype": "float64"}


def test_state_before_initialization_is_told() -> None:
    class Early(metrics.Metric):
        def __init__(self) -> None:
            self.add_weight(name="tp")

    with pytest.raises(StateError, match=r"(?s)before it is initialized.*super\(\).__init__\(\)"):
        Early()


def test_missing_methods_are_told() -> None:
    class Empty(metrics.Metric):
        pass

    with pytest.raises(NotImplementedError, match="write update_state"):
        Empty().update_state([1], [1])
    with pytest.raises(NotImplementedError, match="write result"):
        Empty().result()


def test_a_mask_needs_a_place_to_go() -> None:
    with pytest.raises(TypeError, match=r"(?s)cannot use a mask.*add sample_weight=None"):
        Both().update_state(torch.ones(2, 2), mask=[1, 0])


def test_updates_stay_within_their_budget_of_python_calls() -> None:
    metric = metrics.SparseCategoricalAccuracy()
    labels, scores = torch.randint(0, 10, (64,)), torch.rand(64, 10)
    metric.update_state(labels, scores)
    calls = 0

    def count(frame: Any, event: str, arg: Any) -> None:
        nonlocal calls
        calls += event == "call"

    with torch.no_grad():
        gc.disable()  # a collection would run the finalizers of other tests here
        sys.setprofile(count)
        try:
            metric.update_state(labels, scores)
        finally:
            sys.setprofile(None)
            gc.enable()
    assert calls <= 12


def test_an_update_launches_few_kernels() -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    class Recorder(TorchDispatchMode):
        seen: list[str] = []  # noqa: RUF012

        def __torch_dispatch__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.seen.append(str(function))
            return function(*args, **(kwargs or {}))

    metric = metrics.SparseCategoricalAccuracy()
    labels, scores = torch.randint(0, 10, (64,)), torch.rand(64, 10)
    metric.update_state(labels, scores)
    with torch.no_grad(), Recorder() as recorder:
        metric.update_state(labels, scores)
    assert len(recorder.seen) <= 5, recorder.seen
    assert not any("_local_scalar_dense" in name for name in recorder.seen)


def test_get_reads_what_names_a_metric() -> None:
    assert metrics.get(None) is None
    assert isinstance(metrics.get("MSE"), metrics.MeanSquaredError)
    assert isinstance(metrics.get(metrics.AUC), metrics.AUC)
    made = metrics.Mean("m")
    assert metrics.get(made) is made
    config = metrics.serialize(metrics.BinaryAccuracy(threshold=0.3))
    assert metrics.get(config).threshold == 0.3
    with pytest.raises(UnknownNameError, match="did you mean 'auc'"):
        metrics.get("aucc")
    with pytest.raises(TypeError, match="cannot be read as a metric"):
        metrics.get(3)
    assert metrics.serialize(metrics.hinge) == "hinge"
    assert metrics.deserialize("hinge") is metrics.hinge


def test_a_registered_function_travels_by_name() -> None:
    from treadle._core import register_keras_serializable

    @register_keras_serializable("tests")
    def gap(y_true: Any, y_pred: Any) -> Any:
        return (y_true - y_pred).abs()

    config = metrics.serialize(metrics.MeanMetricWrapper(gap))
    assert metrics.deserialize(config)([1.0], [3.0]) == 2
    with pytest.raises(TypeError, match="register_keras_serializable"):
        metrics.MeanMetricWrapper(lambda t, p: t).get_config()


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0],
        (1, 2),
        np.array([1, 2], "uint8"),
        np.float64(1.5),
        [torch.tensor(1), torch.tensor(2)],
        True,
    ],
    ids=str,
)
def test_values_of_any_kind(values: Any) -> None:
    assert metrics.Mean()(values) == (1 if values is True else 1.5)
