"""What is shown of a row to somebody who has not said why they need to see it as it is."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from gatehouse.settings import Settings

_IDENTIFYING = re.compile(r"(^|_)(id|ids|key|hash|ip|email|phone|name)$")
_CODES = re.compile(r"_(code|type)$")
# A broken feed puts anything anywhere; what is made of few letters alone is a code.
_CODE = re.compile(r"[A-Za-z]{1,16}([_-][A-Za-z]{1,16}){0,3}")
_MEASURES = (bool, int, float, Decimal, datetime, date, time, timedelta)
_KEY_BYTES = 16


@dataclass(frozen=True)
class Mask:
    """Turns identifiers and text into short hashes: equal values stay equal within a home.

    Attributes:
        key: of this home, so that nobody can try values out elsewhere.
    """

    key: bytes

    @classmethod
    def of(cls, settings: Settings) -> Mask:
        """The mask of a home; its key is made at first use, for the home's owner alone."""
        path = settings.make_home() / "mask.key"
        if not path.exists():
            # Whole or not at all: an empty key would mask nothing.
            staged = path.with_suffix(f".{os.getpid()}")
            staged.touch(0o600)
            staged.write_bytes(secrets.token_bytes(_KEY_BYTES))
            with suppress(FileExistsError):
                path.hardlink_to(staged)
            staged.unlink()
        return cls(path.read_bytes())

    def value(self, column: str, value: Any) -> Any:
        """A value as it may be shown: numbers and times as they are, codes, all else hashed."""
        if value is None:
            return None
        is_identifying = _IDENTIFYING.search(column.lower()) is not None
        if isinstance(value, _MEASURES) and not is_identifying:
            return value
        text = str(value)
        if _CODES.search(column.lower()) and _CODE.fullmatch(text):
            return text
        return "#" + hashlib.blake2b(text.encode(), key=self.key, digest_size=5).hexdigest()
