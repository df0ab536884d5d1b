"""How far probabilities can be taken at their word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """Samples of about one probability.

    Attributes:
        weight: share of all samples, by their weights.
        predicted: their mean probability.
        observed: share of them that is positive.
    """

    weight: float
    predicted: float
    observed: float


def reliability(
    probability: Floats, is_positive: Floats, weight: Floats | None = None, bins: int = 15
) -> list[Bin]:
    """Predicted beside observed, in bins of equal width; empty bins are left out.

    Args:
        probability: (n,) 0 to 1.
        is_positive: (n,) 0 or 1.
        weight: (n,) default 1 each.
        bins: how many bins of equal width.
    """
    if not len(probability):
        return []
    weight = np.ones(len(probability)) if weight is None else weight
    number = np.minimum((probability * bins).astype(int), bins - 1)
    total = np.bincount(number, weight, bins)
    predicted = np.bincount(number, weight * probability, bins)
    observed = np.bincount(number, weight * is_positive, bins)
    return [
        Bin(total[b] / total.sum(), predicted[b] / total[b], observed[b] / total[b])
        for b in np.flatnonzero(total)
    ]


def expected_calibration_error(found: list[Bin]) -> float:
    """Mean distance of predicted from observed (Naeini, Cooper and Hauskrecht, AAAI 2015)."""
    return float(sum(each.weight * abs(each.predicted - each.observed) for each in found))


def average_precision(
    score: Floats, is_positive: Floats, weight: Floats | None = None
) -> float | None:
    """Area under the precision-recall curve by steps; ties count as one threshold.

    None where nothing is positive: no ranking is better than another then.
    """
    weight = np.ones(len(score)) if weight is None else weight
    if not (weight * is_positive).sum():
        return None
    order = np.argsort(-score, kind="stable")
    gained = np.cumsum((weight * is_positive)[order])
    looked_at = np.cumsum(weight[order])
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    precision = gained[ends] / looked_at[ends]
    recall = gained[ends] / gained[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))
