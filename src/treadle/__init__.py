"""Treadle: train PyTorch models the Keras way."""

from treadle import (
    activations,
    autodiff,
    backend,
    callbacks,
    config,
    constraints,
    data,
    datasets,
    display,
    dtype_policies,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    saving,
    training,
    tree,
    utils,
)
from treadle._core import (
    DataError,
    DTypePolicy,
    ShapeError,
    StateError,
    TreadleError,
    TreadleWarning,
    UnknownNameError,
    Variable,
    __version__,
    publish,
)
from treadle.autodiff import GradientTape, function
from treadle.graph import SymbolicTensor
from treadle.initializers import Initializer
from treadle.layers import Input, Layer
from treadle.losses import Loss
from treadle.metrics import Metric
from treadle.models import Model, Sequential
from treadle.optimizers import Optimizer
from treadle.regularizers import Regularizer
from treadle.saving import Checkpoint
from treadle.training import Loop

__all__ = [
    "Checkpoint",
    "DTypePolicy",
    "DataError",
    "GradientTape",
    "Initializer",
    "Input",
    "Layer",
    "Loop",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "ShapeError",
    "StateError",
    "SymbolicTensor",
    "TreadleError",
    "TreadleWarning",
    "UnknownNameError",
    "Variable",
    "__version__",
    "activations",
    "autodiff",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "display",
    "dtype_policies",
    "function",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "saving",
    "training",
    "tree",
    "utils",
]

publish(globals())
