"""Divergences and hinges, as running means over samples."""

from __future__ import annotations

from typing import Any

from treadle import losses
from treadle.metrics._family import metric
from treadle.metrics._regression import RegressionMetric


@metric()
class KLDivergence(RegressionMetric):
    """The mean of the Kullback-Leibler divergence, sum_c y_c log(y_c / p_c).

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.KLDivergence()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
        tensor(0.4581)
    """

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


@metric()
class Poisson(RegressionMetric):
    """The mean of p - y log p, for counts y.

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.Poisson()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
        tensor(0.5000)
    """

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.poisson, name, dtype)


@metric()
class Hinge(RegressionMetric):
    """The mean of max(1 - y p, 0), for labels y of -1 and 1 (or 0 and 1).

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.Hinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
        tensor(1.3000)
    """

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.hinge, name, dtype)


@metric()
class SquaredHinge(RegressionMetric):
    """The mean of max(1 - y p, 0)^2, for labels y of -1 and 1 (or 0 and 1).

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.SquaredHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
        tensor(1.8600)
    """

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


@metric()
class CategoricalHinge(RegressionMetric):
    """The mean of max(1 + max_wrong p - p_right, 0), for one-hot targets.

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.CategoricalHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
        tensor(1.4000)
    """

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)
