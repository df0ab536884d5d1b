"""Weights of the risk score from labels: a weighted logistic regression with saturation.

The score of `user_risk` is

    log-odds = intercept + gain * sum over policies of severity * (1 - exp(-evidence)),
    evidence = sum over kinds of weight * amount,

where ``amount`` is a kind's faded, within a day saturated score. Given labels it is fitted by
maximum likelihood, each sample weighted by its inverse inclusion probability (Horvitz and Thompson,
JASA 1952), with a ridge penalty that holds a weight near its present value where labels say
nothing of it.

Reviewers err. Where abuse is rare, many an account called violating is clean, and a fit on single
labels would take mistakes for abuse. So how often reviewers err is read off accounts that two of
them judged, and is part of the likelihood (Dawid and Skene, Applied Statistics 1979, with one rate
of error for all).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from gatehouse.errors import GatehouseError
from gatehouse.measurement.risk_samples import Floats, RiskSamples

MINIMUM_LABELS = 100
MINIMUM_VIOLATING = 20
# Nobody is without error; this much is assumed of reviewers who never disagreed.
_LEAST_ERROR = 1e-3
# Of the log-likelihood per sample: a kind that a hundred weighed samples speak of moves freely.
_RIDGE = 0.5


@dataclass(frozen=True)
class RiskModel:
    """Parameters of the risk score.

    Attributes:
        intercept: log-odds of an actor without evidence.
        gain: log-odds of one policy of severity 1 at full evidence.
        weights: weight of each kind of signal.
    """

    intercept: float
    gain: float
    weights: dict[str, float]


def log_odds(model: RiskModel, samples: RiskSamples) -> Floats:
    """The score (samples,) of each sample, as `user_risk` computes it."""
    weights = np.array([model.weights.get(kind, 0.0) for kind in samples.kinds])
    evidence = np.bincount(
        samples.group,
        weights=weights[samples.kind] * samples.amount,
        minlength=len(samples.group_sample),
    )
    scores = samples.group_severity * -np.expm1(-evidence)
    total = np.bincount(samples.group_sample, weights=scores, minlength=len(samples))
    return np.asarray(model.intercept + model.gain * total, dtype=float)


def label_error(samples: RiskSamples) -> float:
    """How often a reviewer errs, from how often two judge one account differently.

    Two who err independently at rate e differ at rate 2 e (1 - e).
    """
    label, violating = samples.label_count, samples.violating_count
    pairs = float((label * (label - 1) / 2).sum())
    if not pairs:
        return _LEAST_ERROR
    differ = min(float((violating * (label - violating)).sum()) / pairs, 0.5)
    return max(_LEAST_ERROR, (1 - float(np.sqrt(1 - 2 * differ))) / 2)


def fit(samples: RiskSamples, prior: RiskModel, error: float) -> RiskModel:
    """The most likely model given the samples.

    Args:
        samples: labelled actors.
        error: how often a reviewer errs, of `label_error`.
        prior: where parameters stay that labels say nothing of, and the start of the search.

    Raises:
        GatehouseError: there are too few labels to say anything.
    """
    violating = int(samples.is_violating.sum())
    clean = len(samples) - violating
    if len(samples) < MINIMUM_LABELS or min(violating, clean) < MINIMUM_VIOLATING:
        raise GatehouseError(
            f"{len(samples)} labelled actors, {violating} violating: too few to fit on "
            f"({MINIMUM_LABELS}, and {MINIMUM_VIOLATING} of either kind, are needed).",
            next_step="review more, or go on with the weights as they are.",
        )
    kinds = sorted({*prior.weights, *samples.kinds})
    start = np.array(
        [prior.intercept, prior.gain, *(prior.weights.get(kind, 0.3) for kind in kinds)]
    )
    column = np.array([kinds.index(kind) for kind in samples.kinds], dtype=np.int64)
    kind = column[samples.kind] if len(column) else samples.kind

    def loss(parameters: Floats) -> tuple[float, Floats]:
        return _loss(parameters, start, samples, kind, error)

    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-12.0, 0.0), (0.5, 20.0), *([(0.0, 6.0)] * len(kinds))],
        options={"maxiter": 500},
    )
    values = [round(float(value), 4) for value in found.x]
    return RiskModel(values[0], values[1], dict(zip(kinds, values[2:], strict=True)))


def label_log_likelihoods(samples: RiskSamples, error: float) -> tuple[Floats, Floats]:
    """Log-probability (samples,) of the labels if the actor is violating, and if it is not."""
    right, wrong = np.log1p(-error), np.log(error)
    said, not_said = samples.violating_count, samples.label_count - samples.violating_count
    return said * right + not_said * wrong, said * wrong + not_said * right


def _loss(
    parameters: Floats,
    start: Floats,
    samples: RiskSamples,
    kind: NDArray[np.int64],
    error: float,
) -> tuple[float, Floats]:
    """Penalised weighted negative log-likelihood, and its gradient."""
    intercept, gain, weights = parameters[0], parameters[1], parameters[2:]
    groups = len(samples.group_sample)
    evidence = np.bincount(samples.group, weights[kind] * samples.amount, minlength=groups)
    remaining = np.exp(-evidence)
    scores = samples.group_severity * (1 - remaining)
    total = np.bincount(samples.group_sample, scores, minlength=len(samples))
    odds = intercept + gain * total
    if_violating, if_clean = label_log_likelihoods(samples, error)
    # log of p, and of 1 - p, without losing the small one.
    violating = if_violating - np.logaddexp(0, -odds)
    likelihood = np.logaddexp(violating, if_clean - np.logaddexp(0, odds))
    value = -float(samples.weight @ likelihood)
    slope = samples.weight * (expit(odds) - np.exp(violating - likelihood))
    # d odds / d weight = gain * severity * exp(-evidence) * amount, summed over entries.
    of_group = slope[samples.group_sample] * gain * samples.group_severity * remaining
    gradient = np.zeros_like(parameters)
    gradient[0] = slope.sum()
    gradient[1] = slope @ total
    gradient[2:] = np.bincount(
        kind, of_group[samples.group] * samples.amount, minlength=len(weights)
    )
    pull = parameters - start
    pull[0] = 0.0  # how common abuse is must be free to move
    return value + _RIDGE * float(pull @ pull), gradient + 2 * _RIDGE * pull
