# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""First and last days of users, and what they mean on a day."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from ..._errors import OptionError

MOST_DAYS = 36_500  # a hundred years


def day_of(text: Any) -> date:
    """A day written as YYYY-MM-DD. Raises ValueError for anything else."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(text)
    return date.fromisoformat(text)


def today_of(text: Any) -> date:
    """The day of a run. Raises OptionError for an invalid date."""
    try:
        return day_of(text)
    except ValueError:
        raise OptionError(f"today is {text!r}: give a date such as 2026-12-31") from None


def days_of(value: Any, option: str) -> int:
    """A number of days. Raises OptionError for an invalid one."""
    if not re.fullmatch("[0-9]{1,5}", str(value)) or int(value) > MOST_DAYS:
        raise OptionError(f"{option} is {value!r}: give a number of days, from 0 to {MOST_DAYS}")
    return int(value)


def is_over(last_day: date, today: date, grace_days: int) -> bool:
    """Whether a last day and the days of grace after it have passed. 9999-12-31, the last possible day, never has."""
    return last_day.toordinal() + grace_days < today.toordinal()


def is_early(first_day: date, today: date, lead_days: int) -> bool:
    """Whether a first day is more than some days ahead."""
    return first_day.toordinal() > today.toordinal() + lead_days
