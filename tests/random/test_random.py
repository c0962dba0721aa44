import numpy as np
import pytest
import torch
from scipy import stats

import treadle

random = treadle.random

# name, arguments, what scipy says about the numbers
DRAWS = [
    ("normal", {"mean": 1.0, "stddev": 2.0}, stats.norm(1, 2)),
    ("uniform", {"minval": -1.0, "maxval": 3.0}, stats.uniform(-1, 4)),
    ("truncated_normal", {"mean": 1.0, "stddev": 2.0}, stats.truncnorm(-2, 2, 1, 2)),
    ("gamma", {"alpha": 2.5}, stats.gamma(2.5)),
    ("beta", {"alpha": 2.0, "beta": 0.7}, stats.beta(2.0, 0.7)),
    ("binomial", {"counts": 9, "probabilities": 0.3}, stats.binom(9, 0.3)),
    ("randint", {"minval": -2, "maxval": 4}, stats.randint(-2, 4)),
]
names = pytest.mark.parametrize(("name", "arguments", "law"), DRAWS, ids=[row[0] for row in DRAWS])


@names
def test_numbers_follow_the_law(name, arguments, law):
    values = getattr(random, name)((20_000,), **arguments, seed=3).double().numpy()
    if hasattr(law, "dist") and hasattr(law.dist, "pmf"):
        points = np.unique(values)
        shares = [(values == point).mean() for point in points]
        np.testing.assert_allclose(shares, law.pmf(points), atol=0.015)
    else:
        assert stats.kstest(values, law.cdf).pvalue > 1e-3


@names
def test_tensors_as_parameters(name, arguments, law):
    columns = {key: torch.tensor([[value], [value]]) for key, value in arguments.items()}
    values = getattr(random, name)((2, 10_000), **columns, seed=3)
    assert values.shape == (2, 10_000)
    np.testing.assert_allclose(values.double().mean(1), law.mean(), atol=6 * law.std() / 100)


@names
@pytest.mark.parametrize("seed", ["none", "integer", "generator"])
def test_seeds(name, arguments, law, seed):
    def draw(seed):
        return getattr(random, name)((50,), **arguments, seed=seed)

    if seed == "none":
        treadle.utils.set_random_seed(5)
        first, second = draw(None), draw(None)
        treadle.utils.set_random_seed(5)
        assert not torch.equal(first, second)
        assert torch.equal(first, draw(None))
    elif seed == "integer":
        state = torch.get_rng_state()
        assert torch.equal(draw(4), draw(4))
        assert not torch.equal(draw(4), draw(5))
        assert torch.equal(state, torch.get_rng_state())
    else:
        generator, again = random.SeedGenerator(4), random.SeedGenerator(4)
        first, second = draw(generator), draw(generator)
        assert not torch.equal(first, second)
        assert torch.equal(first, draw(again))
        assert torch.equal(second, draw(again))


@names
def test_dtype_and_empty(name, arguments, law):
    dtype = "int64" if name == "randint" else "float64"
    values = getattr(random, name)((0, 3), **arguments, dtype=dtype)
    assert values.shape == (0, 3)
    assert str(values.dtype) == f"torch.{dtype}"
    wrong = "float32" if name == "randint" else "int32"
    with pytest.raises(ValueError, match=rf"random\.{name} draws.*\n.*expected.*\n.*got.*{wrong}"):
        getattr(random, name)((3,), **arguments, dtype=wrong)


@names
def test_symbolic_sizes(name, arguments, law):
    x = treadle.Input((4,))
    y = getattr(random, name)((x.size(0), 3), **arguments)
    assert y.shape == (None, 3)
    assert treadle.Model(x, y)(torch.zeros(7, 4)).shape == (7, 3)


@pytest.mark.parametrize("seed", [1.5, "a", True, 2**70])
def test_seeds_that_are_refused(seed):
    for use in (random.SeedGenerator, lambda seed: random.normal((2,), seed=seed)):
        with pytest.raises(ValueError, match="`seed` cannot be used") as caught:
            use(seed)
        assert "expected: None, an integer" in str(caught.value)


def test_gradients_reach_parameters():
    mean, spread = torch.tensor([1.0], requires_grad=True), torch.tensor([2.0], requires_grad=True)
    z = random.normal((1000,), seed=1)
    random.normal((1000,), mean, spread, seed=1).sum().backward()
    assert mean.grad.item() == 1000
    torch.testing.assert_close(spread.grad, z.sum().reshape(1))
    alpha = torch.full((1000,), 2.0, requires_grad=True)
    random.gamma((1000,), alpha, seed=1).sum().backward()
    assert abs(alpha.grad.mean().item() - 1) < 0.1


def test_categorical():
    logits = np.log([[0.2, 0.3, 0.5], [0.7, 0.2, 0.1]])
    drawn = random.categorical(logits, 20_000, seed=1)
    assert drawn.dtype == torch.int32
    shares = [[(row == k).float().mean() for k in range(3)] for row in drawn]
    np.testing.assert_allclose(shares, np.exp(logits), atol=0.015)
    with pytest.raises(treadle.ShapeError, match=r"\(batch, classes\)[\s\S]*\(3,\)"):
        random.categorical([0.0, 1.0, 2.0], 2)


def test_dropout():
    x = torch.rand(100, 200) + 1
    dropped = random.dropout(x, 0.25, seed=1)
    kept = dropped != 0
    assert abs(kept.float().mean().item() - 0.75) < 0.01
    torch.testing.assert_close(dropped[kept], x[kept] / 0.75)
    rows = random.dropout(x, 0.5, noise_shape=(None, 1), seed=1) != 0
    assert torch.equal(rows.any(1), rows.all(1))
    assert torch.equal(random.dropout(x, 0), x)
    assert not random.dropout(x, 1).any()
    with pytest.raises(ValueError, match=r"`rate` of random.dropout[\s\S]*\[0, 1\][\s\S]*1\.5"):
        random.dropout(x, 1.5)


def test_dropout_of_symbolic_tensors():
    x = treadle.Input((4,))
    y = random.dropout(x, 0.5, seed=3)
    model = treadle.Model(x, y)
    data = torch.ones(6, 4)
    assert torch.equal(model(data), random.dropout(data, 0.5, seed=3))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_shuffle(axis):
    x = torch.arange(12).reshape(3, 4)
    shuffled = random.shuffle(x, axis, seed=5)
    assert torch.equal(shuffled.sort(axis).values, x)
    assert not torch.equal(random.shuffle(torch.arange(50), seed=5), torch.arange(50))


def test_randint_refuses_an_empty_range():
    with pytest.raises(
        ValueError, match=r"nothing to draw from[\s\S]*minval < maxval[\s\S]*maxval=2"
    ):
        random.randint((3,), 2, 2)


class Noisy(treadle.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = random.SeedGenerator(7)

    def call(self, inputs):
        return inputs + random.normal(inputs.shape, seed=self.seeds)


def test_state_of_a_layer_is_kept_and_is_no_weight():
    layer, other = Noisy(), Noisy()
    x = torch.zeros(3)
    first = layer(x)
    saved = layer.state_dict()
    second = layer(x)
    assert not torch.equal(first, second)
    assert layer.weights == []
    other.load_state_dict(saved)
    assert torch.equal(other(x), second)
    assert layer.to(torch.float64).seeds.state.dtype == torch.int64
    assert layer.seeds.state.tolist() == [7, 2]


def test_a_run_that_is_resumed_draws_the_same(tmp_path):
    def run(folder, epochs, seed):
        treadle.utils.set_random_seed(seed)
        model = treadle.Sequential(
            [treadle.Input((2,)), Noisy(name="noise"), treadle.layers.Dense(1)]
        )
        model.compile("sgd", "mse")
        x = np.linspace(0, 1, 32, dtype="float32").reshape(16, 2)
        model.fit(x, x[:, :1], epochs=epochs, batch_size=4, verbose=0, resume=folder)
        return [weight.numpy() for weight in model.weights]

    whole = run(tmp_path / "whole", 3, 1)
    run(tmp_path / "parts", 1, 1)
    for a, b in zip(whole, run(tmp_path / "parts", 3, 1), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("seed", [3, "generator"])
def test_recorded_programs_draw_as_eager_ones(seed):
    def make():
        return random.SeedGenerator(3) if seed == "generator" else seed

    def draw(chances, seed):
        return random.binomial((4,), 9, chances, seed=seed) + random.normal((4,), seed=seed)

    eager, recorded = make(), make()
    program = treadle.function(lambda chances: draw(chances, recorded))
    for chance in (0.1, 0.5, 0.9):
        chances = torch.full((4,), chance)
        assert torch.equal(program(chances), draw(chances, eager))


def test_initializers_take_seed_generators():
    seeds = random.SeedGenerator(3)
    make = treadle.initializers.GlorotUniform(seed=seeds)
    assert not torch.equal(make((2, 2)), make((2, 2)))
    assert seeds.state.tolist() == [3, 2]


def test_compiled_programs_draw_without_a_break():
    def noisy(x):
        return random.dropout(x, 0.5) + random.normal((2,)) + random.uniform((2,), 0.0, x)

    compiled = torch.compile(noisy, backend="eager", fullgraph=True)
    assert compiled(torch.ones(2)).shape == (2,)
    seeded = torch.compile(lambda x: random.normal((2,), seed=3) + x, backend="eager")
    for _ in range(2):
        assert torch.equal(seeded(torch.zeros(2)), random.normal((2,), seed=3))
