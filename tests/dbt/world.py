"""A few weeks of a few actors, dense in what makes incremental builds go wrong.

Corrections move events to other actors and payments to other days, undo spikes and brigades;
labels, list editions and account records come late.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from tests.dbt.rows import EPOCH, Row

START = datetime(2025, 3, 1)  # noqa: DTZ001 - UTC, naive as in the lake
DAYS = 40
ACTORS = [f"actor-{number}" for number in range(8)]
PRODUCTS = ["image_generation", "chat_assistant", "unheard_of"]
ADDRESSES = [f"10.0.{number}.{number}" for number in range(5)] + ["2001:db8::1"]
# In every restricted value, and in no other.
MARKER = "s3cr3t"
POLICIES = ["spam", "harassment", "undescribed"]


def make_world(seed: int) -> list[Row]:
    """All rows of a world, oldest version of each record first."""
    rng = random.Random(seed)  # noqa: S311
    return [
        *_requests(rng),
        *_spike(rng),
        *_logins(rng),
        *_payments(rng),
        *_content_and_scores(rng),
        *_reports_and_labels(rng),
        *_lists(rng),
        *_accounts(rng),
        *_actions(rng),
        *_findings(rng),
    ]


def _moment(rng: random.Random, days: int = DAYS) -> datetime:
    return START + timedelta(seconds=rng.randrange(days * 86400), microseconds=rng.randrange(999))


def _versions(rng: random.Random, row: Row, share: float, **change: object) -> list[Row]:
    """The row, and for a share of them a later version with something changed."""
    if rng.random() >= share:
        return [row]
    return [row, row.corrected(EPOCH + timedelta(days=1 + rng.randrange(5)), **change)]


def _requests(rng: random.Random) -> list[Row]:
    rows: list[Row] = []
    for number in range(260):
        row = Row(
            "events",
            {
                "event_id": f"request-{number}",
                "occurred_at": _moment(rng),
                "occurred_nanos": rng.choice([None, 7]),
                "actor_id": rng.choice(ACTORS),
                "actor_type": rng.choice(["user", "user", "api_key"]),
                "product_code": rng.choice(PRODUCTS),
                "event_type": "request",
                "outcome_code": rng.choice(["ok", "ok", "error", "refused"]),
                "ip_address": rng.choice(ADDRESSES),
                "device_id": rng.choice(["d1", "d2", None]),
                "resource": rng.choice(["/a", "/b"]),
                "input_tokens": rng.randrange(100),
            },
        )
        rows += _versions(rng, row, 0.15, actor_id=rng.choice(ACTORS))
    return rows


def _spike(rng: random.Random) -> list[Row]:
    """Steady days, then one of 45 requests in two minutes; some are later said to be another's."""
    rows: list[Row] = []
    for day in range(30):
        for number in range(2 if day < 20 else 45 if day == 20 else 0):
            at = START + timedelta(days=day, hours=9, minutes=number % 2, seconds=number // 2)
            values = {
                "event_id": f"steady-{day}-{number}",
                "occurred_at": at,
                "actor_id": ACTORS[0],
                "actor_type": "user",
                "product_code": "image_generation",
                "event_type": "request",
                "outcome_code": "ok",
            }
            share = 0.2 if day == 20 else 0.0
            rows += _versions(rng, Row("events", values), share, actor_id=ACTORS[7])
    return rows


def _logins(rng: random.Random) -> list[Row]:
    rows: list[Row] = []
    for number in range(90):
        values = {
            "login_id": f"login-{number}",
            "occurred_at": START + timedelta(days=rng.randrange(6), seconds=rng.randrange(86400)),
            "actor_id": rng.choice(ACTORS[:4]),
            "actor_type": "user",
            "product_code": "chat_assistant",
            "outcome_code": rng.choice(["success", "failure", "failure", "unknown_account"]),
            "method_code": "password",
            "ip_address": rng.choice(ADDRESSES),
        }
        rows += _versions(rng, Row("logins", values), 0.2, outcome_code="success")
    return rows


def _payments(rng: random.Random) -> list[Row]:
    rows: list[Row] = []
    for number in range(40):
        values = {
            "payment_id": f"payment-{number}",
            "occurred_at": _moment(rng, 8),
            "actor_id": rng.choice(ACTORS),
            "product_code": "api",
            "amount": rng.randrange(1000) / 100,
            "currency_code": "EUR",
            "outcome_code": rng.choice(["succeeded", "declined", "declined", "chargeback"]),
            "payment_fingerprint": rng.choice(["f1", "f2", "f3"]),
        }
        # A payment may move to another day, unlike an event.
        rows += _versions(rng, Row("payments", values), 0.3, occurred_at=_moment(rng, 8))
    return rows


def _content_and_scores(rng: random.Random) -> list[Row]:
    rows: list[Row] = []
    for number in range(60):
        actor, at = rng.choice(ACTORS), _moment(rng)
        body = f"{MARKER} tell me " * 9 if number % 3 else f"{MARKER} {number}"
        content = {
            "content_id": f"content-{number}",
            "created_at": at,
            "actor_id": actor,
            "product_code": "chat_assistant",
            "content_type": "prompt",
            "body": body,
        }
        rows += _versions(rng, Row("content", content), 0.2, actor_id=rng.choice(ACTORS))
        score = {
            "scored_at": at + timedelta(minutes=1),
            "actor_id": actor,
            "item_id": f"content-{number}",
            "product_code": "chat_assistant",
            "model_name": "m",
            "model_version": "1",
            "policy_code": rng.choice(POLICIES),
            "score": round(rng.random(), 3),
        }
        rows += _versions(rng, Row("model_scores", score), 0.3, score=round(rng.random(), 3))
    return rows


def _reports_and_labels(rng: random.Random) -> list[Row]:
    rows: list[Row] = []
    for number in range(80):
        report = {
            "report_id": f"report-{number}",
            "reported_at": _moment(rng),
            "reporter_actor_id": rng.choice([*ACTORS[:3], "reporter-1", "reporter-2"]),
            "reported_actor_id": rng.choice(ACTORS),
            "item_id": rng.choice([None, None, "content-1"]),
            "product_code": "chat_assistant",
            "policy_code": rng.choice(POLICIES),
            "severity": rng.randrange(1, 6),
            "comment": f"{MARKER} of report {number}",
        }
        change = {
            "reporter_actor_id": rng.choice([*ACTORS[:3], "reporter-1"]),
            "reported_actor_id": rng.choice(ACTORS),
            "reported_at": _moment(rng),
        }
        rows += _versions(rng, Row("user_reports", report), 0.2, **change)
    for number in range(40):
        label = {
            "label_id": f"label-{number}",
            "labelled_at": _moment(rng),
            "actor_id": rng.choice(ACTORS),
            "item_id": rng.choice([None, None, "content-1", "content-2"]),
            "policy_code": rng.choice(POLICIES),
            "label_code": rng.choice(["violating", "not_violating", "unsure"]),
            "reviewer_id": "r",
            "stream_code": "flagged",
        }
        change = {"label_code": "not_violating", "labelled_at": _moment(rng)}
        rows += _versions(rng, Row("review_labels", label), 0.2, **change)
        if number % 8 == 0:  # another system that knows the same label says otherwise
            other = {**label, "label_code": "unsure", "reviewer_id": "r2"}
            rows.append(Row("review_labels", other, source="elsewhere"))
    return rows + _proven_reporter(rng)


def _proven_reporter(rng: random.Random) -> list[Row]:
    """Somebody whose reports were right often enough to be evidence, and one more report."""
    rows: list[Row] = []
    for number in range(15):
        at = START + timedelta(hours=number)
        is_last = number == 14
        report = {
            "report_id": f"proven-{number}",
            "reported_at": START + timedelta(days=6) if is_last else at,
            "reporter_actor_id": "proven",
            "reported_actor_id": ACTORS[1] if is_last else "offender",
            "product_code": "chat_assistant",
            "policy_code": POLICIES[0],
            "severity": 5,
        }
        rows += _versions(rng, Row("user_reports", report), 0.2, severity=4)
    label = {
        "label_id": "offence",
        "labelled_at": START + timedelta(days=2),
        "actor_id": "offender",
        "policy_code": POLICIES[0],
        "label_code": "violating",
        "reviewer_id": "r",
        "stream_code": "flagged",
    }
    return [*rows, Row("review_labels", label)]


def _lists(rng: random.Random) -> list[Row]:
    rows: list[Row] = []
    for day in (0, 9, 10, 31):
        for list_id, category, entry_type, entries in (
            ("tor", "tor", "ip", ["10.0.0.0", "10.0.1.1", "2001:db8::1"]),
            ("clouds", "datacenter", "cidr", ["10.0.2.0/24", "10.0.0.0/15", "2001:db8::/32"]),
            ("blocked", "blocklist", "cidr", ["10.0.3.0/24", "10.0.4.0/24", "10.0.0.0/16"]),
            ("mail", "disposable_email", "email_domain", ["throwaway.test", "other.test"]),
        ):
            for entry in rng.sample(entries, 2):
                values = {
                    "list_id": list_id,
                    "list_date": (START + timedelta(days=day)).date(),
                    "entry_type": entry_type,
                    "entry": entry,
                    "category_code": category,
                    "score": 0.5,
                }
                rows += _versions(rng, Row("reputation", values), 0.2, score=0.9)
    return rows


def _accounts(rng: random.Random) -> list[Row]:
    rows: list[Row] = []
    for actor in ACTORS[:5]:
        for number in range(rng.randrange(1, 4)):
            values = {
                "actor_id": actor,
                "actor_type": "user",
                "updated_at": START + timedelta(days=7 * number, hours=rng.randrange(20)),
                "created_at": START - timedelta(days=3),
                "status_code": rng.choice(["active", "suspended"]),
                "plan_code": rng.choice(["free", "pro"]),
                "email": rng.choice([f"{MARKER}@throwaway.test", f"{MARKER}@example.test"]),
                "is_protected": rng.choice([None, True]),
            }
            rows += _versions(rng, Row("actors", values), 0.3, plan_code="team")
    return rows


def _actions(rng: random.Random) -> list[Row]:
    rows: list[Row] = []
    for number in range(12):
        decided = _moment(rng, 30)
        action = {
            "action_id": f"action-{number}",
            "updated_at": decided,
            "decided_at": decided,
            "actor_id": rng.choice(ACTORS),
            "policy_code": "spam",
            "action_code": "suspend",
            "state_code": "active",
            "valid_from_at": decided + timedelta(days=rng.choice([0, 1])),
            "valid_to_at": rng.choice([None, decided + timedelta(days=9)]),
            "decision_source_code": "human",
        }
        rows.append(Row("enforcement_actions", action))
        later = decided + timedelta(days=3)
        if number % 3 == 0:
            appeal = {"appeal_id": f"appeal-{number}", "action_id": f"action-{number}"}
            appeal |= {"submitted_at": decided + timedelta(days=1)}
            made = {"updated_at": decided + timedelta(days=1), "outcome_code": "pending"}
            rows.append(Row("appeals", {**appeal, **made}))
            outcome = {"updated_at": later, "decided_at": later, "outcome_code": "overturned"}
            # An appeal may turn out to be about another action.
            outcome["action_id"] = f"action-{number - number % 2}"
            rows.append(Row("appeals", {**appeal, **outcome}))
        if number % 4 == 0:
            reversed_state = {"updated_at": later, "state_code": "reversed"}
            rows.append(Row("enforcement_actions", {**action, **reversed_state}))
    return rows


def _findings(rng: random.Random) -> list[Row]:
    rows: list[Row] = []
    for number in range(20):
        at = _moment(rng)
        values = {
            "finding_key": f"finding-{number}",
            "detection_id": "some_detection",
            "detection_version": 1,
            "code_hash": "c",
            "mode_code": rng.choice(["live", "live", "shadow"]),
            "severity_code": "high",
            "policy_code": rng.choice(POLICIES),
            "abuse_type_code": "t",
            "actor_id": rng.choice(ACTORS),
            "dedup_key": f"{number}",
            "score": rng.random(),
            "event_count": rng.randrange(9),
            "last_event_at": at,
            "detection_run_id": "r",
            "found_at": at + timedelta(days=1),
        }
        rows.append(Row("findings", values))
        if number % 4 == 0:
            # The run was repeated and found the same again, later.
            rows.append(Row("findings", {**values, "found_at": at + timedelta(days=2)}))
    return rows
