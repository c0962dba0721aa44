"""Public helpers under Keras's names."""

from treadle._core import clear_session, publish, set_random_seed

__all__ = ["clear_session", "set_random_seed"]

publish(globals())
