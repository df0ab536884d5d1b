"""Planted abuse, one kind a module. To add a kind: subclass `Campaign`, list it here."""

from gatehouse.simulate.campaigns.base import Campaign, Member
from gatehouse.simulate.campaigns.credit_farm import CreditFarm
from gatehouse.simulate.campaigns.jailbreak_template import JailbreakTemplate
from gatehouse.simulate.campaigns.password_guessing import PasswordGuessing
from gatehouse.simulate.campaigns.report_brigade import ReportBrigade
from gatehouse.simulate.campaigns.scraping import Scraping
from gatehouse.simulate.world import World

KINDS: tuple[type[Campaign], ...] = (
    PasswordGuessing,
    Scraping,
    ReportBrigade,
    CreditFarm,
    JailbreakTemplate,
)
_DAYS_BETWEEN_WAVES = 14

__all__ = ["KINDS", "Campaign", "Member", "plant_campaigns"]


def plant_campaigns(world: World, days: int) -> list[Campaign]:
    """All campaigns that begin within ``days``: every kind once a fortnight."""
    return [
        kind.plant(world, wave)
        for kind in KINDS
        for wave in range(days // _DAYS_BETWEEN_WAVES + 1)
        if kind.first_day + wave * _DAYS_BETWEEN_WAVES < days
    ]
