"""Alerts: one incident for one cause, told once to the right people, and over by itself."""

from typing import TYPE_CHECKING

from gatehouse.lazy import lazy

if TYPE_CHECKING:
    from gatehouse.alerts.causes import Cause
    from gatehouse.alerts.cycle import alert_gate, run_cycle
    from gatehouse.alerts.incidents import note, note_silence, settle

__all__ = ["Cause", "alert_gate", "note", "note_silence", "run_cycle", "settle"]

__getattr__ = lazy(
    __name__,
    {
        "Cause": "gatehouse.alerts.causes",
        "alert_gate": "gatehouse.alerts.cycle",
        "note": "gatehouse.alerts.incidents",
        "note_silence": "gatehouse.alerts.incidents",
        "run_cycle": "gatehouse.alerts.cycle",
        "settle": "gatehouse.alerts.incidents",
    },
)
