"""All namespaces of look-alikes: tables of names, aliases of paths."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core, autodiff
from treadle.compat import _control, _old_classes
from treadle.compat._arrays import ARRAYS
from treadle.compat._backend import BACKEND
from treadle.compat._control import CONTROL, DEBUGGING, DTYPES, ignored, unchanged
from treadle.compat._elementwise import ELEMENTWISE
from treadle.compat._hints import HINTS
from treadle.compat._images import IMAGES
from treadle.compat._linear import LINALG, PRODUCTS, l2_normalize
from treadle.compat._namespace import VERSIONS, Catalogue, Forward, Namespace
from treadle.compat._neural import NEURAL
from treadle.compat._random import RANDOM
from treadle.compat._reductions import REDUCTIONS
from treadle.compat._shapes import SHAPES
from treadle.compat._summary import SUMMARY
from treadle.compat._tensorflow_datasets import TENSORFLOW_DATASETS

_MATH = {**ELEMENTWISE, **REDUCTIONS}
_NOT_AT_THE_TOP = [
    "bincount",
    "confusion_matrix",
    "count_nonzero",
    "cumprod",
    "digamma",
    "divide_no_nan",
    "erf",
    "erfc",
    "erfinv",
    "expm1",
    "floordiv",
    "floormod",
    "in_top_k",
    "is_finite",
    "is_inf",
    "is_nan",
    "lgamma",
    "log",
    "log1p",
    "log_sigmoid",
    "mod",
    "multiply_no_nan",
    "reciprocal",
    "rint",
    "rsqrt",
    "segment_max",
    "segment_mean",
    "segment_min",
    "segment_sum",
    "softplus",
    "softsign",
    "squared_difference",
    "top_k",
    "truediv",
    "xlogy",
    "reduce_std",
    "reduce_variance",
    "reduce_euclidean_norm",
    "unsorted_segment_max",
    "unsorted_segment_mean",
    "unsorted_segment_min",
    "unsorted_segment_sum",
    "real",
    "imag",
    "angle",
    "conj",
]
_TOP: dict[str, Any] = {
    **{name: item for name, item in _MATH.items() if name not in _NOT_AT_THE_TOP},
    **ARRAYS,
    **PRODUCTS,
    **SHAPES,
    **CONTROL,
    **DTYPES,
    "DType": torch.dtype,
    "GradientTape": autodiff.GradientTape,
    "TensorSpec": Forward("treadle.data.TensorSpec"),
    "UnconnectedGradients": type("UnconnectedGradients", (), {"NONE": "none", "ZERO": "zero"}),
    "as_dtype": _control.as_dtype,
    "constant_initializer": Forward("treadle.initializers.Constant"),
    "function": Forward("treadle.autodiff.function"),
    "newaxis": None,
    "ones_initializer": Forward("treadle.initializers.Ones"),
    "random_normal_initializer": Forward("treadle.initializers.RandomNormal"),
    "random_uniform_initializer": Forward("treadle.initializers.RandomUniform"),
    "zeros_initializer": Forward("treadle.initializers.Zeros"),
}
_MERGED_LAYERS = [
    "advanced_activations",
    "convolutional",
    "core",
    "embeddings",
    "experimental",
    "experimental.preprocessing",
    "merge",
    "noise",
    "normalization",
    "pooling",
    "preprocessing",
    "recurrent",
    "wrappers",
]
_IMAGE_HELPERS = ("array_to_img", "img_to_array", "load_img", "save_img")


def _utils(*names: str) -> dict[str, Any]:
    return {name: Forward(f"treadle.utils.{name}") for name in names}


def _flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    return _core.leaves(structure)


def _pack(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    return _core.unflatten(flat_sequence, _core.flatten(structure)[1])


def _map(func: Any, *structure: Any, **unused: Any) -> Any:
    return _core.map_structure(func, *structure)


_KERAS: dict[str, Namespace] = {
    "keras": Namespace({"version": lambda: VERSIONS["keras"]}, "treadle"),
    **{
        f"keras.{room}": Namespace(_old_classes.old_arguments(room), f"treadle.{room}")
        for room in _old_classes.OLD_ARGUMENTS
    },
    **{
        f"keras.{room}": Namespace({}, f"treadle.{room}")
        for room in [
            "activations",
            "config",
            "constraints",
            "datasets",
            "distribution",
            "dtype_policies",
            "initializers",
            "metrics",
            "models",
            "ops",
            "random",
            "saving",
            "tree",
            "utils",
            "datasets.cifar10",
            "datasets.cifar100",
            "datasets.digits",
            "datasets.fashion_mnist",
            "datasets.mnist",
        ]
    },
    "keras.backend": Namespace(BACKEND),
    "keras.losses": Namespace({"Reduction": _old_classes.Reduction}, "treadle.losses"),
    "keras.mixed_precision": Namespace(
        {
            "LossScaleOptimizer": Forward("treadle.optimizers.LossScaleOptimizer"),
            "Policy": _core.DTypePolicy,
            "global_policy": _core.dtype_policy,
            "set_global_policy": _core.set_dtype_policy,
            "set_policy": _core.set_dtype_policy,
        }
    ),
    "keras.optimizers": Namespace(_old_classes.old_optimizers(), "treadle.optimizers"),
    "keras.optimizers.schedules": Namespace({}, "treadle.optimizers.schedules"),
    "keras.preprocessing": Namespace(),
    "keras.preprocessing.image": Namespace(_utils(*_IMAGE_HELPERS, "image_dataset_from_directory")),
    "keras.preprocessing.sequence": Namespace(_utils("pad_sequences")),
}

_TENSORFLOW: dict[str, Namespace] = {
    "tensorflow": Namespace(_TOP),
    "tensorflow.autograph": Namespace(),
    "tensorflow.autograph.experimental": Namespace({"do_not_convert": unchanged}),
    "tensorflow.config": Namespace(
        {
            "list_logical_devices": _control.list_physical_devices,
            "list_physical_devices": _control.list_physical_devices,
        }
    ),
    "tensorflow.config.experimental": Namespace(
        {
            "enable_op_determinism": lambda: torch.use_deterministic_algorithms(True),
            "list_physical_devices": _control.list_physical_devices,
            "set_memory_growth": ignored,
        }
    ),
    "tensorflow.data": Namespace({}, "treadle.data"),
    "tensorflow.data.experimental": Namespace(
        {
            "AUTOTUNE": Forward("treadle.data.AUTOTUNE"),
            "INFINITE_CARDINALITY": Forward("treadle.data.INFINITE_CARDINALITY"),
            "UNKNOWN_CARDINALITY": Forward("treadle.data.UNKNOWN_CARDINALITY"),
            "cardinality": lambda dataset: dataset.cardinality(),
        }
    ),
    "tensorflow.debugging": Namespace(DEBUGGING),
    "tensorflow.dtypes": Namespace({**DTYPES, "cast": ELEMENTWISE["cast"], "DType": torch.dtype}),
    "tensorflow.errors": Namespace(
        {
            "InvalidArgumentError": ValueError,
            "OutOfRangeError": StopIteration,
            "ResourceExhaustedError": torch.OutOfMemoryError,
        }
    ),
    "tensorflow.image": Namespace(IMAGES),
    "tensorflow.initializers": Namespace({}, "treadle.initializers"),
    "tensorflow.linalg": Namespace(LINALG),
    "tensorflow.losses": Namespace({}, "treadle.losses"),
    "tensorflow.math": Namespace({**_MATH, "l2_normalize": l2_normalize}),
    "tensorflow.metrics": Namespace({}, "treadle.metrics"),
    "tensorflow.nest": Namespace(
        {"flatten": _flatten, "map_structure": _map, "pack_sequence_as": _pack}
    ),
    "tensorflow.nn": Namespace(NEURAL),
    "tensorflow.random": Namespace(RANDOM),
    "tensorflow.summary": Namespace(SUMMARY),
    "tensorflow.test": Namespace(
        {
            "gpu_device_name": _control.gpu_device_name,
            "is_built_with_cuda": torch.backends.cuda.is_built,
            "is_gpu_available": lambda *args, **kwargs: torch.cuda.is_available(),
        }
    ),
    "tensorflow.version": Namespace({"VERSION": VERSIONS["tensorflow"]}),
}
_ALIASES = {
    "tensorflow.keras": "keras",
    "tensorflow.python.keras": "keras",
    "tf_keras": "keras",
    "tensorflow.compat.v2": "tensorflow",
    "tensorflow.optimizers": "keras.optimizers",
    "tensorflow.python.framework.ops": "tensorflow",
    **{f"keras.layers.{name}": "keras.layers" for name in _MERGED_LAYERS},
    "keras.engine": "keras",
    "keras.engine.topology": "keras",
    "keras.engine.training": "keras",
    "keras.api": "keras",
    "keras.mixed_precision.experimental": "keras.mixed_precision",
    "keras.objectives": "keras.losses",
    "keras.optimizer_v2": "keras.optimizers",
    "keras.optimizers.experimental": "keras.optimizers",
    "keras.optimizers.legacy": "keras.optimizers",
    **{
        f"keras.utils.{name}": "keras.utils"
        for name in ("data_utils", "generic_utils", "io_utils", "np_utils", "vis_utils")
    },
}
CATALOGUE = Catalogue(
    {**_KERAS, **_TENSORFLOW, "tensorflow_datasets": Namespace(TENSORFLOW_DATASETS)},
    _ALIASES,
    HINTS,
)
