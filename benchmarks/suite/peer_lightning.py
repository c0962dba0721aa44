"""Lightning: its Trainer over a DataLoader, bars, logs and checkpoints off, torchmetrics for the accuracy."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import lightning
import peer_torch
import torch
from _data import WORK
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import MulticlassAccuracy


class Module(lightning.LightningModule):
    """A model with its step."""

    def __init__(self, workload: str) -> None:
        super().__init__()
        self.workload = workload
        self.model = peer_torch.MODELS[workload]()
        self.accuracy = MulticlassAccuracy(WORK[workload].classes, average="micro")

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        """Return the loss of a batch."""
        x, y = batch
        logits = self.model(x)
        loss = torch.nn.functional.cross_entropy(logits, y)
        self.accuracy(logits, y)
        self.log("loss", loss, on_step=False, on_epoch=True)
        self.log("accuracy", self.accuracy, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self) -> Any:
        """Return the optimizer of the workload."""
        return peer_torch.optimizer(self.workload, self)


def make(workload: str) -> Callable[[], Any]:
    """Return one epoch."""
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    lightning.seed_everything(0, verbose=False)
    work = WORK[workload]
    x, y = (torch.from_numpy(array) for array in work.arrays())
    x = x.permute(0, 3, 1, 2) if x.dim() == 4 else x
    loader = DataLoader(TensorDataset(x, y.long()), batch_size=work.batch_size, shuffle=True)
    module = Module(workload)
    off: Any = {"enable_progress_bar": False, "enable_checkpointing": False, "logger": False}

    def epoch() -> None:
        trainer = lightning.Trainer(
            max_epochs=1, accelerator="cpu", enable_model_summary=False, **off
        )
        trainer.fit(module, loader)

    return epoch
