"""Losses of the user's own that would only match by broadcasting."""

from __future__ import annotations

import pytest
import torch

import treadle


class Squared(treadle.losses.Loss):
    """A loss written by subclassing."""

    def call(self, y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        return (y_true - y_pred) ** 2


@pytest.mark.parametrize("loss", [Squared(), treadle.losses.as_loss(lambda a, b: (a - b) ** 2)])
@pytest.mark.parametrize("shapes", [((8,), (8, 8)), ((1, 1), (8, 1)), ((8, 3), (8, 1))])
def test_targets_that_only_broadcast_are_refused(loss: treadle.losses.Loss, shapes: tuple) -> None:
    loss = type(loss)(loss.fn) if hasattr(loss, "fn") else type(loss)()
    with pytest.raises(treadle.ShapeError) as told:
        loss(torch.ones(shapes[0]), torch.ones(shapes[1]))
    assert "The shapes of targets and output differ" in str(told.value)
    assert "torch.broadcast_tensors" in str(told.value) or "Sparse" in str(told.value)


@pytest.mark.parametrize("shapes", [((8,), (8, 1)), ((8, 1), (8,)), ((8, 3), (8, 3))])
def test_targets_that_fit_are_taken(shapes: tuple) -> None:
    loss = treadle.losses.as_loss(lambda a, b: (a - b) ** 2)
    assert float(loss(torch.ones(shapes[0]), torch.zeros(shapes[1]))) == 1.0


def test_values_per_sample_from_labels_are_taken() -> None:
    loss = treadle.losses.as_loss(lambda y, p: -p.gather(1, y.long()[:, None]).squeeze(1))
    assert float(loss(torch.zeros(8), torch.ones(8, 8))) == -1.0


def test_the_check_can_be_switched_off() -> None:
    loss = Squared()
    loss.checks = False
    assert float(loss(torch.ones(8), torch.zeros(8, 8))) == 1.0
