"""Computing in short floats: policies under their old names, and the optimizer that scales the loss."""

from treadle._core import DTypePolicy, dtype_policy, publish, set_dtype_policy
from treadle._core import DTypePolicy as Policy
from treadle._core import dtype_policy as global_policy
from treadle._core import set_dtype_policy as set_global_policy
from treadle.optimizers import LossScaleOptimizer

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

publish(globals())
