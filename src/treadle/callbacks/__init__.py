"""Callbacks: listeners on the events of training, evaluation and prediction."""

from treadle._core import publish
from treadle.callbacks._callback import EVENTS, Callback, CallbackList
from treadle.callbacks._history import History

__all__ = ["Callback", "CallbackList", "History"]

publish(globals())
