"""Fitting the risk weights on a home's labels, and the model card that goes with them."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.special import expit

from gatehouse.errors import GatehouseError
from gatehouse.gate.published import open_certified
from gatehouse.measurement.calibration import (
    average_precision,
    expected_calibration_error,
    reliability,
)
from gatehouse.measurement.risk_fit import RiskModel, fit, label_error, log_odds
from gatehouse.measurement.risk_samples import Fading, Floats, RiskSamples, read_samples
from gatehouse.settings import Settings

# A fifth of the actors, by their hash: the same ones whenever it is fitted again.
_HELD_OUT = 5


@dataclass(frozen=True)
class RiskFit:
    """A fit, and how it does on actors that it has not seen.

    Attributes:
        version: version of the fitted weights; one above the present ones.
        before: present parameters.
        after: fitted parameters.
        labels: labelled actors.
        violating: of them, violating by most of their reviewers.
        label_error: how often a reviewer errs.
        kinds: labelled actors with evidence, by kind of signal.
        figures: by figure, its value for the present and for the fitted weights, on held-out
            actors; None where there was too little to say.
        labelled_to: day of the newest label.
    """

    version: int
    before: RiskModel
    after: RiskModel
    labels: int
    violating: int
    label_error: float
    kinds: dict[str, int]
    figures: dict[str, tuple[float | None, float | None]]
    labelled_to: date

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "version": self.version,
            "labels": self.labels,
            "violating": self.violating,
            "label_error": self.label_error,
            "labelled_to": self.labelled_to,
            "parameters": self.rows(),
            "held_out": {name: list(pair) for name, pair in self.figures.items()},
        }

    def rows(self) -> list[dict[str, Any]]:
        """Parameter by parameter, before and after."""
        names = [*self.after.weights]
        head = [
            {"parameter": "intercept", "before": self.before.intercept},
            {"parameter": "gain", "before": self.before.gain},
        ]
        head[0]["after"], head[1]["after"] = self.after.intercept, self.after.gain
        weights = [
            {
                "parameter": name,
                "before": self.before.weights.get(name),
                "after": self.after.weights[name],
                "actors": self.kinds.get(name, 0),
            }
            for name in names
        ]
        return head + weights


def fit_risk(settings: Settings) -> RiskFit:
    """Fit the weights of the risk score on the labels of the certified tables.

    Raises:
        GatehouseError: nothing is certified, or there are too few labels.
    """
    connection = open_certified(settings)
    try:
        samples = read_samples(connection, read_fading(settings))
        row = connection.execute(
            "select cast(max(labelled_at) as date) from fct_review_decisions"
        ).fetchone()
    finally:
        connection.close()
    return fit_samples(settings, samples, row[0] if row else date.min)


def fit_samples(settings: Settings, samples: RiskSamples, labelled_to: date) -> RiskFit:
    """Fit the weights of the risk score on samples.

    Args:
        settings: whose present weights are the prior.
        samples: labelled actors.
        labelled_to: day of the newest label.

    Raises:
        GatehouseError: there are too few labels.
    """
    version, before = read_weights(settings)
    error = label_error(samples)
    after = fit(samples, before, error)
    held_out = np.array([_bucket(str(actor)) == 0 for actor in samples.actor])
    # What a figure is held against has to be right: where reviewers differ it may not be.
    test, training = samples.part(held_out & samples.is_agreed), samples.part(~held_out)
    trained = fit(training, before, label_error(training))
    spoken = np.unique(np.column_stack((samples.sample, samples.kind)), axis=0)[:, 1]
    counts = np.bincount(spoken, minlength=len(samples.kinds))
    return RiskFit(
        version=version + 1,
        before=before,
        after=after,
        labels=len(samples),
        violating=int(samples.is_violating.sum()),
        label_error=round(error, 4),
        kinds=dict(zip(samples.kinds, map(int, counts), strict=True)),
        figures=_figures(test, before, trained),
        labelled_to=labelled_to,
    )


def _bucket(actor: str) -> int:
    return hashlib.sha256(actor.encode()).digest()[0] % _HELD_OUT


def _figures(
    test: RiskSamples, before: RiskModel, after: RiskModel
) -> dict[str, tuple[float | None, float | None]]:
    probabilities = [expit(log_odds(model, test)) for model in (before, after)]
    found: dict[str, tuple[float | None, float | None]] = {}
    for name, figure in (
        ("log loss", _log_loss),
        ("expected calibration error", _calibration_error),
        ("average precision", _precision),
    ):
        first, second = (figure(each, test) for each in probabilities)
        found[name] = (first, second)
    return found


def _log_loss(probability: Floats, test: RiskSamples) -> float | None:
    if not len(test):
        return None
    likelihood = np.where(test.is_violating > 0, probability, 1 - probability)
    return float(np.average(-np.log(likelihood), weights=test.weight))


def _calibration_error(probability: Floats, test: RiskSamples) -> float | None:
    found = reliability(probability, test.is_violating, test.weight)
    return expected_calibration_error(found) if found else None


def _precision(probability: Floats, test: RiskSamples) -> float | None:
    return average_precision(probability, test.is_violating, test.weight)


def weights_file(settings: Settings) -> Path:
    """The seed that holds the weights."""
    return settings.dbt_project / "seeds" / "risk_weights.csv"


def read_weights(settings: Settings) -> tuple[int, RiskModel]:
    """The present weights and their version.

    Raises:
        GatehouseError: the seed lacks a parameter or holds several versions.
    """
    path = weights_file(settings)
    with path.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    versions = {int(row["model_version"]) for row in rows}
    values = {row["parameter_code"]: float(row["parameter_value"]) for row in rows}
    if len(versions) != 1 or not {"intercept", "gain"} <= values.keys():
        raise GatehouseError(
            f"{path} does not hold one version with intercept and gain.",
            next_step=f"git checkout -- {path}",
        )
    intercept, gain = values.pop("intercept"), values.pop("gain")
    return versions.pop(), RiskModel(intercept, gain, values)


def read_fading(settings: Settings) -> Fading:
    """How evidence grows old, from the dbt project."""
    project = yaml.safe_load((settings.dbt_project / "dbt_project.yml").read_text("utf-8"))
    path = settings.dbt_project / "seeds" / "signal_kinds.csv"
    with path.open(encoding="utf-8", newline="") as file:
        half_lives = {
            row["signal_kind_code"]: int(row["half_life_days"])
            for row in csv.DictReader(file)
            if row["half_life_days"]
        }
    return Fading(int(project["vars"]["risk_lookback_days"]), half_lives)


def write_fit(settings: Settings, found: RiskFit) -> list[Path]:
    """Write the fitted weights and their model card into the project, for review in git."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model_version", "parameter_code", "parameter_value"))
    for row in found.rows():
        writer.writerow((found.version, row["parameter"], row["after"]))
    weights = weights_file(settings)
    weights.write_text(text.getvalue(), "utf-8")
    card = settings.project / "docs" / "reference" / "risk-model.md"
    card.parent.mkdir(parents=True, exist_ok=True)
    card.write_text(_card(found), "utf-8")
    return [weights, card]


def _card(found: RiskFit) -> str:
    parameters = "\n".join(
        f"| `{row['parameter']}` | {_shown(row['before'])} | {_shown(row['after'])} "
        f"| {row.get('actors', '')} |"
        for row in found.rows()
    )
    figures = "\n".join(
        f"| {name} | {_shown(before)} | {_shown(after)} |"
        for name, (before, after) in found.figures.items()
    )
    return _CARD.format(
        version=found.version,
        labels=found.labels,
        violating=found.violating,
        error=found.label_error,
        labelled_to=found.labelled_to,
        parameters=parameters,
        figures=figures,
    )


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


_CARD = """# Model card: user risk, version {version}

Written by `gatehouse risk fit --write`. Change nothing here by hand.

## What it says

How likely it is that a reviewer who looked at the actor would find a violation, given the evidence
of `abuse_signals` up to a day. It ranks actors for people to look at and sets tiers; it decides
nothing by itself, and nothing irreversible may rest on it alone.

## How

    log-odds = intercept + gain * Σ over policies of severity * (1 - exp(-evidence))
    evidence = Σ over kinds of signal of weight * what is left of each day's signals

A day's signals of a kind saturate, 1 - exp(-Σ score), and fade by the half-life of their policy
(`dim_policies`), or of their kind where it has one (`signal_kinds`). Fitted by maximum likelihood
on reviewers' decisive labels of whole accounts, one sample per account and day, each weighted by
its inverse inclusion probability, with a ridge penalty towards the version before.

## From what

{labels} labelled account-days, {violating} of them violating, labels up to {labelled_to}. Evidence
of the day of a label is left out: it may be the label's consequence. Absent labels count as
nothing. A reviewer errs in {error:.1%} of judgements, by how often two judged one account
differently; the likelihood reckons with it.

| parameter | before | after | labelled actors with it |
| --- | ---: | ---: | ---: |
{parameters}

## How well, on a fifth of the actors that the fit did not see

Of those that two reviewers or more judged alike.

| figure | before | after |
| --- | ---: | ---: |
{figures}

Against ground truth, other seeds and later time: `make measure NAME=calibration`,
[measurements](../measurements.md).

## What it does not know

- Anything that makes no signal. An actor without evidence has the intercept's probability, which is
  how common abuse is among such actors, and no clearance.
- Protected traits, country and plan are no inputs; how new the account is, is one. Calibration by
  country, plan and age of the account is measured.
- Labels err: chance errors are reckoned with, a bias that all reviewers share is learned with the
  rest.
- A kind of signal that no labelled actor has keeps its weight: it is not fitted.
- Shipped weights are fitted on simulated traffic, where far more of the newcomers are abusive than
  of everybody ([how many](../concepts/simulated-world.md)), and where reviewers err at random. Fit
  them on your own labels before you act on tiers.
"""
