# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No key is accepted and does nothing: for each option of each module there is a situation in which it changes what the task does or says."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired import profiles, user_form
from ansible_collections.m365.licensing.plugins.module_utils._licensing.desired.validate import ListOf, Named, Record
from ansible_collections.m365.licensing.plugins.module_utils._module.options import SHARED
from support.tenant import MODULES, ROOT

ALL = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
# how a module signs in and how fast it writes has tests of its own
ELSEWHERE = {*SHARED, "concurrency", "write_quota"}
FOLDER = "<folder>"
STALE = {"user_assign_license": 3, "group_members": 3, "licensed_users": 2}  # reads that do not show a write yet, where a task waits


def upn(name: str) -> str:
    return f"{name}@contoso.example"


E5, E3, BI, FULL = ({"sku": name} for name in ("SPE_E5", "SPE_E3", "POWER_BI_PRO", "STANDARDPACK"))
SWAY = {"disabled_plans": ["SWAY"]}
ALICE, BOB, CAROL, DAVE, FRANK, HEIDI, IVAN, JUDY = map(upn, ("alice", "bob", "carol", "dave", "frank", "heidi", "ivan", "judy"))

# key: (user, options without it, options with it), for modules that assign licenses directly. A name before the dot is an option with parts.
LICENSES = {
    "usage_location": (ALICE, {"licenses": {"add": [E5]}}, {"licenses": {"add": [E5]}, "usage_location": "DE"}),
    "licenses": (BOB, {"usage_location": "DE"}, {"usage_location": "DE", "licenses": {"add": [E5]}}),
    "licenses.add": (BOB, {"licenses": {}, "usage_location": "DE"}, {"licenses": {"add": [E5]}, "usage_location": "DE"}),
    "licenses.remove": (BOB, {"licenses": {"add": [E5]}}, {"licenses": {"add": [E5], "remove": ["SPE_E3"]}}),
    "licenses.set": (BOB, {"licenses": {"add": [E5]}}, {"licenses": {"set": [E5]}}),
    **{
        f"licenses.{part}.{key}": (user, {"licenses": {part: [without]}}, {"licenses": {part: [with_it]}})
        for part in ("add", "set")
        for key, (user, without, with_it) in {
            "sku": (BOB, E5, BI),
            "disabled_plans": (BOB, E3, {**E3, **SWAY}),
            "enabled_plans": (BOB, E3, {**E3, "enabled_plans": ["SWAY"]}),
            "plans_mode": (BOB, {**E3, **SWAY}, {**E3, **SWAY, "plans_mode": "merge"}),
            "alternatives": (BOB, FULL, {**FULL, "alternatives": [E5]}),
            "prefer": (BOB, {**E5, "alternatives": [E3]}, {**E5, "alternatives": [E3], "prefer": "first"}),
            "alternatives.sku": (BOB, {**FULL, "alternatives": [BI]}, {**FULL, "alternatives": [E5]}),
            "alternatives.disabled_plans": (BOB, {**FULL, "alternatives": [E5]}, {**FULL, "alternatives": [{**E5, **SWAY}]}),
            "alternatives.enabled_plans": (BOB, {**FULL, "alternatives": [E5]}, {**FULL, "alternatives": [{**E5, "enabled_plans": ["SWAY"]}]}),
            "alternatives.plans_mode": (
                BOB, {**FULL, "alternatives": [{**E3, **SWAY}]}, {**FULL, "alternatives": [{**E3, **SWAY, "plans_mode": "merge"}]}),
        }.items()
    },
    "carry_plans": (BOB, {"licenses": {"add": [E5], "remove": ["SPE_E3"]}}, {"licenses": {"add": [E5], "remove": ["SPE_E3"]}, "carry_plans": True}),
    "remove_inherited": (IVAN, {"licenses": {"remove": ["SPE_E3"]}}, {"licenses": {"remove": ["SPE_E3"]}, "remove_inherited": "fail"}),
    "protect": (BOB, {"licenses": {"remove": ["SPE_E3"]}}, {"licenses": {"remove": ["SPE_E3"]}, "protect": ["SPE_E3"]}),
    "max_removals": (BOB, {"licenses": {"remove": ["SPE_E3"]}}, {"licenses": {"remove": ["SPE_E3"]}, "max_removals": 0}),
    "allow_empty": (BOB, {"licenses": {"set": []}}, {"licenses": {"set": []}, "allow_empty": True}),
    "inherited": (IVAN, {"licenses": {"add": [E3]}}, {"licenses": {"add": [E3]}, "inherited": "accept"}),
    "seat_check": (BOB, {"licenses": {"add": [FULL]}}, {"licenses": {"add": [FULL]}, "seat_check": "try"}),
    "plan_check": (JUDY, {"licenses": {"add": [E5]}}, {"licenses": {"add": [E5]}, "plan_check": "try"}),
}  # fmt: skip
# the group has Sway off already
ON = {key: json.loads(json.dumps(row).replace("SWAY", "TEAMS1")) for key, row in LICENSES.items()}
WAITING = {"licenses": {"add": [E5]}}
SEAT = {"sku": "SPE_E5"}
# of cloudLicensing: (principal, options without it, options with it)
SEATS = {
    "sku": ({"user": BOB}, {"sku": "SPE_E5"}, {"sku": "SPE_E3"}),
    "allotment": ({"user": BOB}, {"allotment": "<E5>"}, {"allotment": "<E3>"}),
    "subscription_id": ({"user": BOB}, {"sku": "POWER_BI_PRO"}, {"sku": "POWER_BI_PRO", "subscription_id": "<field>"}),
    "usage_location": ({"user": ALICE}, SEAT, {**SEAT, "usage_location": "DE"}),
    "disabled_plans": ({"user": BOB}, SEAT, {**SEAT, **SWAY}),
    "enabled_plans": ({"user": BOB}, SEAT, {**SEAT, "enabled_plans": ["SWAY"]}),
    "plans_mode": ({"user": BOB}, {**E3, **SWAY}, {**E3, **SWAY, "plans_mode": "merge"}),
    "state": ({"user": BOB}, E3, {**E3, "state": "absent"}),
    "allotment_choice": ({"user": BOB}, BI, {**BI, "allotment_choice": "most_available"}),
    "exclusive": ({"user": DAVE}, {"allotment": "<field>"}, {"allotment": "<field>", "exclusive": True}),
    "seat_check": ({"user": BOB}, {"allotment": "<full>"}, {"allotment": "<full>", "seat_check": "try"}),
    "plan_check": ({"user": JUDY}, SEAT, {**SEAT, "plan_check": "try"}),
    "user": ({}, {**SEAT, "user": BOB}, {**SEAT, "user": CAROL}),
    "group": ({}, {**SEAT, "group": "Support desk"}, {**SEAT, "group": "<team>"}),
    "device": ({}, {"sku": "INTUNE_A_D", "device": "KIOSK-01"}, {"sku": "INTUNE_A_D", "device": "KIOSK-02"}),
}
ROUTE = ({"user": BOB}, SEAT, {**SEAT, "route": "admin"})


def is_of_users(key: str) -> bool:
    """Whether a key is seen in what users hold: alternatives, and service plans that are merged."""
    return key.endswith((".alternatives", ".prefer", ".plans_mode")) or ".alternatives." in key


def list_of(module: str, option: str, failing: dict, good: dict, more: dict | None = None) -> dict:
    """What all modules for lists have in common, by a list with an entry that fails and one that does not."""
    both = {option: [failing, good], **(more or {})}
    written = {option: [good], **(more or {})}
    return {
        "on_error": (both, {**both, "on_error": "stop"}),
        "results": (both, {**both, "results": "none"}),
        "report_path": (written, {**written, "report_path": f"{FOLDER}/report"}),
        "resume": ({**written, "report_path": f"{FOLDER}/none"}, {**written, "report_path": f"{FOLDER}/{module}", "resume": True}),
    }


def single(kind: str, name: str, rows: Mapping) -> dict:
    """The rows of a module for one principal."""
    of = (lambda user: {"group": name}) if kind == "group" else (lambda user: {"user": user})
    return {key: ({**of(user), **without}, {**of(user), **with_it}) for key, (user, without, with_it) in rows.items()}


def entries(rows: Mapping) -> dict:
    """The rows of users_assign_license: of the task for all, and of an entry."""
    names = {"licenses", "usage_location", "carry_plans", "remove_inherited", "protect", "allow_empty", "inherited", "seat_check", "plan_check"}
    made = {key: ({"users": [{"user": user}], **without}, {"users": [{"user": user}], **with_it}) for key, (user, without, with_it) in rows.items()}
    own = {key: rows[key] for key in rows if key.split(".")[0] in names}
    return made | {
        f"users.{key}": ({"users": [{"user": user, **without}]}, {"users": [{"user": user, **with_it}]}) for key, (user, without, with_it) in own.items()
    }


def people(options: dict, *names: str, **more) -> dict:
    return {"skus": [{"sku": "SPE_E5", **options}], "users": {"add": list(names)}, **more}


PROFILE = {"usage_location": "DE", "licenses": [E5]}
LEAVER = {"user": BOB, "state": "released"}


def licensed(*users: dict, profiles: dict | None = None, **more) -> dict:
    return {"users": list(users), "profiles": profiles or {}, **more}


def desired(key: str, without: dict, with_it: dict, user: str = BOB) -> dict:
    """A key of what is desired: in a profile, and in the entry of a user."""
    profile = [licensed({"user": user, "profile": "one"}, profiles={"one": {"usage_location": "DE", **part}}) for part in (without, with_it)]
    own = [licensed({"user": user, "usage_location": "DE", **part}) for part in (without, with_it)]
    return {f"profiles.{key}": tuple(profile), f"users.{key}": tuple(own)}


RECORD = {"record_path": f"{FOLDER}/leavers", "record_missing": "create"}
LICENSED = {
    **list_of("licensed_users", "users", {"user": upn("unknown"), "licenses": [E5]}, {"user": BOB, "licenses": [E5]}),
    "profiles": (licensed({"user": BOB, "profile": "one"}), licensed({"user": BOB, "profile": "one"}, profiles={"one": PROFILE})),
    "profiles.description": (licensed(profiles={"one": {**PROFILE, "description": 7}}), licensed(profiles={"one": {**PROFILE, "description": "text"}})),
    "profiles.inherits": (
        licensed({"user": BOB, "profile": "two"}, profiles={"one": PROFILE, "two": {"licenses": [BI]}}),
        licensed({"user": BOB, "profile": "two"}, profiles={"one": PROFILE, "two": {"licenses": [BI], "inherits": "one"}})),
    "users": (licensed({"user": BOB, "licenses": [E5]}), licensed({"user": CAROL, "licenses": [E5]})),
    "users.user": (licensed({"user": BOB, "licenses": [E5]}), licensed({"user": CAROL, "licenses": [E5]})),
    "users.profile": tuple(licensed({"user": BOB, **key}, profiles={"one": PROFILE}) for key in ({"usage_location": "DE"}, {"profile": "one"})),
    "users.from": (
        licensed({"user": BOB, "profile": "one"}, profiles={"one": PROFILE, "old": {"licenses": [E3]}}, remove="previous"),
        licensed({"user": BOB, "profile": "one", "from": "old"}, profiles={"one": PROFILE, "old": {"licenses": [E3]}}, remove="previous")),
    "users.keep": (licensed(LEAVER, **RECORD), licensed({**LEAVER, "keep": ["SPE_E3"]}, **RECORD)),
    "users.first_day": (licensed({"user": BOB, "licenses": [E5]}), licensed({"user": BOB, "licenses": [E5], "first_day": "2999-01-01"})),
    "users.last_day": (licensed({"user": BOB, "licenses": [E5]}, **RECORD), licensed({"user": BOB, "licenses": [E5], "last_day": "2020-01-01"}, **RECORD)),
    "users.state": (licensed({"user": BOB, "usage_location": "DE"}, **RECORD), licensed(LEAVER, **RECORD)),
    "users.after_release": (licensed(LEAVER, **RECORD), licensed({**LEAVER, "after_release": {"licenses": [BI]}}, **RECORD)),
    **desired("usage_location", {"usage_location": "DE", "licenses": [E5]}, {"usage_location": "FR", "licenses": [E5]}),
    **desired("licenses", {}, {"licenses": [E5]}),
    **desired("groups", {}, {"groups": ["Support desk"]}),
    **desired("allotments", {}, {"allotments": [SEAT]}),
    **{name: pair for key, (user, without, with_it) in LICENSES.items() if key.startswith("licenses.add.") for name, pair in desired(
        key.replace("licenses.add", "licenses"), {"licenses": without["licenses"]["add"]}, {"licenses": with_it["licenses"]["add"]}, user).items()},
    **{name: pair for key, (who, without, with_it) in SEATS.items()
       if key in ("sku", "allotment", "subscription_id", "disabled_plans", "enabled_plans", "plans_mode", "allotment_choice")
       for name, pair in desired(f"allotments.{key}", {"allotments": [without]}, {"allotments": [with_it]}, who["user"]).items()},
    "remove": (
        licensed({"user": BOB, "profile": "one"}, profiles={"one": PROFILE, "old": {"licenses": [E3]}}),
        licensed({"user": BOB, "profile": "one"}, profiles={"one": PROFILE, "old": {"licenses": [E3]}}, remove="other_profiles")),
    "previous_users": (
        licensed({"user": BOB, "profile": "one"}, profiles={"one": PROFILE, "old": {"licenses": [E3]}}, remove="previous"),
        licensed({"user": BOB, "profile": "one"}, profiles={"one": PROFILE, "old": {"licenses": [E3]}}, remove="previous",
                 previous_users=[{"user": BOB, "profile": "old"}])),
    "licensing_groups": (licensed(), licensed(licensing_groups=[{"group": "Support desk", "licenses": [E5]}])),
    "state": (licensed({"user": BOB}, **RECORD), licensed({"user": BOB}, state="released", **RECORD)),
    "leavers": (
        licensed({"user": BOB, "licenses": [E5], "last_day": "2020-01-01"}, **RECORD),
        licensed({"user": BOB, "licenses": [E5], "last_day": "2020-01-01"}, leavers="skip", **RECORD)),
    "keep": (licensed(LEAVER, **RECORD), licensed(LEAVER, keep=["SPE_E3"], **RECORD)),
    "after_release": (licensed(LEAVER, **RECORD), licensed(LEAVER, after_release={"licenses": [BI]}, **RECORD)),
    "record_path": (licensed(LEAVER), licensed(LEAVER, **RECORD)),
    "record_missing": (licensed(LEAVER, record_path=f"{FOLDER}/leavers"), licensed(LEAVER, **RECORD)),
    "restore_all": (
        licensed(state="restored", record_path=f"{FOLDER}/record"), licensed(state="restored", record_path=f"{FOLDER}/record", restore_all=True)),
    "user_errors": (licensed({"user": upn("x"), "licenses": [E5]}), licensed({"user": upn("x"), "licenses": [E5]}, user_errors="report")),
    "today": (
        licensed({"user": BOB, "licenses": [E5], "last_day": "2030-01-01"}, **RECORD),
        licensed({"user": BOB, "licenses": [E5], "last_day": "2030-01-01"}, today="2030-02-01", **RECORD)),
    "grace_days": (
        licensed({"user": BOB, "licenses": [E5], "last_day": "2030-01-01"}, today="2030-02-01", **RECORD),
        licensed({"user": BOB, "licenses": [E5], "last_day": "2030-01-01"}, today="2030-02-01", grace_days=60, **RECORD)),
    "lead_days": (
        licensed({"user": BOB, "licenses": [E5], "first_day": "2030-02-01"}, today="2030-01-20"),
        licensed({"user": BOB, "licenses": [E5], "first_day": "2030-02-01"}, today="2030-01-20", lead_days=30)),
    "missing": (licensed({"user": upn("x"), "licenses": [E5]}), licensed({"user": upn("x"), "licenses": [E5]}, missing="ignore")),
    "inherited": (licensed({"user": IVAN, "licenses": [E3]}), licensed({"user": IVAN, "licenses": [E3]}, inherited="accept")),
    "carry_plans": tuple(
        licensed({"user": BOB, "profile": "one", "from": "old"}, profiles={"one": PROFILE, "old": {"licenses": [E3]}}, remove="previous", carry_plans=carry)
        for carry in (False, True)),
    "protect": tuple(
        licensed({"user": BOB, "profile": "one", "from": "old"}, profiles={"one": PROFILE, "old": {"licenses": [E3]}}, remove="previous", protect=names)
        for names in ([], ["SPE_E3"])),
    "max_removals": (licensed(LEAVER, **RECORD), licensed(LEAVER, max_removals="0", **RECORD)),
    "seat_check": (licensed({"user": upn("grace"), "licenses": [FULL]}), licensed({"user": upn("grace"), "licenses": [FULL]}, seat_check="try")),
    "plan_check": (licensed({"user": JUDY, "licenses": [E5]}), licensed({"user": JUDY, "licenses": [E5]}, plan_check="try")),
    "wait_timeout": tuple(licensed({"user": BOB, "profile": "desk", "from": "old"}, remove="previous", wait_timeout=seconds, profiles={
        "desk": {"groups": ["Support desk"]}, "old": {"licenses": [E3]}}) for seconds in (0, 30)),
}  # fmt: skip


def of_groups(*groups: dict, **more) -> dict:
    return {"groups": list(groups), **more}


GROUP_LIST = {
    **list_of("groups_assign_license", "groups", {"group": "nowhere", "licenses": [E5]}, {"group": "Support desk", "licenses": [E5]}),
    "groups": (of_groups({"group": "Support desk", "licenses": [E5]}), of_groups({"group": "<team>", "licenses": [E5]})),
    "protect": (of_groups({"group": "Support desk", "remove": ["SPE_E3"]}), of_groups({"group": "Support desk", "remove": ["SPE_E3"]}, protect=["SPE_E3"])),
    "max_removals": (of_groups({"group": "Support desk", "remove": ["SPE_E3"]}), of_groups({"group": "Support desk", "remove": ["SPE_E3"]}, max_removals=0)),
    "wait": (of_groups({"group": "Support desk", "licenses": [E5]}), of_groups({"group": "Support desk", "licenses": [E5]}, wait=True)),
    "wait_timeout": tuple(of_groups({"group": "Support desk", "licenses": [E5]}, wait=True, wait_timeout=seconds) for seconds in (0, 30)),
    "member_errors": tuple(of_groups({"group": "Support desk", "licenses": [FULL]}, wait=True, member_errors=how) for how in ("warn", "fail")),
    "group_errors": tuple(of_groups({"group": "nowhere", "licenses": [E5]}, group_errors=how) for how in ("fail", "report")),
    "groups.group": (of_groups({"group": "Support desk", "licenses": [E5]}), of_groups({"group": "<team>", "licenses": [E5]})),
    "groups.licenses": (of_groups({"group": "Support desk", "licenses": [E3]}), of_groups({"group": "Support desk", "licenses": [E5]})),
    "groups.remove": (of_groups({"group": "Support desk", "licenses": [E5]}), of_groups({"group": "Support desk", "licenses": [E5], "remove": ["SPE_E3"]})),
    "groups.exactly": (of_groups({"group": "Support desk", "licenses": [E5]}), of_groups({"group": "Support desk", "licenses": [E5], "exactly": True})),
    "groups.protect": tuple(of_groups({"group": "Support desk", "remove": ["SPE_E3"], **key}) for key in ({}, {"protect": ["SPE_E3"]})),
    "groups.max_removals": tuple(of_groups({"group": "Support desk", "remove": ["SPE_E3"], **key}) for key in ({}, {"max_removals": 0})),
}  # fmt: skip
# module: {key: (options without it, options with it)}
SITUATIONS: dict[str, dict[str, tuple[dict, dict]]] = {
    "user_assign_license": {
        **single("user", "", LICENSES),
        "user": ({"user": BOB, **WAITING}, {"user": CAROL, **WAITING}),
        "me": ({**WAITING}, {"me": True, **WAITING}),
        "wait": ({"user": BOB, **WAITING}, {"user": BOB, **WAITING, "wait": True}),
        "wait_timeout": ({"user": BOB, **WAITING, "wait": True, "wait_timeout": 0}, {"user": BOB, **WAITING, "wait": True}),
    },
    "group_assign_license": {
        **{key: pair for key, pair in single("group", "Support desk", ON).items()
           if key.split(".")[0] in ("licenses", "protect", "max_removals", "allow_empty") and not is_of_users(key)},
        "licenses": ({"group": "Support desk", "wait": True}, {"group": "Support desk", "wait": True, "licenses": {"add": [E5]}}),
        "licenses.add": ({"group": "Support desk", "licenses": {}}, {"group": "Support desk", "licenses": {"add": [E5]}}),
        "group": ({"group": "Support desk", **WAITING}, {"group": "<team>", **WAITING}),
        "wait": ({"group": "Support desk", **WAITING}, {"group": "Support desk", **WAITING, "wait": True}),
        "wait_timeout": ({"group": "Support desk", **WAITING, "wait": True, "wait_timeout": 0}, {"group": "Support desk", **WAITING, "wait": True}),
        "carry_plans": tuple({"group": "<off>", "licenses": {"add": [E5], "remove": ["SPE_E3"]}, "carry_plans": carry} for carry in (False, True)),
    },
    "users_assign_license": {
        **entries(LICENSES),
        **list_of("users_assign_license", "users", {"user": upn("unknown")}, {"user": BOB}, WAITING),
        "users": ({"users": [{"user": BOB}], **WAITING}, {"users": [{"user": CAROL}], **WAITING}),
        "users.max_removals": tuple({"users": [{"user": BOB, "max_removals": limit}], "licenses": {"remove": ["SPE_E3"]}} for limit in (1, 0)),
        "users.user": ({"users": [{"user": BOB}], **WAITING}, {"users": [{"user": CAROL}], **WAITING}),
        "read_filter": ({"users": [{"user": BOB}], **WAITING}, {"users": [{"user": BOB}], **WAITING, "read_filter": "department eq 'Finance'"}),
    },
    "groups_assign_license": GROUP_LIST,
    "licensed_users": LICENSED,
    "cloud_license_assignment": {
        **{key: ({**who, **without}, {**who, **with_it}) for key, (who, without, with_it) in SEATS.items()},
        "me": (SEAT, {**SEAT, "me": True}),
        "route": ({**ROUTE[0], **ROUTE[1]}, {**ROUTE[0], **ROUTE[2]}),
    },
    "cloud_license_assignments": {
        **list_of("cloud_license_assignments", "assignments", {"user": upn("unknown")}, {"user": BOB}, SEAT),
        "assignments": ({"assignments": [{"user": BOB}], **SEAT}, {"assignments": [{"user": CAROL}], **SEAT}),
        "max_removals": tuple({"assignments": [{"user": BOB}], **E3, "state": "absent", "max_removals": limit} for limit in (1, 0)),
        **{key: ({"assignments": [who], **without}, {"assignments": [who], **with_it}) for key, (who, without, with_it) in {**SEATS, "route": ROUTE}.items()
           if key not in ("user", "group", "device", "allotment", "exclusive", "seat_check")},
        "exclusive": tuple({"assignments": [{"user": DAVE, "allotment": "<field>"}], "exclusive": only} for only in (False, True)),
        "seat_check": tuple({"assignments": [{"user": BOB, "allotment": "<full>"}], "seat_check": how} for how in ("enforce", "try")),
        **{f"assignments.{key}": ({"assignments": [{**who, **without}]}, {"assignments": [{**who, **with_it}]})
           for key, (who, without, with_it) in {**SEATS, "route": ROUTE}.items()},
    },
    "sku_holders": {
        "on_error": (people({}, upn("unknown"), BOB), people({}, upn("unknown"), BOB, on_error="stop")),
        "results": (people({}, BOB), people({}, BOB, results="none")),
        "report_path": (people({}, BOB), people({}, BOB, report_path=f"{FOLDER}/report")),
        "resume": (people({}, BOB, report_path=f"{FOLDER}/none"), people({}, BOB, report_path=f"{FOLDER}/sku_holders", resume=True)),
        "skus": (people({}, BOB), {**people({}, BOB), "skus": [BI]}),
        "skus.sku": (people({}, BOB), {**people({}, BOB), "skus": [BI]}),
        "skus.disabled_plans": (people({}, BOB), people(SWAY, BOB)),
        "skus.enabled_plans": (people({}, BOB), people({"enabled_plans": ["SWAY"]}, BOB)),
        "skus.plans_mode": ({**people({}, BOB), "skus": [{**E3, **SWAY}]}, {**people({}, BOB), "skus": [{**E3, **SWAY, "plans_mode": "merge"}]}),
        "users": (people({}, BOB), people({}, CAROL)),
        "users.add": (people({}, BOB), people({}, CAROL)),
        "users.remove": ({"skus": [E3], "users": {"remove": [BOB]}}, {"skus": [E3], "users": {"remove": [CAROL]}}),
        "users.set": ({"skus": [E3], "users": {"add": [BOB]}}, {"skus": [E3], "users": {"set": [BOB]}}),
        "users.group": ({"skus": [E5], "users": {"group": "Support desk", "mode": "add"}}, {"skus": [E5], "users": {"group": "<team>", "mode": "add"}}),
        "users.filter": tuple({"skus": [E5], "users": {"filter": f"department eq '{name}'", "mode": "add"}} for name in ("Sales", "Support")),
        "users.mode": tuple({"skus": [E3], "users": {"filter": "department eq 'Sales'", "mode": mode}} for mode in ("add", "remove")),
        "prefer": tuple({"skus": [E5, E3], "users": {"add": [BOB]}, "prefer": how} for how in ("held", "first")),
        "usage_location": (people({}, ALICE), people({}, ALICE, usage_location="DE")),
        "carry_plans": tuple({"skus": [E5, E3], "users": {"add": [BOB]}, "prefer": "first", "carry_plans": carry} for carry in (False, True)),
        "inherited": tuple({"skus": [E3], "users": {"add": [IVAN]}, "inherited": how} for how in ("assign", "accept")),
        "max_removals": tuple({"skus": [E3], "users": {"remove": [BOB]}, "max_removals": limit} for limit in (1, 0)),
        "allow_empty": tuple({"skus": [E3], "users": {"set": []}, "allow_empty": is_ok} for is_ok in (False, True)),
        "seat_check": tuple({"skus": [FULL], "users": {"add": [BOB]}, "seat_check": how} for how in ("enforce", "try")),
        "plan_check": tuple({"skus": [E5], "users": {"add": [JUDY]}, "plan_check": how} for how in ("enforce", "try")),
    },
    "group_members": {
        "group": ({"group": "Support desk", "add": [BOB]}, {"group": "<team>", "add": [BOB]}),
        "add": ({"group": "Support desk", "remove": [HEIDI]}, {"group": "Support desk", "remove": [HEIDI], "add": [BOB]}),
        "remove": ({"group": "Support desk", "add": [BOB]}, {"group": "Support desk", "add": [BOB], "remove": [HEIDI]}),
        "set": ({"group": "Support desk", "add": [BOB]}, {"group": "Support desk", "set": [BOB]}),
        "allow_empty": tuple({"group": "Support desk", "set": [], "allow_empty": is_ok} for is_ok in (False, True)),
        "max_removals": tuple({"group": "Support desk", "remove": [HEIDI], "max_removals": limit} for limit in (1, 0)),
        "wait": tuple({"group": "Support desk", "add": [BOB], "wait": wait} for wait in (False, True)),
        "wait_timeout": tuple({"group": "Support desk", "add": [BOB], "wait": True, "wait_timeout": seconds} for seconds in (0, 30)),
    },
    "license_reprocess": {
        "user": ({"user": BOB, "force": True}, {"user": CAROL, "force": True}),
        "group": tuple({"group": name, "api": "cloudLicensing", "force": True} for name in ("Support desk", "<team>")),
        "device": tuple({"device": name, "api": "cloudLicensing", "force": True} for name in ("KIOSK-01", "KIOSK-02")),
        "me": ({"force": True}, {"me": True, "force": True}),
        "api": ({"user": BOB, "force": True}, {"user": BOB, "force": True, "api": "cloudLicensing"}),
        "force": ({"user": BOB}, {"user": BOB, "force": True}),
    },
    "user_license_info": {
        "users": ({"users": [BOB]}, {"users": [CAROL]}),
        "filter": ({}, {"filter": "department eq 'Sales'"}),
        "group": ({}, {"group": "Support desk"}),
        "sku": ({}, {"sku": "SPE_E3"}),
        "only_errors": ({}, {"only_errors": True}),
        "service_plans": ({}, {"service_plans": True}),
        "as_desired": ({}, {"as_desired": True}),
        "report_path": ({}, {"report_path": f"{FOLDER}/report"}),
    },
    "group_license_info": {
        "groups": ({}, {"groups": ["Support desk"]}),
        "sku": ({"groups": ["Support desk", "<team>"]}, {"groups": ["Support desk", "<team>"], "sku": "SPE_E3"}),
        "only_errors": ({}, {"only_errors": True}),
        "member_errors": ({}, {"member_errors": True}),
        "as_desired": ({}, {"as_desired": True}),
    },
    "cloud_license_info": {
        "users": ({}, {"users": [BOB]}),
        "groups": ({}, {"groups": ["Support desk"]}),
        "devices": ({}, {"devices": ["KIOSK-01"]}),
        "sku": ({}, {"sku": "SPE_E3"}),
        "gather": ({}, {"gather": ["allotments"]}),
    },
    "sku_info": {"skus": ({}, {"skus": ["SPE_E3"]})},
    "license_report_info": {
        "nearly_full": ({}, {"nearly_full": 0.1}),
        "ignore": ({}, {"ignore": ["SPE_E3"]}),
        "prices": ({}, {"prices": {"SPE_E3": 30}}),
        "earlier": ({}, {"earlier": f"{FOLDER}/earlier.json"}),
        "current": ({}, {"current": f"{FOLDER}/earlier.json"}),
        "sign_ins": ({}, {"sign_ins": "skip"}),
        "inactive_days": ({}, {"inactive_days": 1}),
        "pools": ({}, {"pools": "skip"}),
    },
}  # fmt: skip
CASES = [(module, key) for module, rows in SITUATIONS.items() for key in rows]


class _Spec(Exception):
    """The options of a module, which is not run."""


def spec_of(module: str, monkeypatch) -> dict:
    def caught(dummy, argument_spec, **more) -> None:
        raise _Spec(argument_spec)

    with monkeypatch.context() as patch:
        patch.setattr(AnsibleModule, "__init__", caught)
        with pytest.raises(_Spec) as raised:
            importlib.import_module(f"{MODULES}.{module}").main()
    return raised.value.args[0]


def keys_of(spec: Mapping, start: str = "") -> Iterator[str]:
    """Each option, and each part of one."""
    for name, option in spec.items():
        yield f"{start}{name}"
        yield from keys_of(option.get("options") or {}, f"{start}{name}.")


def keys_of_form(form, start: str) -> Iterator[str]:
    """Each key of a form of files."""
    if isinstance(form, Record):
        for name, part in form.keys.items():
            yield f"{start}{name}"
            yield from keys_of_form(part, f"{start}{name}.")
    elif isinstance(form, (ListOf, Named)):
        yield from keys_of_form(form.form, start)


@pytest.mark.parametrize("module", ALL)
def test_each_key_has_a_situation(module, monkeypatch):
    known = {key for key in keys_of(spec_of(module, monkeypatch)) if key.split(".")[0] not in ELSEWHERE}
    if module == "licensed_users":
        known |= {key for name, form in (("profiles", user_form.PROFILES), ("users", user_form.USER)) for key in keys_of_form(form, f"{name}.")}
        known -= {key for key in known if key.startswith("users.after_release.")}
        assert "users.licenses.alternatives.sku" in known
    if module == "groups_assign_license":
        known |= {key for key in keys_of_form(profiles.GROUPS, "groups.") if not key.startswith("groups.licenses.")}
        assert "groups.exactly" in known
    if module == "group_assign_license":
        known -= set(filter(is_of_users, known))
    assert sorted(known - set(SITUATIONS[module])) == []


def seen(tenant, module: str, options: dict, folder: Path, capsys) -> str:
    """What a task does and says: results, warnings, writes, files."""
    tenant.reset()
    tenant.conditions({"group_reads": 3, "stale_reads": STALE.get(module, 0) if {"wait", "wait_timeout"} & options.keys() else 0})
    names = {
        "<E5>": tenant.pools("SPE_E5")[0],
        "<E3>": tenant.pools("SPE_E3")[0],
        "<full>": tenant.pools("POWER_BI_PRO")[0],
        "<field>": tenant.pools("POWER_BI_PRO")[1],
    }
    text = json.dumps(options).replace(FOLDER, str(folder))
    for name, value in {**names, "<team>": first_team(tenant), "<off>": tenant.group_id("Support desk")}.items():
        text = text.replace(name, value)
    if "subscription_id" in text:
        pool = next(one for one in tenant.store.pools.values() if one.id == names["<field>"])
        text = text.replace(names["<field>"], pool.subscription_id)
    if "<full>" in json.dumps(options):
        tenant.store.pools[names["<full>"]].units = 0
    result = tenant.run(module, **json.loads(text))
    said = {name: value for name, value in result.items() if name not in ("invocation", "plan_digest", "tenant")}
    paths = [(entry["method"], entry["path"]) for entry in tenant.requests if entry["path"].startswith(("/v1.0", "/beta"))]
    return json.dumps([said, capsys.readouterr().err, paths, sorted(os.listdir(folder))], sort_keys=True, default=str)


def first_team(tenant) -> str:
    """The id of one of the two groups of a name."""
    return min(group_id for group_id, name in tenant.state()["groups"].items() if name == "Project team")


@pytest.mark.parametrize(("module", "key"), CASES)
def test_each_key_does_something(tenant, tmp_path, capsys, module, key):
    without, with_it = SITUATIONS[module][key]
    prepared = tmp_path / "folder"
    prepared.mkdir()
    if key == "resume":
        path = str(prepared / module)
        tenant.run(module, **{**json.loads(json.dumps(without).replace(FOLDER, str(prepared))), "report_path": path})
    if key in ("earlier", "current"):
        (prepared / "earlier.json").write_text(json.dumps(tenant.run("license_report_info"), default=str))
    if key == "restore_all":
        record = {"record_path": str(prepared / "record"), "record_missing": "create"}
        assert tenant.run("licensed_users", users=[LEAVER], **record)["changed"]
    capsys.readouterr()
    assert seen(tenant, module, without, prepared, capsys) != seen(tenant, module, with_it, prepared, capsys), f"{key} does nothing"
