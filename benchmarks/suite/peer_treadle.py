"""Treadle, through the code that Keras runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import peer_keras

import treadle

HOW: dict[str, Any] = {"auto": "auto", "eager": False, "compiled": True}


def make(workload: str, how: str = "auto") -> Callable[[], Any]:
    """Return one round; `how` is `jit_compile`."""
    return peer_keras.rounds(treadle, workload, jit_compile=HOW[how])
