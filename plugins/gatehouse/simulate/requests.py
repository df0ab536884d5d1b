"""What an event asks for, how it ends, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from gatehouse.simulate.calendar import Happening
from gatehouse.simulate.columns import Columns, Ints, pick
from gatehouse.simulate.population import AGENTS, IMAGES, PRODUCTS, Flags, Floats
from gatehouse.simulate.tokens import draw_tokens

PRODUCT_CODES = pa.array(PRODUCTS)
EVENT_TYPES = pa.array(["request", "upload", "tool_call", "share"])
REQUEST, UPLOAD, TOOL_CALL, SHARE = range(4)
# Cumulative share of event types by product.
_TYPE_SHARES = np.array(
    [[0.955, 0.985, 0.985, 1], [0.99, 1, 1, 1], [0.93, 0.95, 0.95, 1], [0.4, 0.44, 0.99, 1]]
)
OUTCOMES = pa.array(["ok", "error", "denied", "refused"])
OK, ERROR, DENIED, REFUSED = range(4)
_OUTCOME_SHARES = np.array([0.962, 0.978, 0.992, 1])
_STATUS = np.array([200, 500, 429, 200], dtype=np.int32)
_FAILS_IN_OUTAGE = 0.8

TOOLS = ("browser", "python", "files", "mail", "search", "shell")
PAGE_COUNT = 20_000
_PAGES = tuple(f"gallery/{number:06d}" for number in range(PAGE_COUNT))
# Numbers of shared objects and files look random and differ: the factor is prime to a million.
_SHARED = tuple(f"shared/{number * 7_919 % 1_000_000:06d}" for number in range(1_500))
_FILES = tuple(f"upload/{number * 7_919 % 1_000_000:06d}" for number in range(500))
_ENDPOINTS = ("conversation", "v1/messages", "v1/images", "v1/agents/run")
RESOURCES = pa.array((*_ENDPOINTS, *(f"tool/{name}" for name in TOOLS), *_PAGES, *_SHARED, *_FILES))
_TOOL_AT = len(_ENDPOINTS)
_PAGE_AT = _TOOL_AT + len(TOOLS)
_SHARED_AT = _PAGE_AT + len(_PAGES)
_FILE_AT = _SHARED_AT + len(_SHARED)
_LOOKS_AT_PAGES = 0.35  # share of image generation's requests
# Cumulative share of tools, and the usual duration of each in ms.
_TOOL_SHARES = np.array([0.3, 0.52, 0.7, 0.76, 0.93, 1.0])
_TOOL_MS = np.array([2_200, 3_500, 300, 600, 900, 1_800])


def resource_of_tool(name: str) -> str:
    """Resource of a tool call."""
    return f"tool/{name}"


def request_columns(
    product: Ints,
    at: Ints,
    rng: np.random.Generator,
    *,
    outages: Sequence[Happening] = (),
    refused: Flags | None = None,
    event_type: Ints | None = None,
    pages: bool = True,
) -> Columns:
    """What was asked for and how it ended.

    Args:
        product: position in `PRODUCTS` of each event.
        at: microseconds since 1970 of each.
        rng: random numbers.
        outages: what fails then and there.
        refused: events that the product refuses.
        event_type: position in `EVENT_TYPES`; by the product's habit if absent.
        pages: whether image requests may be looks at gallery pages.
    """
    count = len(product)
    if event_type is None:
        event_type = _choose(_TYPE_SHARES[product], rng)
    outcome = np.searchsorted(_OUTCOME_SHARES, rng.random(count, np.float32))
    if refused is not None:
        outcome = np.where(refused, REFUSED, outcome)
    status = _STATUS[outcome]
    for outage in outages:
        down = (at >= outage.starts_at) & (at < outage.ends_at)
        down &= product == PRODUCTS.index(str(outage.product_code))
        down &= rng.random(count, np.float32) < _FAILS_IN_OUTAGE
        outcome, status = np.where(down, ERROR, outcome), np.where(down, 503, status)
    looks = (product == IMAGES) & (event_type == REQUEST)
    looks &= rng.random(count, np.float32) < (_LOOKS_AT_PAGES if pages else 0.0)
    resource, tool = _resource_of(product, event_type, looks, rng)
    tokens_in, tokens_out = _tokens(product, event_type, looks, outcome, rng)
    bytes_count = _bytes(product, event_type, looks, tokens_out, rng)
    return {
        "product_code": pick(PRODUCT_CODES, product),
        "event_type": pick(EVENT_TYPES, event_type),
        "outcome_code": pick(OUTCOMES, outcome),
        "status_code": status.astype(np.int32),
        "resource": pick(RESOURCES, resource),
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "bytes_count": bytes_count,
        "duration_ms": _durations(product, event_type, looks, tokens_out, tool, rng),
    }


def _choose(cumulative: Floats, rng: np.random.Generator) -> Ints:
    chosen: Ints = (rng.random(len(cumulative))[:, None] > cumulative).sum(axis=1)
    return chosen


def _tokens(
    product: Ints, event_type: Ints, looks: Flags, outcome: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    tokens_in, tokens_out = draw_tokens(len(product), rng)
    tokens_in = np.where(product == IMAGES, tokens_in // 12 + 3, tokens_in)
    tokens_in = np.where(product == AGENTS, tokens_in * 2, tokens_in)  # context of earlier steps
    no_text = looks | (event_type == UPLOAD) | (event_type == SHARE)
    written = (outcome == OK) & (product != IMAGES) & ~no_text
    return np.where(no_text, 0, tokens_in), np.where(written, tokens_out, 0)


def _bytes(
    product: Ints, event_type: Ints, looks: Flags, tokens_out: Ints, rng: np.random.Generator
) -> Ints:
    size = 60_000 * np.exp(0.6 * rng.standard_normal(len(product), np.float32))
    picture = (product == IMAGES) & (event_type == REQUEST)
    return np.where(picture, size.astype(np.int64) * (1 + 6 * ~looks), tokens_out * 4 + 220)


def _durations(
    product: Ints,
    event_type: Ints,
    looks: Flags,
    tokens_out: Ints,
    tool: Ints,
    rng: np.random.Generator,
) -> Ints:
    usual = np.where(product == IMAGES, 7_000, 180 + tokens_out * 17)
    usual = np.where(event_type == TOOL_CALL, _TOOL_MS[tool], usual)
    usual = np.where(looks | (event_type == UPLOAD) | (event_type == SHARE), 90, usual)
    noise = np.exp(0.35 * rng.standard_normal(len(product), np.float32))
    lasted: Ints = (usual * noise).astype(np.int64) + 1
    return lasted


def _resource_of(
    product: Ints, event_type: Ints, looks: Flags, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    draw = rng.random(len(product), np.float32)
    popular = draw**3  # some pages and shared objects are seen much more than others
    tool = np.searchsorted(_TOOL_SHARES, draw)
    resource = np.where(looks, _PAGE_AT + (popular * len(_PAGES)).astype(np.int64), product)
    resource = np.where(event_type == TOOL_CALL, _TOOL_AT + tool, resource)
    resource = np.where(
        event_type == UPLOAD, _FILE_AT + (draw * len(_FILES)).astype(np.int64), resource
    )
    shared = _SHARED_AT + (popular * len(_SHARED)).astype(np.int64)
    return np.where(event_type == SHARE, shared, resource), tool
