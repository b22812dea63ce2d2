# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTML page that shows the tenant as it is. Read-only, without scripts or external resources."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from .directory import license_states
from .groups import processing_state, shown_licenses
from .tenant import Tenant, status_of

PEOPLE = 200
REQUESTS = 200

STYLE = """
:root { color-scheme: light dark; --line: #8884; --bar: #2f7d5b; --full: #b3402e; --soft: #8882; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 68rem; padding: 1rem 1.25rem 3rem; }
h1 { font-size: 1.4rem; margin: .5rem 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; } small, .soft { opacity: .7; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; } td.number { text-align: right; white-space: nowrap; }
.bar { background: var(--soft); border-radius: 3px; height: .7rem; min-width: 8rem; overflow: hidden; }
.bar i { background: var(--bar); display: block; height: 100%; } .bar i.full { background: var(--full); }
.tag { background: var(--soft); border-radius: 3px; display: inline-block; margin: 0 .3rem .2rem 0; padding: 0 .35rem; }
.bad { color: var(--full); } code { font-size: .85em; overflow-wrap: anywhere; }
"""


def tenant_page(tenant: Tenant, journal: list[dict], address: str) -> bytes:
    """The page, in UTF-8."""
    parts = [
        f"<h1>Sandbox tenant {escape(tenant.domain)}</h1>",
        f"<p>Simulated, at <code>{escape(address)}</code>: {len(tenant.users)} users, {len(tenant.groups)} groups, {len(tenant.devices)} devices.</p>",
        _section("SKUs", ("SKU", "Seats in use", "", "Status"), _skus(tenant)),
        _section("Users", ("User", "Usage location", "Licenses, each with its origin"), _people(tenant)),
        _section("Groups", ("Group", "Members", "Licenses", "Processing"), _groups(tenant)),
        _section("Allotments", ("Allotment", "For", "Seats in use", "", "Waiting"), _pools(tenant)),
        _section(f"The last {REQUESTS} requests", ("Request", "Status", "Fault"), _requests(journal)),
    ]
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    title = f"<title>Sandbox tenant {escape(tenant.domain)}</title><style>{STYLE}</style></head><body>"
    return f"{head}{title}{''.join(parts)}</body></html>".encode()


def _section(title: str, names: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    return f'<h2>{escape(title)}</h2><div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _row(*cells: str) -> str:
    return "<tr>" + "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _seats(used: int, owned: int) -> tuple[str, str]:
    part = 100 if owned <= 0 else min(100, round(100 * used / owned))
    full = ' class="full"' if used >= owned else ""
    return f'<td class="number">{used} of {owned}</td>', f'<td><div class="bar"><i{full} style="width:{part}%"></i></div></td>'


def _skus(tenant: Tenant) -> Iterable[str]:
    for sku in tenant.skus.values():
        warning = sku.get("warning", 0)
        note = f" <small>({warning} in warning)</small>" if warning else ""
        used, drawn = _seats(tenant.consumed(sku["sku_id"]), sku["enabled"] + warning)
        applies = "" if sku.get("applies_to", "User") == "User" else " <small>for the organization</small>"
        yield _row(f"{escape(sku['part_number'])}{applies}", used, drawn, escape(status_of(sku)) + note)


def _people(tenant: Tenant) -> Iterable[str]:
    for user in list(tenant.users.values())[:PEOPLE]:
        tags = "".join(_license(tenant, state) for state in license_states(tenant, user)) or '<span class="soft">none</span>'
        yield _row(f"{escape(user['displayName'])}<br><small>{escape(user['userPrincipalName'])}</small>", escape(user["usageLocation"] or "–"), tags)
    if len(tenant.users) > PEOPLE:
        yield _row(f"<small>and {len(tenant.users) - PEOPLE} more</small>")


def _license(tenant: Tenant, state: dict) -> str:
    sku = tenant.skus[state["skuId"]]
    names = [plan["name"] for plan in sku["service_plans"] if plan["id"] in state["disabledPlans"]]
    origin = "direct" if state["assignedByGroup"] is None else tenant.groups[state["assignedByGroup"]]["displayName"]
    off = f", without {', '.join(names)}" if names else ""
    error = f' <span class="bad">{escape(state["error"])}</span>' if state["state"] == "Error" else ""
    return f'<span class="tag">{escape(sku["part_number"])} <small>{escape(origin)}{escape(off)}</small>{error}</span>'


def _groups(tenant: Tenant) -> Iterable[str]:
    for group in tenant.groups.values():
        parts = [tenant.skus[sku_id]["part_number"] for sku_id in shown_licenses(tenant, group["id"])]
        yield _row(escape(group["displayName"]), str(len(tenant.members[group["id"]])), escape(", ".join(parts) or "–"), processing_state(tenant, group["id"]))


def _pools(tenant: Tenant) -> Iterable[str]:
    for pool in tenant.pools.values():
        if not pool.is_hidden:
            used, drawn = _seats(len(pool.seats), pool.units)
            names = [tenant.users[holder]["displayName"] for holder in pool.waiting if holder in tenant.users]
            title = f"{escape(tenant.skus[pool.sku_id]['part_number'])}<br><code>{pool.id}</code>"
            yield _row(title, escape(pool.assignable_to.replace(",", ", ")), used, drawn, escape(", ".join(names) or "none"))


def _requests(journal: list[dict]) -> Iterable[str]:
    for entry in reversed(journal[-REQUESTS:]):
        nested = "&nbsp;&nbsp;↳ " if entry["batch"] else ""
        status = entry.get("status")
        shown = f'<span class="bad">{status}</span>' if status and status >= 400 else str(status or "–")
        yield _row(f"{nested}<code>{escape(entry['method'])} {escape(entry['path'])}</code>", shown, escape(entry["fault"] or ""))
