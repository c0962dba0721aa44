"""GradientMonitor: norms against those computed by hand, dead units that were made dead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle.callbacks import GradientMonitor

X = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def deep_model(optimizer: Any = "sgd") -> Any:
    layers = treadle.layers
    model = treadle.Sequential(
        [
            treadle.Input((3,)),
            layers.Dense(6, activation="relu", name="hidden"),
            layers.Dense(1, name="out"),
        ]
    )
    model.compile(optimizer, "mse")
    return model


def norms_by_hand(model: Any) -> dict[str, float]:
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    loss = (model(x) - y).square().mean()
    grads = torch.autograd.grad(loss, model.trainable_weights)
    sizes = [float(g.square().sum()) for g in grads]
    return {"hidden": sum(sizes[:2]) ** 0.5, "out": sum(sizes[2:]) ** 0.5}


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: treadle.optimizers.SGD(0.1, clipnorm=1e-3),
        lambda: treadle.optimizers.SGD(0.1, loss_scale_factor=64.0),
        lambda: treadle.optimizers.LossScaleOptimizer(treadle.optimizers.SGD(0.1)),
    ],
)
def test_norms_are_those_of_the_gradients(optimizer: Any) -> None:
    model = deep_model(optimizer())
    expected = norms_by_hand(model)
    monitor = GradientMonitor(dead=None)
    history = model.fit(X, Y, batch_size=64, verbose=0, callbacks=monitor)
    assert {name: values[0] for name, values in monitor.norms.items()} == pytest.approx(
        expected, rel=1e-4
    )
    total = (expected["hidden"] ** 2 + expected["out"] ** 2) ** 0.5
    assert history.history["gradient_norm"] == [pytest.approx(total, rel=1e-4)]


def test_a_torch_optimizer_in_a_loop() -> None:
    net: Any = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    net.optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    monitor = GradientMonitor(every=1)
    data = torch.from_numpy(X), torch.from_numpy(Y)
    total = 0.0
    for epoch in treadle.Loop(
        data, epochs=1, model=net, batch_size=32, verbose=0, callbacks=monitor
    ):
        for x, y in epoch:
            net.optimizer.zero_grad()
            (net(x) - y).square().mean().backward()
            total += float(net[0].weight.grad.square().sum() + net[0].bias.grad.square().sum())
            net.optimizer.step()
    assert monitor.norms["0"] == [pytest.approx((total / 2) ** 0.5, rel=1e-5)]
    assert set(monitor.dead_units) == {"0", "2"}


@pytest.mark.parametrize("kind", ["treadle", "torch"])
def test_dead_units_are_counted_and_told(kind: str) -> None:
    model = deep_model()
    if kind == "torch":
        net = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 1))
        model = treadle.Model.from_torch(net)
        model.compile("sgd", "mse")
        bias, name = net[0].bias, "module.0"
    else:
        bias, name = model.get_layer("hidden").bias, "hidden"
    with torch.no_grad():
        bias[:4] = -1e3
    monitor = GradientMonitor(every=1)
    with pytest.warns(
        treadle.TreadleWarning, match=rf"(?s){name}' are dead.*50% of its 6.*got:\s+4"
    ) as told:
        model.fit(X, Y, epochs=3, verbose=0, callbacks=monitor)
    assert len(told) == 1
    assert [count >= 4 for count in monitor.dead_units[name]] == [True] * 3


def test_gradients_that_are_not_finite_are_told() -> None:
    model = deep_model()
    with pytest.warns(
        treadle.TreadleWarning, match=r"(?s)gradients of .* are not finite.*clipnorm"
    ):
        model.fit(X * 1e30, Y, verbose=0, callbacks=GradientMonitor(dead=None))


def test_it_observes_every_so_many_steps_and_changes_nothing() -> None:
    ends = []
    for callbacks in (None, GradientMonitor(every=3)):
        treadle._core.set_random_seed(5)
        model = deep_model("adam")
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=callbacks)
        ends.append(model.get_weights())
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


def test_hooks_are_taken_off_and_state_goes_on(tmp_path: Path) -> None:
    model, monitor = deep_model(), GradientMonitor(dead=None)
    model.fit(X, Y, verbose=0, callbacks=monitor)
    assert not model.optimizer._optimizer_step_pre_hooks
    again = GradientMonitor(dead=None)
    again.load_state_dict(monitor.state_dict())
    model.fit(X, Y, epochs=2, initial_epoch=1, verbose=0, callbacks=again)
    assert len(again.norms["out"]) == 2
    pytest.importorskip("matplotlib")
    again.plot(str(tmp_path / "norms.png"))
    assert (tmp_path / "norms.png").exists()


def test_frozen_layers_may_change_between_epochs() -> None:
    model, monitor = deep_model(), GradientMonitor(every=1, dead=None)

    def freeze(epoch: int, logs: Any) -> None:
        model.get_layer("hidden").trainable = epoch == 0

    spy = treadle.callbacks.LambdaCallback(on_epoch_begin=freeze)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[spy, monitor])
    assert (len(monitor.norms["hidden"]), len(monitor.norms["out"])) == (1, 2)


@pytest.mark.parametrize(("arguments"), [{"every": 0}, {"dead": 1.5}, {"dead": -0.1}])
def test_wrong_arguments_are_told(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="of GradientMonitor cannot be used"):
        GradientMonitor(**arguments)


def test_a_module_without_an_optimizer_is_told() -> None:
    loop = treadle.Loop(
        torch.ones(2, 1), model=nn.Linear(1, 1), verbose=0, callbacks=GradientMonitor()
    )
    with pytest.raises(treadle.StateError, match=r"model\.optimizer = optimizer"):
        next(iter(loop))
