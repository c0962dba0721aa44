"""What TensorBoard is shown of a model: its graph, its weights as images, its embeddings with their labels."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from treadle import layers
from treadle._core import DataError, TreadleWarning, explain, map_structure, unknown_name


class GraphTracer:
    """Remembers the shapes that a model is first called with, and writes its graph traced on zeros of these.

    Args:
        model: Any module.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._inputs: tuple[Any, ...] | None = None
        self._handle: Any = model.register_forward_pre_hook(self._remember)

    def _remember(self, model: nn.Module, inputs: tuple[Any, ...]) -> None:
        if self._inputs is None and inputs:
            self._inputs = map_structure(
                lambda leaf: (
                    torch.zeros(leaf.shape, dtype=leaf.dtype, device=leaf.device)
                    if isinstance(leaf, torch.Tensor)
                    else leaf
                ),
                inputs[:1],
            )
            self.release()

    def release(self) -> None:
        """Stop watching the model."""
        self._handle.remove()

    def write(self, writer: Any) -> None:
        """Write the graph; where torch cannot trace the model, warn instead."""
        self.release()
        if self._inputs is None:
            return
        devices = [leaf.device for leaf in self.model.parameters() if leaf.device.type == "cuda"]
        try:
            # torch prints its errors, and warns about its own tracer; neither is for the user.
            with (
                _ready_to_trace(self.model),
                torch.random.fork_rng(sorted({device.index for device in devices})),
                warnings.catch_warnings(),
                contextlib.redirect_stdout(io.StringIO()),
                torch.no_grad(),
            ):
                warnings.simplefilter("ignore")
                writer.add_graph(self.model, self._inputs)
        except Exception as error:  # the tracer raises whatever the model's code does
            warnings.warn(_untraceable(error), TreadleWarning, stacklevel=2)


@contextlib.contextmanager
def _ready_to_trace(model: nn.Module) -> Generator[None]:
    """Have a model in inference mode, and torch's tracer read no property of it.

    The tracer looks for methods marked `torch.jit.export` by reading every attribute, also properties that raise
    where a model has no such thing. No traced model has such methods.
    """
    modules = list(model.modules())
    modes = [module.training for module in modules]
    tracer: Any = torch._jit_internal  # type: ignore[attr-defined]
    look = tracer.module_has_exports
    model.eval()
    tracer.module_has_exports = _has_no_exports
    try:
        yield
    finally:
        tracer.module_has_exports = look
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


def _has_no_exports(module: nn.Module) -> bool:
    return False


def _untraceable(error: Exception) -> str:
    said = [line for line in str(error).splitlines() if line.strip()]
    return explain(
        "TensorBoard gets no graph of this model; training goes on.",
        expected="a model that torch.jit.trace can trace",
        got=f"{type(error).__name__}: {said[0] if said else '':.100}",
        fix="TensorBoard(write_graph=False)",
    )


def named_weights(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the floating weights with their paths, such as `dense/kernel`."""
    for name, weight in model.state_dict(keep_vars=True).items():
        if isinstance(weight, torch.Tensor) and weight.is_floating_point() and weight.numel():
            yield name.replace(".", "/"), weight


def weight_image(values: torch.Tensor) -> torch.Tensor:
    """Return a weight as a grey image (1, height, width) from 0 to 1: kernels as grids, inputs across, outputs down."""
    low, high = values.min(), values.max()
    scaled = (values - low) / (high - low).clamp_min(1e-12)
    if scaled.dim() < 2:
        return scaled.reshape(1, 1, -1)
    if scaled.dim() == 2:
        return (scaled.T if scaled.shape[0] > scaled.shape[1] else scaled)[None]
    *space, channels, filters = scaled.shape
    tiles = scaled.reshape(space[0], -1, channels, filters).permute(3, 0, 2, 1)
    return tiles.reshape(1, filters * space[0], -1)


def embedding_tables(model: nn.Module, metadata: Any) -> list[tuple[str, torch.Tensor, Any]]:
    """Return (layer's name, its table of vectors, the file of its labels or None) for each embedding.

    Raises:
        UnknownNameError: for labels of a layer that is not there.
    """
    found: dict[str, torch.Tensor] = {}
    for path, module in model.named_modules():
        name = str(getattr(module, "name", "") or path.replace(".", "/"))
        if isinstance(module, nn.Embedding):
            found[name] = module.weight.detach()
        elif isinstance(module, layers.Embedding):
            table = getattr(module, "embeddings", None) if module.built else None
            found[name] = torch.empty(0, 0) if table is None else table.detach()
    files = metadata if isinstance(metadata, Mapping) else dict.fromkeys(found, metadata)
    for name in files:
        if name not in found:
            raise unknown_name("embedding layer in `embeddings_metadata`", str(name), found)
    return [(name, table, files.get(name)) for name, table in found.items()]


def read_labels(path: str | os.PathLike[str] | None, rows: int) -> dict[str, Any]:
    """Return the arguments of torch's `add_embedding` for a file of labels."""
    if path is None:
        return {}
    lines = Path(path).read_text(encoding="utf8").splitlines()
    header: list[str] | None = None
    labels: list[Any] = list(lines)
    if lines and "\t" in lines[0]:
        header, labels = lines[0].split("\t"), [line.split("\t") for line in lines[1:]]
    if len(labels) != rows:
        raise DataError(
            explain(
                f"The labels in {os.fspath(path)!r} do not fit the embedding.",
                expected=f"{rows} lines, one per row",
                got=f"{len(labels)}",
            )
        )
    return {"metadata": labels, "metadata_header": header}
