# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of every module, as one function that proves it on the sandbox's journal."""

from __future__ import annotations


def prove(tenant, module: str, **params) -> dict:
    """Runs a task in check mode, for real and again, and returns the result of the real run."""
    before = tenant.state()
    tenant.forget()
    predicted = tenant.check(module, **params)
    assert not tenant.writes(), "check mode writes nothing"
    assert tenant.state() == before
    tenant.forget()
    real = tenant.run(module, **params)
    for part in ("failed", "changed", "diff", "msg", "findings", "changes", "licenses", "user", "results"):
        assert predicted.get(part) == real.get(part), part
    assert bool(tenant.writes()) == real["changed"]
    after = tenant.state()
    tenant.forget()
    again = tenant.run(module, **params)
    assert not tenant.writes(), "the second run writes nothing"
    assert tenant.state() == after
    assert again["changed"] is False
    assert again["failed"] == real["failed"]
    return real
