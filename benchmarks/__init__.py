"""Benchmarks: treadle beside its peers in one run; `python -m benchmarks.mlp` and its like."""
