"""Planted abuse, one kind a module. To add a kind: subclass `Acting`, list it here."""

from gatehouse.simulate.campaigns.ban_evasion import BanEvasion
from gatehouse.simulate.campaigns.base import EARLIEST, FORTNIGHT, PHASES, Campaign
from gatehouse.simulate.campaigns.compute_mining import ComputeMining
from gatehouse.simulate.campaigns.credential_stuffing import CredentialStuffing
from gatehouse.simulate.campaigns.credit_farm import CreditFarm
from gatehouse.simulate.campaigns.distillation import Distillation
from gatehouse.simulate.campaigns.image_abuse import ImageAbuse
from gatehouse.simulate.campaigns.influence_operation import InfluenceOperation
from gatehouse.simulate.campaigns.jailbreak_template import JailbreakTemplate
from gatehouse.simulate.campaigns.leaked_key import LeakedKey
from gatehouse.simulate.campaigns.phishing import Phishing
from gatehouse.simulate.campaigns.prompt_injection import PromptInjection
from gatehouse.simulate.campaigns.refund_abuse import RefundAbuse
from gatehouse.simulate.campaigns.report_brigade import ReportBrigade
from gatehouse.simulate.campaigns.scraping import Scraping
from gatehouse.simulate.campaigns.spam_ring import SpamRing
from gatehouse.simulate.campaigns.stolen_cards import StolenCards
from gatehouse.simulate.campaigns.traffic import ROW_IDS, Traffic
from gatehouse.simulate.world import World

KINDS: tuple[type[Campaign], ...] = (
    CredentialStuffing,
    LeakedKey,
    CreditFarm,
    JailbreakTemplate,
    Scraping,
    Distillation,
    SpamRing,
    InfluenceOperation,
    Phishing,
    ReportBrigade,
    BanEvasion,
    StolenCards,
    PromptInjection,
    ImageAbuse,
    ComputeMining,
    RefundAbuse,
)
KIND_NAMES = tuple(kind.kind for kind in KINDS)

__all__ = ["KINDS", "KIND_NAMES", "PHASES", "ROW_IDS", "Campaign", "Traffic", "plant_campaigns"]


def plant_campaigns(world: World, days: int, kinds: tuple[str, ...]) -> list[Campaign]:
    """All campaigns of ``kinds`` that begin within ``days``: every kind about once a fortnight."""
    waves = range((days + EARLIEST) // FORTNIGHT + 1)
    planted = [
        kind.plant(world, wave * len(KINDS) + number, wave)
        for wave in waves
        for number, kind in enumerate(KINDS)
        if kind.kind in kinds
    ]
    return [campaign for campaign in planted if campaign.starts < days]
