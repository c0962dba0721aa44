"""When `function` traces again, and when it does not."""

from __future__ import annotations

import torch

from treadle import function


def test_reduce_retracing_traces_shapes_that_come_again():
    calls = []

    @function(reduce_retracing=True)
    def double(x):
        calls.append(len(x))
        return 2 * x

    for size in (4, 5, 6, 5, 5, 4, 7):
        assert double(torch.ones(size)).tolist() == [2.0] * size
    # 4: the first signature; 5: when it came again; 6 and 7 came once, and ran eagerly.
    assert double.trace_count == 2
    assert calls == [4, 5, 6, 5, 7]
