# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and tenants that tests begin with."""

from __future__ import annotations

import copy

from sandbox_tenant.seed import load_seed

from support.tenant import SEED


def upn(name: str) -> str:
    return f"{name}@contoso.example"


def users(*names: str, **more) -> list[dict]:
    return [{"user": upn(name), **more} for name in names]


def outcomes(result: dict) -> list[str]:
    return [row["outcome"] for row in result["results"]]


def crowd(tenant, count: int) -> list[str]:
    """A tenant of so many people, all with a location, half of them with a license."""
    tenant.reset(load_seed(None, count))
    return [f"user{number:06}" for number in range(1, count + 1)]


def seed_with(change) -> dict:
    """The tenant of the seed, changed."""
    seed = copy.deepcopy(SEED)
    change(seed)
    return seed


def many(tenant, count: int) -> list[dict]:
    tenant.reset(load_seed(None, count))
    return [{"user": upn(f"user{number:06}")} for number in range(1, count + 1)]
