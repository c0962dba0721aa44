"""Functions of tensors under Keras's names: thin names over torch that also work on symbolic tensors."""

from treadle._core import publish

__all__: list[str] = []

publish(globals())
