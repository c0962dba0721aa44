"""When `function` traces again, and when it does not."""

from __future__ import annotations

import pytest
import torch

import treadle
from treadle import function


def test_reduce_retracing_traces_shapes_that_come_again():
    calls = []

    @function(reduce_retracing=True)
    def double(x):
        calls.append(len(x))
        return 2 * x

    for size in (4, 5, 6, 5, 5, 4, 7):
        assert double(torch.ones(size)).tolist() == [2.0] * size
    # 4: the first signature; 5: when it came again; 6 and 7 came once, and ran eagerly.
    assert double.trace_count == 2
    assert calls == [4, 5, 6, 5, 7]


@pytest.mark.parametrize("built", [True, False])
def test_a_train_step_under_fit_is_traced_once(built):
    class Stepping(treadle.Sequential):
        @function
        def train_step(self, data):
            x, y = data
            with treadle.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x, y, y_pred)
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply(gradients, self.trainable_weights)
            return self.compute_metrics(x, y, y_pred)

    inputs = [treadle.Input((3,))] if built else []
    model = Stepping([*inputs, treadle.layers.Dense(2)])
    model.compile("sgd", loss="mse", metrics=["mae"])
    model.fit(torch.randn(64, 3), torch.randn(64, 2), epochs=2, verbose=0)
    assert Stepping.train_step.trace_count == 1
