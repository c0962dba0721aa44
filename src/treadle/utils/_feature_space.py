"""`FeatureSpace`: a table's columns, each prepared by a layer of its own, as one vector."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from treadle import _core, graph, layers


@dataclasses.dataclass
class Feature:
    """What `FeatureSpace` does with a column: see its static methods."""

    dtype: str
    preprocessor: Any
    output_mode: str


@dataclasses.dataclass
class Cross:
    """Columns that are hashed together: see `FeatureSpace.cross`."""

    feature_names: Sequence[str]
    crossing_dim: int
    output_mode: str = "one_hot"

    @property
    def name(self) -> str:
        """The columns' names, joined."""
        return "_X_".join(self.feature_names)


class FeatureSpace:
    """Prepares the columns of a table: scales, bins, numbers or hashes each, and crosses some.

    Args:
        features: For each column the name of a kind (`"float"`, `"float_normalized"`, `"string_categorical"`, ...)
            or what the static method of that name returned.
        output_mode: `"concat"`, one vector per row: columns by alphabet, then crosses; or `"dict"`.
        crosses: Tuples of column names to be hashed together, or what `FeatureSpace.cross` returned.
        crossing_dim: The number of bins of crosses.
        hashing_dim: The number of bins of hashed columns.
        num_discretization_bins: The number of bins of discretized columns.
        name: A name.

    Raises:
        ValueError: for unknown kinds and columns, and for indices in a concatenated vector.

    Example:
        >>> import treadle
        >>> table = {"size": [0.0, 2.0], "color": ["red", "blue"]}
        >>> space = treadle.utils.FeatureSpace(
        ...     {"size": "float_normalized", "color": "string_categorical"}
        ... )
        >>> space.adapt(table)
        >>> space(table)
        tensor([[ 0.,  1.,  0., -1.],
                [ 0.,  0.,  1.,  1.]])

    Reference:
        Keras 3 API, `keras.utils.FeatureSpace`.
    """

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Sequence[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        self.name = name or _core.unique_name("feature_space")
        self.output_mode = output_mode
        defaults = {
            "float_discretized": (num_discretization_bins,),
            "integer_hashed": (hashing_dim,),
            "string_hashed": (hashing_dim,),
        }
        self.features = {key: _feature(given, defaults) for key, given in features.items()}
        self.crosses = [
            cross if isinstance(cross, Cross) else Cross(tuple(cross), crossing_dim)
            for cross in crosses or ()
        ]
        self.preprocessors = {key: part.preprocessor for key, part in self.features.items()}
        self.crossers = {
            cross.name: layers.HashedCrossing(cross.crossing_dim, name=cross.name)
            for cross in self.crosses
        }
        self._check()
        self._inputs: dict[str, graph.SymbolicTensor] | None = None

    def _check(self) -> None:
        if self.output_mode not in ("concat", "dict"):
            raise _core.unknown_name("output mode", str(self.output_mode), ["concat", "dict"])
        for cross in self.crosses:
            for column in cross.feature_names:
                if column not in self.features:
                    raise _core.unknown_name("feature", column, self.features)
        indices = [
            key
            for key, part in [*self.features.items(), *((c.name, c) for c in self.crosses)]
            if part.output_mode == "int"
        ]
        if self.output_mode == "concat" and indices:
            raise ValueError(
                _core.explain(
                    f"The indices of {indices[0]!r} cannot be part of one vector.",
                    expected='output_mode="one_hot" for it, or output_mode="dict" for the FeatureSpace',
                    got='output_mode="int" and "concat"',
                )
            )

    # ---- kinds of columns

    @staticmethod
    def feature(dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """Return a column of a dtype, prepared by a layer; `output_mode` is `"float"`, `"int"` or `"one_hot"`."""
        return Feature(dtype, preprocessor, output_mode)

    @staticmethod
    def float(name: str | None = None) -> Feature:
        """Return a column of numbers, taken as they are."""
        return Feature("float32", layers.Identity(name=name), "float")

    @staticmethod
    def float_rescaled(scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        """Return a column of numbers, of which `scale * x + offset` is taken."""
        return Feature("float32", layers.Rescaling(scale, offset, name=name), "float")

    @staticmethod
    def float_normalized(name: str | None = None) -> Feature:
        """Return a column of numbers, shifted and scaled by their mean and variance."""
        return Feature("float32", layers.Normalization(name=name), "float")

    @staticmethod
    def float_discretized(
        num_bins: int,
        bin_boundaries: Sequence[Any] | None = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of numbers, of which the bins are taken."""
        bins = None if bin_boundaries is not None else num_bins
        return Feature(
            "float32", layers.Discretization(bin_boundaries, bins, name=name), output_mode
        )

    @staticmethod
    def integer_categorical(
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of integers, of which each different one is a category."""
        return Feature(
            "int64", layers.IntegerLookup(max_tokens, num_oov_indices, name=name), output_mode
        )

    @staticmethod
    def string_categorical(
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of strings, of which each different one is a category."""
        return Feature(
            "string", layers.StringLookup(max_tokens, num_oov_indices, name=name), output_mode
        )

    @staticmethod
    def integer_hashed(
        num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a column of integers, put into bins by their hash."""
        return Feature("int64", layers.Hashing(num_bins, name=name), output_mode)

    @staticmethod
    def string_hashed(
        num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a column of strings, put into bins by their hash."""
        return Feature("string", layers.Hashing(num_bins, name=name), output_mode)

    @staticmethod
    def cross(
        feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"
    ) -> Cross:
        """Return columns that are hashed together into `crossing_dim` bins."""
        return Cross(tuple(feature_names), crossing_dim, output_mode)

    # ---- use

    def adapt(self, dataset: Any) -> None:
        """Let the layers learn from a table: a dict of columns, or a data set of such dicts (rows or batches).

        Raises:
            DataError: for an iterator, which can be read only once, and for other elements.
        """
        elements: Iterable[Any] = [dataset] if isinstance(dataset, Mapping) else dataset
        if iter(elements) is elements:
            raise _core.DataError(
                _core.explain(
                    f"{self.name!r} has to read the data once for each column.",
                    expected="a dict of columns, or a data set of dicts",
                    got=f"{type(dataset).__name__}, which can be read once",
                    fix="treadle.data.Dataset.from_generator(...)",
                )
            )
        for key, part in self.features.items():
            known = getattr(part.preprocessor, "_given", None) not in (None, False)
            if hasattr(part.preprocessor, "adapt") and not known:
                part.preprocessor.adapt(self._columns(elements, key))

    def _columns(self, elements: Iterable[Any], key: str) -> Iterable[Any]:
        for element in elements:
            yield self._column(element, key)[0]

    def _column(self, element: Any, key: str) -> tuple[Any, bool]:
        """Return a column (batch, 1), and whether it was one of a single row."""
        if not isinstance(element, Mapping) or key not in element:
            raise _core.DataError(
                _core.explain(
                    f"{self.name!r} misses the column {key!r}.",
                    expected=f"dicts with the keys {list(self.features)}",
                    got=f"the keys {list(element)}"
                    if isinstance(element, Mapping)
                    else type(element).__name__,
                    fix="" if isinstance(element, Mapping) else "dataset.map(lambda x, y: x)",
                )
            )
        value = element[key]
        dtype = self.features[key].dtype
        if dtype == "string":
            array: Any = np.asarray(value)
        else:
            array = torch.as_tensor(value if isinstance(value, torch.Tensor) else np.asarray(value))
            if array.is_floating_point() or dtype.startswith("float"):
                array = array.to(torch.float32)
        single = array.ndim == 0
        return (array.reshape(-1, 1) if array.ndim < 2 else array), single

    def __call__(self, data: Mapping[str, Any]) -> Any:
        """Return a row, or a batch of rows, as a vector each (or a dict of encoded columns)."""
        pairs = {key: self._column(data, key) for key in self.features}
        outputs = self._encoded({key: column for key, (column, _) in pairs.items()})
        if all(single for _, single in pairs.values()):
            return _core.map_structure(lambda leaf: leaf[0], outputs)
        return outputs

    def _encoded(self, columns: Mapping[str, Any]) -> Any:
        prepared = {key: part.preprocessor(columns[key]) for key, part in self.features.items()}
        encoded: dict[str, Any] = {}
        for key in sorted(self.features):
            vectors = self.features[key].output_mode == "one_hot"
            value = prepared[key]
            encoded[key] = _vectors(value, self.preprocessors[key]) if vectors else value
        for cross in self.crosses:
            crosser = self.crossers[cross.name]
            # Their indices are crossed, not the columns themselves, as in Keras.
            value = crosser(tuple(prepared[key] for key in cross.feature_names))
            encoded[cross.name] = (
                _vectors(value, crosser) if cross.output_mode == "one_hot" else value
            )
        if self.output_mode == "dict":
            return encoded
        return torch.cat([value.to(torch.float32) for value in encoded.values()], dim=-1)

    def get_inputs(self) -> dict[str, Any]:
        """Return an `Input` of shape (1,) for each column, for functional models."""
        if self._inputs is None:
            self._inputs = {
                key: layers.Input((1,), dtype=part.dtype, name=key)
                for key, part in self.features.items()
            }
        return self._inputs

    def get_encoded_features(self) -> Any:
        """Return what becomes of `get_inputs()`, symbolically; a model of both can be saved."""
        return self._encoded(self.get_inputs())


def _feature(given: Any, defaults: Mapping[str, tuple[int, ...]]) -> Feature:
    if isinstance(given, Feature):
        return given
    kinds = (
        "float",
        "float_rescaled",
        "float_normalized",
        "float_discretized",
        "integer_categorical",
        "string_categorical",
        "integer_hashed",
        "string_hashed",
    )
    if given not in kinds:
        raise _core.unknown_name("kind of feature", str(given), kinds)
    return getattr(FeatureSpace, given)(*defaults.get(given, ()))


def _vectors(indices: Any, layer: Any) -> Any:
    """Return the one-hot vectors of what a layer numbered."""
    if isinstance(layer, (layers.IntegerLookup, layers.StringLookup)):
        size = layer.vocabulary_size()
    else:
        size = layer.num_bins or len(layer.bin_boundaries) + 1
    return layers.CategoryEncoding(size, "one_hot")(indices)
