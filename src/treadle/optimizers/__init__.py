"""Optimizers: `torch.optim.Optimizer`s with Keras's names, arguments and mathematics."""

from treadle._core import publish
from treadle.optimizers import schedules
from treadle.optimizers._adam import Adam, AdamW
from treadle.optimizers._family import deserialize, get, serialize
from treadle.optimizers._optimizer import Optimizer
from treadle.optimizers._rmsprop import RMSprop
from treadle.optimizers._sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

publish(globals())
