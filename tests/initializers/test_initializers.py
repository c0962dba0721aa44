"""Every initializer: shape, dtype, seed and configuration; then what each distribution promises."""

from __future__ import annotations

import functools
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

import treadle.initializers
from treadle._core import ShapeError, UnknownNameError, set_random_seed
from treadle.initializers import (
    STFT,
    Constant,
    GlorotUniform,
    Identity,
    Initializer,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TorchInitializer,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)

# name -> (a shape it takes, arguments beside the seed)
RANDOM: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "RandomNormal": ((6, 4), {"mean": 1.0, "stddev": 0.5}),
    "RandomUniform": ((6, 4), {"minval": 1.0, "maxval": 1.5}),
    "TruncatedNormal": ((6, 4), {"mean": 1.0, "stddev": 0.5}),
    "Orthogonal": ((6, 4), {"gain": 2.0}),
    "VarianceScaling": ((3, 3, 6, 4), {"scale": 2.0, "mode": "fan_avg"}),
    "GlorotUniform": ((6, 4), {}),
    "GlorotNormal": ((6, 4), {}),
    "HeUniform": ((6, 4), {}),
    "HeNormal": ((6, 4), {}),
    "LecunUniform": ((6, 4), {}),
    "LecunNormal": ((6, 4), {}),
    "TorchInitializer": ((3, 3, 6, 4), {"name": "kaiming_normal_", "arguments": {"a": 0.1}}),
}
FIXED: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "Zeros": ((6, 4), {}),
    "Ones": ((6, 4), {}),
    "Constant": ((6, 4), {"value": [1.0, 2.0, 3.0, 4.0]}),
    "Identity": ((6, 4), {"gain": 2.0}),
    "STFT": ((6, 1, 4), {"side": "imag", "window": ["kaiser", 8.6]}),
}
ALL = {**RANDOM, **FIXED}


def make(name: str, **more: Any) -> Initializer:
    return getattr(treadle.initializers, name)(**ALL[name][1], **more)


def test_the_table_is_complete() -> None:
    classes = {
        item.__name__
        for name in treadle.initializers.__all__
        if isinstance(item := getattr(treadle.initializers, name), type)
    }
    assert classes - set(ALL) == {"Initializer"}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", torch.float64])
def test_shape_and_dtype(name: str, dtype: Any) -> None:
    shape = ALL[name][0]
    values = make(name)(shape, dtype)
    assert type(values) is torch.Tensor
    assert values.shape == shape
    assert values.dtype == (dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype))
    assert values.is_contiguous()
    assert not values.requires_grad
    assert values.isfinite().all()
    assert make(name)(list(shape)).dtype == torch.float32


@pytest.mark.parametrize("name", ALL)
def test_configuration_goes_around(name: str) -> None:
    more = {"seed": 7} if name in RANDOM else {}
    initializer, shape = make(name, **more), ALL[name][0]
    config = treadle.initializers.serialize(initializer)
    again = treadle.initializers.deserialize(json.loads(json.dumps(config)))
    assert type(again) is type(initializer)
    for other in (again, initializer.clone(), treadle.initializers.get(config)):
        assert other is not initializer
        assert torch.equal(other(shape), initializer(shape))


@pytest.mark.parametrize("name", RANDOM)
def test_an_integer_seed_repeats_and_others_differ(name: str) -> None:
    shape = ALL[name][0]
    initializer = make(name, seed=7)
    first = initializer(shape)
    assert torch.equal(initializer(shape), first)
    assert torch.equal(make(name, seed=np.int64(7))(shape), first)
    assert not torch.equal(make(name, seed=8)(shape), first)


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_each_call_is_new_and_the_process_seed_repeats_it(name: str) -> None:
    shape = ALL[name][0]
    initializer = make(name)
    set_random_seed(1)
    first, second = initializer(shape), initializer(shape)
    assert not torch.equal(first, second)
    set_random_seed(1)
    assert torch.equal(initializer(shape), first)
    assert torch.equal(make(name)(shape), second)


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize("name", RANDOM)
def test_torchs_global_stream_is_not_moved(name: str, seed: int | None) -> None:
    set_random_seed(1)
    before = torch.get_rng_state()
    make(name, seed=seed)(ALL[name][0])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", RANDOM)
def test_one_seed_gives_the_same_values_in_every_short_dtype(name: str) -> None:
    shape = ALL[name][0]
    wide = make(name, seed=7)(shape)
    for dtype in (torch.float16, torch.bfloat16):
        assert torch.equal(make(name, seed=7)(shape, dtype), wide.to(dtype))


def test_a_seed_generator_gives_new_values_at_each_call() -> None:
    class Counter:
        count = 0

        def next(self) -> torch.Tensor:
            self.count += 1
            return torch.tensor([5, self.count])

    initializer = RandomNormal(seed=Counter())
    first = initializer((3,))
    assert not torch.equal(initializer((3,)), first)
    assert torch.equal(RandomNormal(seed=Counter())((3,)), first)


@pytest.mark.parametrize("name", ALL)
def test_the_default_device_is_honoured(name: str) -> None:
    with torch.device("meta"):
        values = make(name)(ALL[name][0])
    assert values.device.type == "meta"
    assert values.shape == ALL[name][0]


def test_the_meta_device_draws_nothing() -> None:
    set_random_seed(1)
    with torch.device("meta"):
        RandomNormal()((3,))
    after = RandomNormal()((3,))
    set_random_seed(1)
    assert torch.equal(RandomNormal()((3,)), after)


DISTRIBUTIONS = {
    "uniform": lambda scale: stats.uniform(-math.sqrt(3 * scale), 2 * math.sqrt(3 * scale)),
    "untruncated_normal": lambda scale: stats.norm(0, math.sqrt(scale)),
    "truncated_normal": lambda scale: stats.truncnorm(
        -2, 2, 0, math.sqrt(scale) / stats.truncnorm(-2, 2).std()
    ),
}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_variance_scaling_has_the_distribution_it_names(distribution: str) -> None:
    values = VarianceScaling(50.0, "fan_in", distribution, seed=1)((100, 200)).flatten().double()
    assert stats.kstest(values.numpy(), DISTRIBUTIONS[distribution](0.5).cdf).pvalue > 0.01
    assert values.var().item() == pytest.approx(0.5, rel=0.03)


def test_simple_distributions() -> None:
    shape = (20_000,)
    for initializer, expected in [
        (RandomNormal(3.0, 0.5, seed=1), stats.norm(3.0, 0.5)),
        (RandomUniform(-1.0, 3.0, seed=1), stats.uniform(-1.0, 4.0)),
        (TruncatedNormal(3.0, 0.5, seed=1), stats.truncnorm(-2, 2, 3.0, 0.5)),
    ]:
        assert stats.kstest(initializer(shape, "float64").numpy(), expected.cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("name", "shape", "variance"),
    [
        ("GlorotUniform", (100, 300), 2 / 400),
        ("GlorotNormal", (100, 300), 2 / 400),
        ("HeUniform", (100, 300), 2 / 100),
        ("HeNormal", (100, 300), 2 / 100),
        ("LecunUniform", (100, 300), 1 / 100),
        ("LecunNormal", (100, 300), 1 / 100),
        ("GlorotUniform", (3, 5, 20, 60), 2 / (15 * 80)),
        ("HeNormal", (3, 5, 20, 60), 2 / (15 * 20)),
        ("LecunNormal", (3, 5, 20, 60), 1 / (15 * 20)),
        ("HeNormal", (20_000,), 2 / 20_000),
    ],
)
def test_variance_follows_the_fans(name: str, shape: tuple[int, ...], variance: float) -> None:
    values = getattr(treadle.initializers, name)(seed=1)(shape)
    assert values.var().item() == pytest.approx(variance, rel=0.05)
    assert values.mean().item() == pytest.approx(0, abs=5 * math.sqrt(variance / values.numel()))


def test_extremes_of_chance() -> None:
    assert torch.equal(RandomNormal(2.0, 0.0)((3,)), torch.full((3,), 2.0))
    assert torch.equal(TruncatedNormal(2.0, 0.0)((3,)), torch.full((3,), 2.0))
    assert torch.equal(RandomUniform(2.0, 2.0)((3,)), torch.full((3,), 2.0))
    assert GlorotUniform()((0, 5)).shape == (0, 5)
    assert GlorotUniform()(()).shape == ()
    assert Orthogonal()((0, 5)).shape == (0, 5)
    assert TruncatedNormal(0.0, 1.0, seed=1)((100_000,)).abs().max() <= 2


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (2, 3, 4, 5), (1, 1, 2, 9)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = Orthogonal(gain=2.0, seed=1)(shape, "float64").reshape(-1, shape[-1]) / 2
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    torch.testing.assert_close(gram, torch.eye(len(gram), dtype=torch.float64))


def test_orthogonal_matrices_are_not_biased() -> None:
    """Without its correction of signs the factorisation would give one sign on the diagonal."""
    drawn = torch.stack([Orthogonal(seed=seed)((2, 2)) for seed in range(400)])
    assert abs(drawn[:, 0, 0].mean().item()) < 0.15
    assert abs(drawn.det().mean().item()) < 0.15


def test_constants() -> None:
    assert torch.equal(Zeros()((2,), "int32"), torch.zeros(2, dtype=torch.int32))
    assert torch.equal(Ones()((2,), "bool"), torch.tensor([True, True]))
    assert torch.equal(Constant(np.array([1, 2]))((3, 2)), torch.tensor([[1.0, 2.0]] * 3))
    assert torch.equal(Identity()((2, 2), "int64"), torch.eye(2, dtype=torch.int64))


def test_stft_kernels_serve_every_channel() -> None:
    kernel = STFT()((16, 3, 5))
    assert kernel.shape == (16, 3, 5)
    assert torch.equal(kernel, STFT()((16, 1, 5)).expand(16, 3, 5))


def test_stft_computes_the_transform() -> None:
    x = torch.randn(16, dtype=torch.float64)
    parts = [STFT(side, None, None)((16, 1, 9), "float64")[:, 0] for side in ("real", "imag")]
    torch.testing.assert_close(torch.complex(x @ parts[0], x @ parts[1]), torch.fft.rfft(x))


def test_a_constant_does_not_share_memory_with_its_value() -> None:
    value = torch.ones(2)
    Constant(value)((2,)).zero_()
    assert torch.equal(value, torch.ones(2))


def test_get_takes_what_users_have() -> None:
    get = treadle.initializers.get
    assert get(None) is None
    assert isinstance(get(GlorotUniform), GlorotUniform)
    assert torch.equal(get([1.0, 2.0])((2,)), torch.tensor([1.0, 2.0]))
    assert torch.equal(get(np.ones((2, 2)))((2, 2)), torch.ones(2, 2))

    def ramp(shape: Any, dtype: Any = None) -> torch.Tensor:
        return torch.arange(shape[0], dtype=dtype)

    assert get(ramp) is ramp
    assert get(torch.zeros) is torch.zeros


@pytest.mark.parametrize("shape", [(30, 50), (3, 3, 30, 50)])
def test_torchs_functions_see_torchs_layout(shape: tuple[int, ...]) -> None:
    fill = treadle.initializers.get(torch.nn.init.kaiming_uniform_)
    assert isinstance(fill, TorchInitializer)
    # gain sqrt(2), 30 inputs for each place of the receptive field
    limit = math.sqrt(6 / (30 * math.prod(shape[:-2])))
    assert fill(shape).abs().max().item() == pytest.approx(limit, rel=0.01)


def test_torchs_functions_take_arguments_by_partial() -> None:
    fill = treadle.initializers.get(functools.partial(torch.nn.init.constant_, val=3.0))
    assert torch.equal(fill((2, 3)), torch.full((2, 3), 3.0))
    again = treadle.initializers.deserialize(treadle.initializers.serialize(fill))
    assert torch.equal(again((2,)), torch.full((2,), 3.0))


def test_torchs_functions_draw_from_the_stream_of_initializers() -> None:
    set_random_seed(1)
    first = treadle.initializers.get(torch.nn.init.normal_)((3,))
    torch.manual_seed(99)
    second = treadle.initializers.get(torch.nn.init.normal_)((3,))
    set_random_seed(1)
    assert torch.equal(treadle.initializers.get(torch.nn.init.normal_)((3,)), first)
    assert torch.equal(treadle.initializers.get(torch.nn.init.normal_)((3,)), second)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: RandomNormal(stddev=-1), ValueError, ["stddev", ">= 0", "-1"]),
        (lambda: RandomNormal(mean=math.nan), ValueError, ["mean", "finite", "nan"]),
        (lambda: TruncatedNormal(stddev="a"), ValueError, ["stddev", "'a'"]),
        (lambda: TruncatedNormal(mean=math.inf), ValueError, ["mean", "inf"]),
        (lambda: RandomUniform(2, 1), ValueError, ["minval <= maxval", "minval=2", "swap"]),
        (lambda: RandomUniform(maxval=None), ValueError, ["maxval", "None"]),
        (lambda: Orthogonal(gain=math.nan), ValueError, ["gain", "nan"]),
        (lambda: Identity(gain=True), ValueError, ["gain", "True"]),
        (lambda: VarianceScaling(scale=0), ValueError, ["scale", "> 0"]),
        (lambda: VarianceScaling(scale=-1), ValueError, ["scale", "-1"]),
        (lambda: VarianceScaling(mode="fan"), ValueError, ["mode", "fan_in"]),
        (lambda: VarianceScaling(distribution="unifrom"), ValueError, ["'uniform'"]),
        (lambda: VarianceScaling(input_axes=[0]), ValueError, ["both or neither"]),
        (
            lambda: VarianceScaling(input_axes=[5], output_axes=[0])((2, 3)),
            ShapeError,
            ["axis 5", "(2, 3)"],
        ),
        (lambda: GlorotUniform(seed="a"), ValueError, ["seed", "integer", "'a'"]),
        (lambda: GlorotUniform(seed=True), ValueError, ["seed", "True"]),
        (lambda: GlorotUniform(seed=1.5), ValueError, ["seed", "1.5"]),
        (lambda: GlorotUniform(seed=2**64), ValueError, ["seed", "2**64"]),
        (lambda: GlorotUniform()((2, 3), "int32"), TypeError, ["floating", "int32", "zeros"]),
        (lambda: GlorotUniform()((None, 3)), ShapeError, ["(None, 3)", "Input"]),
        (lambda: Zeros()((-1, 3)), ShapeError, [">= 0", "(-1, 3)"]),
        (lambda: Ones()((1.5,)), ShapeError, ["1.5"]),
        (lambda: Orthogonal()((3,)), ShapeError, ["two dimensions", "(3,)"]),
        (lambda: Identity()((3,)), ShapeError, ["two dimensions", "(3,)"]),
        (lambda: Constant([1.0, 2.0])((3,)), ShapeError, ["broadcast", "(3,)", "(2,)"]),
        (lambda: STFT("both"), ValueError, ["side", "real"]),
        (lambda: STFT(scaling="densitiy"), ValueError, ["scaling", "'density'"]),
        (lambda: STFT(window="han"), ValueError, ["window", "'hann'"]),
        (lambda: STFT(window=("kaizer", 3.0)), ValueError, ["window", "'kaiser'"]),
        (lambda: STFT(window=[1.0, 2.0, 3.0])((4, 1, 3)), ShapeError, ["4 values", "(3,)"]),
        (lambda: STFT()((4, 3)), ShapeError, ["frame length", "(4, 3)"]),
        (lambda: TorchInitializer("xavier_unifrm_"), UnknownNameError, ["'xavier_uniform_'"]),
        (lambda: Initializer()((2,)), NotImplementedError, ["__call__"]),
        (lambda: treadle.initializers.get("golrot_uniform"), UnknownNameError, ["glorot_uniform"]),
        (lambda: treadle.initializers.get(3), TypeError, ["initializer", "int: 3"]),
    ],
)
def test_messages(call: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
