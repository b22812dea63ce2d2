# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether to make Graph look at a principal's licenses anew: where something is in error, or when that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from ..catalog import Catalog
from ..model import Principal
from .changes import Changes, Reprocess


def plan_reprocess(user: Principal, catalog: Catalog, is_forced: bool) -> Changes:
    """Reprocessing of what a user inherits (graph-contract 3.3)."""
    is_needed = is_forced or any(lic.error or not lic.is_held for lic in user.licenses)
    return _plan(user, catalog, is_needed, is_cloud=False)


def plan_cloud_reprocess(principal: Principal, troubles: Sequence | None, is_forced: bool) -> Changes:
    """Reprocessing of assignments (graph-contract U7). troubles are what Graph says stands in the way, None when it does not say."""
    return _plan(principal, Catalog(), is_forced or troubles is None or bool(troubles), is_cloud=True)


def _plan(principal: Principal, catalog: Catalog, is_needed: bool, is_cloud: bool) -> Changes:
    operations = (Reprocess(principal, is_cloud),) if is_needed else ()
    return Changes(principal, principal, operations, (), catalog)
