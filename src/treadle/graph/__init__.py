"""Symbolic tensors that record plain torch calls, and the programs made of what they recorded."""

from treadle._core import publish
from treadle.graph._flat_program import FlatProgram, flatten_program, restore_program
from treadle.graph._modules import RecordsItself, inference_mode_of, unwatch_modules, watch_modules
from treadle.graph._probe import probes_without_memory, real_tensors
from treadle.graph._program import Program, replay_symbolically
from treadle.graph._symbolic import (
    Node,
    Symbolic,
    SymbolicTensor,
    has_symbolic,
    make_input,
    map_leaves,
    record,
)

__all__ = ["SymbolicTensor"]

publish(globals())
