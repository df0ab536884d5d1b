"""What an event asks for, how it ends, and what it costs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gatehouse.simulate.columns import Columns, Ints, pick
from gatehouse.simulate.population import PRODUCTS, Floats

EVENT_TYPES = pa.array(["request", "upload", "tool_call", "share"])
# Cumulative share of event types by product.
_TYPE_SHARES = np.array(
    [[0.955, 0.985, 0.985, 1], [0.99, 1, 1, 1], [0.93, 0.95, 0.95, 1], [0.4, 0.44, 0.99, 1]]
)
OUTCOMES = pa.array(["ok", "error", "denied", "refused"])
_OUTCOME_SHARES = np.array([0.962, 0.978, 0.992, 1])
_STATUS = np.array([200, 500, 429, 200], dtype=np.int32)
# Calibrated on the public hour of chat requests that `docs/guides/simulate.md` names.
_INPUT_LOG_MEAN, _INPUT_LOG_SIGMA, _INPUT_MAX = 6.633, 0.985, 14_050
_OUTPUT_LOG_MEAN, _OUTPUT_LOG_SIGMA, _OUTPUT_MAX = 4.86, 1.05, 1_000

_TOOLS = tuple(f"tool/{name}" for name in ("browser", "python", "files", "mail", "search", "shell"))
_PAGES = tuple(f"gallery/{number:06d}" for number in range(400))
_ENDPOINTS = ("conversation", "v1/messages", "v1/images", "v1/agents/run")
_RESOURCES = pa.array((*_ENDPOINTS, *_TOOLS, *_PAGES, "upload", "share"))
_TOOL_AT, _PAGE_AT = len(_ENDPOINTS), len(_ENDPOINTS) + len(_TOOLS)


def request_columns(product: Ints, rng: np.random.Generator) -> Columns:
    """What was asked for and how it ended, for events on the given products."""
    count = len(product)
    event_type = _choose(_TYPE_SHARES[product], rng)
    outcome = np.searchsorted(_OUTCOME_SHARES, rng.random(count, np.float32))
    worked = outcome == 0
    tokens_in = _log_normal(_INPUT_LOG_MEAN, _INPUT_LOG_SIGMA, _INPUT_MAX, count, rng)
    tokens_out = _log_normal(_OUTPUT_LOG_MEAN, _OUTPUT_LOG_SIGMA, _OUTPUT_MAX, count, rng)
    tokens_out = np.where(worked, tokens_out, 0)
    return {
        "product_code": pick(pa.array(PRODUCTS), product),
        "event_type": pick(EVENT_TYPES, event_type),
        "outcome_code": pick(OUTCOMES, outcome),
        "status_code": _STATUS[outcome],
        "resource": pick(_RESOURCES, _resource_of(product, event_type, rng)),
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "bytes_count": tokens_out * 4 + 220,
        "duration_ms": 180 + tokens_out * 17 + rng.integers(0, 250, count),
    }


def _choose(cumulative: Floats, rng: np.random.Generator) -> Ints:
    chosen: Ints = (rng.random(len(cumulative))[:, None] > cumulative).sum(axis=1)
    return chosen


def _log_normal(mean: float, sigma: float, most: int, count: int, rng: np.random.Generator) -> Ints:
    draw = np.exp(mean + sigma * rng.standard_normal(count, np.float32))
    whole: Ints = np.clip(draw, 1, most).astype(np.int64)
    return whole


def _resource_of(product: Ints, event_type: Ints, rng: np.random.Generator) -> Ints:
    draw = rng.random(len(product), np.float32)
    page = _PAGE_AT + (draw**3 * len(_PAGES)).astype(np.int64)  # some pages are popular
    looks = (product == PRODUCTS.index("image_generation")) & (draw < 0.35)
    resource = np.where(looks, page, product)
    tool = _TOOL_AT + (draw * len(_TOOLS)).astype(np.int64)
    resource = np.where(event_type == 2, tool, resource)
    resource = np.where(event_type == 1, len(_RESOURCES) - 2, resource)
    return np.where(event_type == 3, len(_RESOURCES) - 1, resource)
