"""What every room stands on: errors, registries, recorded constructors, trees, random streams, precision."""

from treadle._core._engine import scalar_gradients
from treadle._core._errors import (
    DataError,
    ShapeError,
    StateError,
    TreadleError,
    TreadleWarning,
    UnknownNameError,
    explain,
    nearest,
    unknown_name,
)
from treadle._core._facade import publish
from treadle._core._gradients import GRADIENT_LOOKS, warn_if_kept
from treadle._core._logits import recall_logits, remember_logits
from treadle._core._masks import recall_mask, remember_mask
from treadle._core._names import clear_session, names_kept, snake_case, unique_name
from treadle._core._precision import (
    DTypePolicy,
    check_data_format,
    dtype_policy,
    epsilon,
    floatx,
    get_policy,
    image_data_format,
    set_dtype_policy,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    settings,
    standardize_dtype,
    torch_dtype,
)
from treadle._core._random import (
    OwnGenerator,
    derive_seed,
    make_generator,
    random_state,
    set_random_seed,
)
from treadle._core._recorded_calls import find_symbolic, recorded, recorded_calls
from treadle._core._recorder import Recorded, reject_unknown
from treadle._core._registry import (
    Family,
    custom_object_scope,
    deserialize,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize,
)
from treadle._core._tracing import Recorder, tracing, untraced
from treadle._core._tree import TreeSpec, flatten, leaves, map_structure, unflatten
from treadle._core._variable import StateVariable, Variable, VariableOwner, as_variable
from treadle._core._version import __version__

__all__ = [
    "GRADIENT_LOOKS",
    "DTypePolicy",
    "DataError",
    "Family",
    "OwnGenerator",
    "Recorded",
    "Recorder",
    "ShapeError",
    "StateError",
    "StateVariable",
    "TreadleError",
    "TreadleWarning",
    "TreeSpec",
    "UnknownNameError",
    "Variable",
    "VariableOwner",
    "__version__",
    "as_variable",
    "check_data_format",
    "clear_session",
    "custom_object_scope",
    "derive_seed",
    "deserialize",
    "dtype_policy",
    "epsilon",
    "explain",
    "find_symbolic",
    "flatten",
    "floatx",
    "get_policy",
    "get_registered_name",
    "get_registered_object",
    "image_data_format",
    "leaves",
    "make_generator",
    "map_structure",
    "names_kept",
    "nearest",
    "publish",
    "random_state",
    "recall_logits",
    "recall_mask",
    "recorded",
    "recorded_calls",
    "register_keras_serializable",
    "reject_unknown",
    "remember_logits",
    "remember_mask",
    "scalar_gradients",
    "serialize",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_random_seed",
    "settings",
    "snake_case",
    "standardize_dtype",
    "torch_dtype",
    "tracing",
    "unflatten",
    "unique_name",
    "unknown_name",
    "untraced",
    "warn_if_kept",
]
