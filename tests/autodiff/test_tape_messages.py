"""`GradientTape`: wrong use is told, with the fix."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import treadle
from treadle.autodiff import GradientTape


def _model():
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def test_a_second_gradient_on_a_one_shot_tape_is_told():
    w = treadle.Variable(2.0)
    with GradientTape() as tape:
        loss = w * w
    tape.gradient(loss, w)
    for method in (tape.gradient, tape.jacobian):
        with pytest.raises(RuntimeError, match=r"GradientTape\(persistent=True\)"):
            method(loss, w)
    with tape:  # recording anew is fine
        loss = w * 3
    assert tape.gradient(loss, w) == 3.0


def test_a_forward_pass_before_the_tape_is_told_and_has_no_gradients():
    model, x = _model(), torch.randn(5, 4)
    weights = list(model.parameters())
    for _ in range(2):  # every time, as the place is never trusted
        logits = model(x)
        with GradientTape() as tape:
            loss = logits.square().mean()
        with pytest.warns(treadle.TreadleWarning, match="forward pass outside the tape") as told:
            assert tape.gradient(loss, weights) == [None] * 4
        assert told[0].filename == __file__


def test_a_place_is_not_trusted_before_it_has_given_gradients():
    w = treadle.Variable(2.0)

    def gradient(before):
        with GradientTape() as tape:
            loss = before * 3
        return tape.gradient(loss, [w])

    with pytest.warns(treadle.TreadleWarning, match="all are None"):
        gradient(torch.tensor(1.0))
    with pytest.warns(treadle.TreadleWarning, match="outside the tape"):
        assert gradient(w * w) == [None]


def test_a_loss_computed_after_the_tape_is_told():
    w = treadle.Variable(2.0)
    with GradientTape() as tape:
        y = w * w
    loss = y * 3
    with pytest.warns(treadle.TreadleWarning, match="inside the `with` block"):
        assert tape.gradient(loss, w) is None


def test_what_lies_outside_counts_as_constant():
    w = treadle.Variable(2.0)
    before = w * w
    with GradientTape() as tape:
        loss = before * w
    with pytest.warns(treadle.TreadleWarning, match="part of the gradients of 1 source"):
        assert tape.gradient(loss, w) == 4.0


def test_constants_computed_outside_are_fine():
    generator, discriminator = nn.Linear(2, 4), nn.Linear(4, 1)
    images = generator(torch.randn(3, 2))
    with GradientTape() as tape:
        loss = discriminator(images).mean()
    gradient = tape.gradient(loss, list(discriminator.parameters()))
    torch.testing.assert_close(gradient[0], images.mean(0, keepdim=True))


def test_a_forward_pass_without_gradients_is_told():
    w = treadle.Variable(2.0)
    with torch.no_grad():
        y = w * w
    with GradientTape() as tape:
        loss = y * 3
    with pytest.warns(treadle.TreadleWarning, match=r"no float\(\), .item\(\)"):
        assert tape.gradient(loss, [w]) == [None]


def test_a_forgotten_watch_is_told():
    x = torch.tensor(2.0)
    with GradientTape() as tape:
        y = x * x
    with pytest.warns(treadle.TreadleWarning, match=r"call tape.watch\(x\)"):
        assert tape.gradient(y, x) is None


def test_sources_of_another_model_are_told():
    w, other = treadle.Variable(2.0), treadle.Variable(2.0)
    with GradientTape() as tape:
        y = w * w
    with pytest.warns(treadle.TreadleWarning, match="take the sources from the model"):
        assert tape.gradient(y, other) is None


def test_integers_are_told():
    x = torch.tensor(2)
    with GradientTape(persistent=True) as tape:
        with pytest.warns(treadle.TreadleWarning, match=r"x = x.float\(\)"):
            tape.watch(x)
        y = x * x
    with pytest.warns(treadle.TreadleWarning, match="floating dtype"):
        assert tape.gradient(y, x) is None


def test_arguments_that_are_no_tensors_are_told():
    w = treadle.Variable(2.0)
    with GradientTape(persistent=True) as tape:
        with pytest.raises(TypeError, match="float"):
            tape.watch(3.0)
        y = w * w
    with pytest.raises(TypeError, match=r"\.item\(\) and \.numpy\(\) leave the graph"):
        tape.gradient(float(y.detach()), w)
    with pytest.raises(TypeError, match="NoneType"):
        tape.gradient(y, [w, None])


def test_calls_at_the_wrong_time_are_told():
    x = torch.ones(2)
    tape = GradientTape()
    with pytest.raises(treadle.StateError, match="inside"):
        tape.watch(x)
    with pytest.raises(treadle.StateError, match="stop_recording"), tape.stop_recording():
        pytest.fail("not reached")
    with pytest.raises(treadle.StateError, match="recorded nothing"):
        tape.gradient(x, x)
    with tape, pytest.raises(treadle.StateError, match="make a second tape"), tape:
        pytest.fail("not reached")
    with torch.inference_mode():
        made = torch.ones(2)
    with GradientTape() as tape, pytest.raises(treadle.StateError, match=r"x.clone\(\)"):
        tape.watch(made)


def test_state_carried_over_from_an_earlier_step_is_told():
    w, state = treadle.Variable(2.0), torch.tensor(1.0)
    with GradientTape() as tape:
        state = torch.tanh(state * w)
    tape.gradient(state, w)
    with GradientTape() as tape:
        state = torch.tanh(state * w)
    with pytest.raises(treadle.StateError, match=r"\.detach\(\)"):
        tape.gradient(state, w)
