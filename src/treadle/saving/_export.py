"""`Model.export`: a program for inference that needs no treadle: `torch.export`'s, or ONNX; loaded and compared."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from treadle import _core, graph
from treadle.saving._atomic import replacing_file

_FORMATS = {".pt2": "torch", ".onnx": "onnx"}


def export_model(
    model: Any,
    filepath: Any,
    format: str | None = None,
    verbose: Any = None,
    input_signature: Any = None,
    **kwargs: Any,
) -> None:
    """Write what a model computes in inference mode, as a program that runs without treadle.

    The file is loaded and its outputs compared with the model's before it takes the name that was asked for.

    Args:
        model: A built model.
        filepath: A path that ends in `.pt2` (for `torch.export.load`) or `.onnx`.
        format: `"torch"` or `"onnx"`; by default the ending says it.
        verbose: Whether to print where the program was written.
        input_signature: Example inputs (tensors or arrays, in the structure that the model takes), for models that
            do not know their inputs. The batch size stays free.
        **kwargs: For `torch.export.export` or `torch.onnx.export`.

    Raises:
        StateError: for a model that does not know its inputs.
        ImportError: for ONNX without the extra `treadle[onnx]`.
        ValueError: for an unknown format.
        RuntimeError: for a model that torch cannot export, or whose program gives other outputs.

    Example:
        >>> import tempfile, pathlib, torch, treadle
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "m.pt2"
        >>> model = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)])
        >>> model.export(path)
        >>> torch.export.load(path).module()(torch.zeros(5, 3)).shape
        torch.Size([5, 2])

    Reference:
        Keras 3 API, `keras.Model.export`; PyTorch, `torch.export`.
    """
    path = Path(filepath).expanduser()
    format = format or _FORMATS.get(path.suffix, path.suffix.lstrip("."))
    if format not in _FORMATS.values():
        raise _core.unknown_name("export format", format, _FORMATS.values())
    examples = _examples(model, input_signature)
    with replacing_file(path) as temporary, torch.no_grad():
        if format == "torch":
            _write_torch(temporary, model, examples, kwargs)
        else:
            _write_onnx(temporary, model, examples, kwargs)
    if verbose:
        print(f"Exported {model.name!r} to {path}")


def _examples(model: Any, signature: Any) -> Any:
    """Return example inputs in the structure that the model takes; batch sizes and other free sizes are odd ones."""
    if signature is not None:
        return graph.map_leaves(_as_tensor, signature)
    if model._program is not None:
        return graph.map_leaves(
            lambda leaf: _random(leaf.sizes[1], leaf.dtype), model._input_structure
        )
    shape = getattr(model, "_build_shape", None)
    if not isinstance(shape, tuple):
        raise _core.StateError(
            _core.explain(
                f"{model.name!r} does not know its inputs.",
                expected="a functional model, a model that was called, or `input_signature`",
                got=type(model).__name__,
                fix="export(path, input_signature=x[:2])",
            )
        )
    sizes = [3 if size is None else size for size in shape]
    return _random(sizes, _core.torch_dtype(model.compute_dtype))


def _as_tensor(value: Any) -> Any:
    return torch.as_tensor(value) if isinstance(value, (np.ndarray, torch.Tensor)) else value


def _random(sizes: Any, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    if dtype.is_floating_point:
        return torch.rand(tuple(sizes), generator=generator).to(dtype)
    return torch.zeros(tuple(sizes), dtype=dtype)


class _Inference(nn.Module):
    """A model in inference mode, with one argument."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.training = False

    def forward(self, inputs: Any) -> Any:
        return self.model(inputs, training=False)


def _free_sizes(model: Any, examples: Any) -> Any:
    """Return for each input which of its sizes are free: the batch's, and those that the model leaves open."""

    def free(shape: Any) -> dict[int, Any]:
        sizes = {dim: torch.export.Dim.AUTO for dim, size in enumerate(shape) if size is None}
        return {**sizes, 0: torch.export.Dim.DYNAMIC} if len(shape) else {}

    if model._program is not None:
        return graph.map_leaves(lambda leaf: free(leaf.shape), model._input_structure)
    return graph.map_leaves(lambda leaf: free((None, *leaf.shape[1:])), examples)


def _write_torch(path: Path, model: Any, examples: Any, kwargs: dict[str, Any]) -> None:
    shapes = (_free_sizes(model, examples),)
    options: dict[str, Any] = {"strict": False, "dynamic_shapes": shapes, **kwargs}
    program = torch.export.export(_Inference(model), (examples,), **options)
    with warnings.catch_warnings():
        # Kernels are permuted views; torch saves their whole memory, which is what is meant.
        warnings.filterwarnings("ignore", message="No complete tensor found")
        torch.export.save(program, path)
    loaded = torch.export.load(path).module()
    for given in (examples, graph.map_leaves(_two_rows, examples)):
        _compare(model, given, loaded(given))


def _two_rows(leaf: Any) -> Any:
    return leaf[:2] if isinstance(leaf, torch.Tensor) and leaf.dim() else leaf


def _write_onnx(path: Path, model: Any, examples: Any, kwargs: dict[str, Any]) -> None:
    try:
        onnx, reference, _ = map(importlib.import_module, ("onnx", "onnx.reference", "onnxscript"))
    except ImportError as error:
        raise ImportError(
            _core.explain(
                "Exporting to ONNX needs two further packages.",
                expected="onnx and onnxscript",
                got=str(error),
                fix='pip install "treadle[onnx]"',
            )
        ) from error
    shapes = (_free_sizes(model, examples),)
    options: dict[str, Any] = {
        "dynamo": True,
        "external_data": False,
        "verbose": False,
        "dynamic_shapes": shapes,
        **kwargs,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch about itself
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(_Inference(model), (examples,), str(path), **options)
    evaluator: Any = reference.ReferenceEvaluator(onnx.load(str(path)))
    names = evaluator.input_names
    leaves = [leaf.numpy() for leaf in _core.leaves(examples)]
    found = evaluator.run(None, dict(zip(names, leaves, strict=True)))
    _compare(model, examples, [torch.as_tensor(part) for part in found])


def _compare(model: Any, given: Any, found: Any) -> None:
    expected = _core.leaves(model(given, training=False))
    for wanted, got in zip(expected, _core.leaves(found), strict=True):
        if not torch.allclose(wanted.to(got.dtype), got, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise RuntimeError(
                _core.explain(
                    f"The exported program of {model.name!r} gives other outputs than the model.",
                    expected="equal outputs in inference mode",
                    got=f"differences up to {float((wanted - got).abs().max()):.2g}",
                    fix="look for layers whose call() has side effects or depends on Python values",
                )
            )
