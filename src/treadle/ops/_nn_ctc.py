"""Connectionist temporal classification: its loss, and the likeliest labels of a sequence."""

from __future__ import annotations

import heapq
import math
from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._convert import as_floating, as_tensor


@_core.recorded
def ctc_loss(
    target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0
) -> torch.Tensor:
    """Return -log of the probability of labels, over all ways to lay them out in time.

    Args:
        target: (batch, labels): classes.
        output: (batch, steps, classes): logits.
        target_length: (batch,): how many labels count.
        output_length: (batch,): how many steps count.
        mask_index: The class of the blank.

    Returns:
        (batch,).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.ctc_loss([[1]], torch.zeros(1, 2, 2), [1], [2])
        tensor([0.2877])

    Reference:
        Graves et al., 2006, Connectionist Temporal Classification.
    """
    chances = torch.log_softmax(as_floating(output), -1).transpose(0, 1)  # (steps, batch, classes)
    labels, counts, steps = (
        as_tensor(value).long() for value in (target, target_length, output_length)
    )
    return functional.ctc_loss(
        chances, labels, steps, counts, blank=mask_index, reduction="none", zero_infinity=False
    )


@_core.recorded
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the likeliest labels of sequences.

    Args:
        inputs: (batch, steps, classes): logits.
        sequence_lengths: (batch,): how many steps count.
        strategy: `"greedy"` (the likeliest class of each step) or `"beam_search"` (over all ways to lay labels out).
        beam_width: How many beginnings are followed at once, for `"beam_search"`.
        top_paths: How many results per sequence, for `"beam_search"`.
        merge_repeated: Whether a class that follows itself is one label, for `"greedy"`; a beam search always
            merges these.
        mask_index: The class of the blank.

    Returns:
        Labels (top_paths, batch, steps), int32, filled up with -1, and scores (batch, top_paths): for
        `"beam_search"` log-probabilities, for `"greedy"` the sum of the largest logits with a minus.

    Raises:
        ValueError: for an unknown strategy.

    Example:
        >>> import torch, treadle
        >>> logits = torch.tensor([[[0.0, 9.0], [0.0, 9.0], [9.0, 0.0], [0.0, 9.0]]])
        >>> labels, _ = treadle.ops.ctc_decode(logits, [4])
        >>> labels
        tensor([[[ 1,  1, -1, -1]]], dtype=torch.int32)

    Reference:
        Graves, 2012, Supervised Sequence Labelling with Recurrent Neural Networks, chapter 7.
    """
    logits, lengths = as_floating(inputs), as_tensor(sequence_lengths).long()
    if strategy == "greedy":
        return _greedy(logits, lengths.to(logits.device), merge_repeated, mask_index)
    if strategy != "beam_search":
        raise _core.unknown_name(
            "strategy of ops.ctc_decode", str(strategy), ("greedy", "beam_search")
        )
    chances = torch.log_softmax(logits.double(), -1).tolist()
    batch, steps = logits.shape[:2]
    labels = torch.full((top_paths, batch, steps), -1, dtype=torch.int32)
    scores = torch.full((batch, top_paths), -math.inf, dtype=logits.dtype)
    for row, (rows, length) in enumerate(zip(chances, lengths.tolist(), strict=True)):
        for rank, (path, score) in enumerate(
            _beams(rows[:length], beam_width, mask_index)[:top_paths]
        ):
            labels[rank, row, : len(path)] = torch.tensor(path, dtype=torch.int32)
            scores[row, rank] = score
    return labels.to(logits.device), scores.to(logits.device)


def _greedy(
    logits: torch.Tensor, lengths: torch.Tensor, merge: bool, blank: int
) -> tuple[torch.Tensor, torch.Tensor]:
    best, classes = logits.max(-1)  # each (batch, steps)
    steps = torch.arange(classes.shape[1], device=classes.device)
    counts = steps < lengths[:, None]
    kept = counts & (classes != blank)
    if merge:
        kept[:, 1:] &= classes[:, 1:] != classes[:, :-1]
    # What is kept comes first, in order, as sorting is stable.
    order = kept.logical_not().to(torch.int8).sort(dim=-1, stable=True).indices
    labels = torch.where(kept, classes, -1).gather(1, order)
    return labels[None].int(), -(best * counts).sum(-1, keepdim=True)


def _beams(rows: list[list[float]], width: int, blank: int) -> list[tuple[tuple[int, ...], float]]:
    """Return the likeliest labels with their log-probabilities, best first.

    Of each beginning two log-probabilities are known: that it ends in a blank, and that it ends in its last label.
    """
    known: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -math.inf)}
    for row in rows:
        grown: dict[tuple[int, ...], tuple[float, float]] = {}
        for path, (in_blank, in_label) in known.items():
            both = _log_add(in_blank, in_label)
            again = in_label + row[path[-1]] if path else -math.inf
            _add(grown, path, both + row[blank], again)
            for label, chance in enumerate(row):
                if label != blank:
                    before = in_blank if path and label == path[-1] else both
                    _add(grown, (*path, label), -math.inf, before + chance)
        best = heapq.nlargest(width, grown.items(), key=lambda item: _log_add(*item[1]))
        known = dict(best)
    found = [(path, _log_add(*chances)) for path, chances in known.items()]
    return sorted(found, key=lambda item: -item[1])


def _add(
    grown: dict[tuple[int, ...], tuple[float, float]],
    path: tuple[int, ...],
    in_blank: float,
    in_label: float,
) -> None:
    old = grown.get(path, (-math.inf, -math.inf))
    grown[path] = (_log_add(old[0], in_blank), _log_add(old[1], in_label))


def _log_add(a: float, b: float) -> float:
    high, low = (a, b) if a > b else (b, a)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
