"""Optimizers: `torch.optim.Optimizer`s with Keras's names, arguments and mathematics."""

from treadle._core import publish
from treadle.optimizers import schedules
from treadle.optimizers._adafactor import Adafactor
from treadle.optimizers._adam import Adam, AdamW
from treadle.optimizers._adaptive import Adadelta, Adagrad, Adamax, Nadam
from treadle.optimizers._family import deserialize, get, serialize
from treadle.optimizers._ftrl import Ftrl
from treadle.optimizers._layerwise import Lamb, Lion
from treadle.optimizers._loss_scale import LossScaleOptimizer
from treadle.optimizers._multi import MultiOptimizer, OptimizerMap
from treadle.optimizers._muon import Muon
from treadle.optimizers._optimizer import Optimizer
from treadle.optimizers._rmsprop import RMSprop
from treadle.optimizers._schedule_free import ScheduleFreeAdamW
from treadle.optimizers._sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

publish(globals())
