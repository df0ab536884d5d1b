"""Calibration figures on cases that can be reckoned by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gatehouse.measurement.calibration import (
    average_precision,
    expected_calibration_error,
    reliability,
)


def test_error_is_the_weighted_distance_of_predicted_from_observed() -> None:
    probability = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9])
    positive = np.array([1.0, 0, 0, 0, 1, 1])
    found = reliability(probability, positive, bins=10)
    assert [(round(b.predicted, 3), round(b.observed, 3)) for b in found] == [(0.1, 0.25), (0.9, 1)]
    assert expected_calibration_error(found) == pytest.approx(4 / 6 * 0.15 + 2 / 6 * 0.1)


def test_weights_count_as_so_many_samples() -> None:
    probability, positive = np.array([0.2, 0.2]), np.array([1.0, 0.0])
    weighted = reliability(probability, positive, np.array([1.0, 3.0]))
    repeated = reliability(np.full(4, 0.2), np.array([1.0, 0, 0, 0]))
    assert weighted == repeated


def test_average_precision_by_hand_and_with_ties() -> None:
    score, positive = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1.0, 0, 1, 0])
    assert average_precision(score, positive) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert average_precision(np.ones(4), positive) == pytest.approx(0.5)
    assert average_precision(score, np.zeros(4)) is None
