"""How long each monitor may have nothing to say: ``silence`` in ``expectations/alerts.yml``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SilenceRules(BaseModel):
    """After how long silence is an incident.

    Attributes:
        gate_after_hours: a build is done, and no gate has run since.
        build_after_hours: something was loaded, and no build has covered it since.
        ingest_least_hours: a source has loaded nothing, whatever its past; less is never told.
        ingest_times: ... and for so many times its longest pause of the last four weeks.
        ingest_run_hours: ingest itself has not run, whether or not there was something to load.
        detection_after_hours: what a detection reads was certified, and it has not run since.
        never_fires_days: a detection runs, finds its canary, and has found nobody.
        channel_after_minutes: a message waits, or failed, and has not arrived.
        watch_after_minutes: the watch over alerts has not run.
        drill_after_hours: no drill has run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    gate_after_hours: float = Field(default=6, gt=0)
    build_after_hours: float = Field(default=12, gt=0)
    ingest_least_hours: float = Field(default=24, gt=0)
    ingest_times: float = Field(default=3, ge=1)
    ingest_run_hours: float = Field(default=13, gt=0)
    detection_after_hours: float = Field(default=12, gt=0)
    never_fires_days: float = Field(default=60, gt=0)
    channel_after_minutes: float = Field(default=60, gt=0)
    watch_after_minutes: float = Field(default=30, gt=0)
    drill_after_hours: float = Field(default=50, gt=0)
