"""Models: functional, sequential, subclassed, and made of a torch module."""

from treadle._core import publish
from treadle.models._model import Model
from treadle.models._sequential import Sequential
from treadle.models._torch_model import TorchModel
from treadle.saving import clone_model, load_model, model_from_json, save_model

__all__ = [
    "Model",
    "Sequential",
    "TorchModel",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]

publish(globals())
