"""Callbacks: listeners on the events of training, evaluation and prediction."""

from treadle._core import publish
from treadle.callbacks._backup_and_restore import BackupAndRestore
from treadle.callbacks._callback import EVENTS, Callback, CallbackList
from treadle.callbacks._csv_logger import CSVLogger
from treadle.callbacks._early_stopping import EarlyStopping
from treadle.callbacks._gradient_monitor import GradientMonitor
from treadle.callbacks._history import History
from treadle.callbacks._lambda_callback import LambdaCallback
from treadle.callbacks._learning_rate_finder import LearningRateFinder
from treadle.callbacks._learning_rates import LearningRateScheduler, ReduceLROnPlateau
from treadle.callbacks._model_checkpoint import ModelCheckpoint
from treadle.callbacks._monitor import Monitor
from treadle.callbacks._progbar_logger import ProgbarLogger
from treadle.callbacks._remote_monitor import RemoteMonitor
from treadle.callbacks._report import Report
from treadle.callbacks._swap_ema_weights import SwapEMAWeights
from treadle.callbacks._tensorboard import TensorBoard
from treadle.callbacks._terminate_on_nan import TerminateOnNaN
from treadle.callbacks._torch_scheduler import TorchScheduler, is_scheduler

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "GradientMonitor",
    "History",
    "LambdaCallback",
    "LearningRateFinder",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "Report",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "TorchScheduler",
]

publish(globals())
