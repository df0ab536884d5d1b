"""Who is told what, and by which channel: ``expectations/alerts.yml``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gatehouse.alerts.causes import Kind, Severity
from gatehouse.errors import GatehouseError
from gatehouse.proof.rules import SilenceRules
from gatehouse.settings import Settings
from gatehouse.strict_yaml import load_yaml

log = logging.getLogger(__name__)

LOG = "log"
_NEEDS_CONNECTION = ("webhook", "slack", "smtp", "pagerduty")


class Channel(BaseModel):
    """A way to reach people.

    Attributes:
        type: how it is reached.
        connection: id of the Airflow connection with its address and secret.
        required: False: until there is a connection, the channel is left out; once something has
            been sent by it, its connection being gone is a failure.
        second: channel that is told when this one fails. The seconds of seconds end at the log.
        to: addresses, of a channel of type ``smtp``.
        timeout_seconds: how long one attempt may take to connect, and again to be answered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["log", "webhook", "slack", "smtp", "pagerduty"]
    connection: str = ""
    required: bool = True
    second: str = LOG
    to: tuple[str, ...] = ()
    timeout_seconds: float = Field(default=10, gt=0, le=60)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.type in _NEEDS_CONNECTION and not self.connection:
            raise ValueError(f"a channel of type {self.type} names its Airflow connection")
        if self.type == "smtp" and not self.to:
            raise ValueError("a channel of type smtp says to whom")
        if any(set(address) & set("\r\n,;<>") for address in self.to):
            raise ValueError("an address is one plain address")
        return self


class Escalation(BaseModel):
    """Who else is told when nobody acknowledges."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_minutes: int = Field(ge=1)
    channels: tuple[str, ...] = Field(min_length=1)


class Route(BaseModel):
    """Where an incident goes. The first route whose conditions hold is taken; none given holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: tuple[Severity, ...] = ()
    kind: tuple[Kind, ...] = ()
    owner: tuple[str, ...] = ()
    channels: tuple[str, ...] = Field(min_length=1)
    escalate: Escalation | None = None

    @field_validator("severity", "kind", "owner", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @property
    def is_open(self) -> bool:
        """Whether it takes everything."""
        return not (self.severity or self.kind or self.owner)

    def takes(self, severity: str, kind: str, owner: str) -> bool:
        """Whether an incident goes this way."""
        asked = ((self.severity, severity), (self.kind, kind), (self.owner, owner))
        return all(not wanted or value in wanted for wanted, value in asked)


class Routing(BaseModel):
    """The file as a whole.

    Attributes:
        owners: who answers for a kind of incident, whatever its checks say.
        channels: by name; ``log`` is always there.
        routes: in order; the last one takes what is left.
        silence: after how long silence is an incident.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    owners: dict[Kind, str] = Field(default_factory=dict)
    channels: dict[str, Channel] = Field(default_factory=dict, validate_default=True)
    routes: tuple[Route, ...] = Field(min_length=1)
    silence: SilenceRules = Field(default_factory=SilenceRules)

    @field_validator("channels")
    @classmethod
    def _with_log(cls, channels: dict[str, Channel]) -> dict[str, Channel]:
        bad = [name for name in channels if not name.isidentifier() or len(name) > 64]
        if bad:
            raise ValueError(f"{bad[0]!r}: a name is made of letters, digits and _")
        if channels.get(LOG, Channel(type="log")).type != "log":
            raise ValueError("the channel log is of type log")
        return {LOG: Channel(type="log"), **channels}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        named = [name for route in self.routes for name in route.channels]
        named += [n for r in self.routes if r.escalate is not None for n in r.escalate.channels]
        named += [channel.second for channel in self.channels.values()]
        unknown = [name for name in named if name not in self.channels]
        if unknown:
            raise ValueError(f"there is no channel {unknown[0]}")
        for name in self.channels:
            told = [name]
            while told[-1] != LOG:
                told.append(self.channels[told[-1]].second)
                if told[-1] in told[:-1]:
                    chain = " → ".join(told)
                    raise ValueError(
                        f"when {name} fails, the others that are told go round: {chain}; "
                        f"one has {LOG} as its second"
                    )
        if not self.routes[-1].is_open:
            raise ValueError("the last route takes what is left: it has no conditions")
        return self

    def route(self, severity: str, kind: str, owner: str) -> Route:
        """The way of an incident; the failure of a channel goes by that channel's second."""
        return next(each for each in self.routes if each.takes(severity, kind, owner))


def routing_file(settings: Settings) -> Path:
    """Where the routes are kept."""
    return settings.project / "expectations" / "alerts.yml"


def load_routing(settings: Settings) -> Routing:
    """The routes; without a file, everything goes to the log.

    Raises:
        GatehouseError: something in the file is wrong.
    """
    path = routing_file(settings)
    if not path.is_file():
        return Routing(routes=(Route(channels=(LOG,)),))
    try:
        return Routing.model_validate(load_yaml(path.read_bytes()))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        twice = getattr(error, "problem", "") or ""
        problem = f"{twice if 'stands twice' in twice else 'not YAML'}{line}"
        raise _wrong(path, problem) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        words = first["msg"].removeprefix("Value error, ")
        raise _wrong(path, f"{where + ': ' if where else ''}{words}") from error


def routing_or_log(settings: Settings) -> Routing:
    """The routes; where the file is wrong, that is logged, and so are all alerts."""
    try:
        return load_routing(settings)
    except GatehouseError as error:
        log.error("Alerts go to the log alone: %s", error)
        return Routing(routes=(Route(channels=(LOG,)),))


def _wrong(path: Path, problem: str) -> GatehouseError:
    return GatehouseError(
        f"{path.name}: {problem}.", next_step=f"edit {path}; docs/concepts/5-alerts.md explains it."
    )
