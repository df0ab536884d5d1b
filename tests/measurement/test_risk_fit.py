"""Fitting finds the weights that made the labels, and never invents some where labels are few."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import expit

from gatehouse.errors import GatehouseError
from gatehouse.measurement.risk_fit import RiskModel, _loss, fit, label_error, log_odds
from gatehouse.measurement.risk_samples import RiskSamples, as_samples, join_samples

TRUE = RiskModel(-3.0, 5.0, {"strong": 1.5, "weak": 0.2, "noise": 0.0})
PRIOR = RiskModel(-5.0, 5.0, {"strong": 0.8, "weak": 0.8, "noise": 0.8, "unseen": 0.7})


def made(
    count: int, seed: int, model: RiskModel = TRUE, readings: int = 1, error: float = 0.0
) -> RiskSamples:
    """Actors with random evidence, violating by the model, read by reviewers who err."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"{actor:05d}", policy, kind, severity, rng.exponential(0.7))
        for actor in range(count)
        for policy, severity in (("fraud", 1.0), ("spam", 0.7))
        for kind in ("strong", "weak", "noise")
        if rng.random() < 0.25
    ]
    names = ("sample_id", "policy_code", "signal_kind_code", "severity_weight", "amount")
    evidence = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    actors = np.array([f"{actor:05d}" for actor in range(count)])
    ones = np.ones(count)
    blank = as_samples(actors, actors, ones, np.zeros(count), ones, evidence)
    violating = rng.random(count) < expit(log_odds(model, blank))
    wrong = rng.random((readings, count)) < error
    said = (violating ^ wrong).sum(axis=0).astype(float)
    return as_samples(actors, actors, readings * ones, said, ones, evidence)


def test_finds_the_weights_behind_the_labels() -> None:
    found = fit(made(20_000, 1), PRIOR, 1e-3)
    assert found.intercept == pytest.approx(TRUE.intercept, abs=0.15)
    reach = {kind: found.gain * weight for kind, weight in found.weights.items()}
    assert reach["strong"] == pytest.approx(7.5, rel=0.2)
    assert reach["weak"] == pytest.approx(1.0, rel=0.35)
    assert reach["noise"] < 0.3
    # No label speaks of it: it stays.
    assert found.weights["unseen"] == PRIOR.weights["unseen"]


def test_weights_of_labels_undo_the_way_they_were_drawn() -> None:
    everybody = made(20_000, 2)
    rng = np.random.default_rng(3)
    # Reviewers see every violating actor, and one in ten of the others.
    chance = np.where(everybody.is_violating > 0, 1.0, 0.1)
    seen = rng.random(len(everybody)) < chance
    biased = everybody.part(seen)
    weight = 1 / chance[seen]
    weighted = RiskSamples(**{**vars(biased), "weight": weight / weight.mean()})
    assert fit(weighted, PRIOR, 1e-3).intercept == pytest.approx(TRUE.intercept, abs=0.25)
    assert fit(biased, PRIOR, 1e-3).intercept > TRUE.intercept + 1


def test_errors_of_reviewers_are_not_taken_for_abuse() -> None:
    samples = made(20_000, 8, readings=2, error=0.06)
    error = label_error(samples)
    assert error == pytest.approx(0.06, abs=0.005)
    assert fit(samples, PRIOR, error).intercept == pytest.approx(TRUE.intercept, abs=0.2)
    # Single readings taken at their word say that abuse is more common.
    once = made(20_000, 8, error=0.06)
    assert fit(once, PRIOR, 1e-3).intercept > TRUE.intercept + 0.5
    assert fit(once, PRIOR, error).intercept == pytest.approx(TRUE.intercept, abs=0.3)


def test_reviewers_who_never_judge_the_same_account_tell_nothing_of_their_errors() -> None:
    assert label_error(made(500, 9, error=0.2)) == pytest.approx(1e-3)


def test_the_gradient_is_that_of_the_loss() -> None:
    samples = made(300, 4)
    start = np.array([-5.0, 5.0, 0.8, 0.8, 0.8])
    at = np.array([-3.3, 4.1, 0.3, 0.9, 0.1])
    error = check_grad(
        lambda x: _loss(x, start, samples, samples.kind, 0.05)[0],
        lambda x: _loss(x, start, samples, samples.kind, 0.05)[1],
        at,
    )
    assert error < 1e-2


def test_few_labels_are_refused() -> None:
    with pytest.raises(GatehouseError, match="too few"):
        fit(made(90, 5), PRIOR, 1e-3)
    with pytest.raises(GatehouseError, match="too few"):
        fit(made(500, 6, RiskModel(-12.0, 0.5, {})), PRIOR, 1e-3)


def test_a_part_is_what_those_samples_are_alone() -> None:
    samples = made(200, 7)
    chosen = np.arange(200) % 3 == 0
    np.testing.assert_allclose(
        log_odds(TRUE, samples)[chosen], log_odds(TRUE, samples.part(chosen))
    )


def test_joined_samples_are_scored_as_each_alone() -> None:
    one, two = made(100, 10), made(50, 11)
    few = two.part(np.arange(50) < 3)
    joined = join_samples([one, few])
    np.testing.assert_allclose(
        log_odds(TRUE, joined), np.concatenate([log_odds(TRUE, one), log_odds(TRUE, few)])
    )
    assert len(joined) == 103
