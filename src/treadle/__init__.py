"""Treadle: train PyTorch models the Keras way."""
