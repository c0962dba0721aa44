"""The whole comparison: treadle and its peers, each in its own environment, in one interleaved run."""
