#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Licenses of many users, as profiles and a list declare them, with one plan for all users."""

from __future__ import annotations

DOCUMENTATION = r"""
module: licensed_users
short_description: License users from files
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Licenses the listed users as profiles and the list declare. One plan covers all users.
  - The plan has direct licenses, memberships of licensing groups and seats of allotments.
    (A seat is one unit of a SKU; an allotment is a pool of seats in cloudLicensing.)
  - A user is licensed, released or restored. A release is recorded in a file before anything is removed, and a restore assigns what was recorded.
  - Every name is resolved to its id before anything is compared. Two spellings of one SKU, group or user are the same.
  - Seats are counted once over the whole run. A user can take the seat that another user of the list frees, in any order of the list.
  - A removal waits until its replacement succeeded and shows. A swap of direct licenses is one request.
  - A direct license and the cloudLicensing assignment behind it are one holding.
  - A run of more than 30 seconds shows its progress, on a terminal and where the variable C(license_progress) is true.
extends_documentation_fragment:
  - m365.licensing._graph
  - m365.licensing._graph.attributes
  - m365.licensing._bulk
options:
  profiles:
    description:
      - Profiles by name. Each has C(licenses), C(groups), C(allotments), C(usage_location), C(inherits) and C(description), all of them optional.
      - An entry of C(licenses) has C(sku), C(disabled_plans), C(enabled_plans), C(plans_mode), C(alternatives) and C(prefer),
        as O(m365.licensing.user_assign_license#module:licenses.add) has them. C(prefer) is V(first) for a user who moves from another profile,
        and V(held) for all others.
      - An entry of C(groups) is the object id or the exact display name of a group.
      - An entry of C(allotments) has C(sku) or C(allotment), and C(subscription_id), C(allotment_choice), C(disabled_plans), C(enabled_plans)
        and C(plans_mode), as M(m365.licensing.cloud_license_assignment) has them.
      - A profile replaces what it inherits for the same SKU. Groups add up.
      - A name that the tenant does not have is an error of the users with that profile. In a profile without users it is a warning.
    type: dict
    default: {}
  users:
    description:
      - The users, as names or as dictionaries. A text that holds such a list as YAML is accepted.
      - Each has C(user) (object id or user principal name), and C(profile) or C(licenses), C(groups), C(allotments) and C(usage_location) of its own.
        For the same SKU, the entry replaces the profile.
      - C(from) names the previous profile, C(keep) SKUs that are not removed. C(first_day) and C(last_day) are days such as V(2026-12-31).
      - C(state) replaces O(state), and C(after_release) replaces O(after_release) for this user.
      - The same user twice is one user when both entries declare the same. Different entries are an error that names both.
    type: raw
    required: true
  state:
    description:
      - V(licensed) assigns what the profile and the entry declare. A user past the last working day is released (see O(leavers)).
      - V(released) removes everything but C(keep) - direct licenses, seats, and memberships of groups that assign licenses.
        The user keeps memberships of other groups. A user whose last day has not passed is skipped.
      - V(restored) assigns the licenses in the user's record, and removes what O(after_release) had assigned.
        What is impossible today, such as a deleted SKU or group, is a warning and remains open in the record.
    type: str
    default: licensed
    choices: [licensed, released, restored]
  leavers:
    description:
      - What happens to entries whose C(last_day) and O(grace_days) have passed.
      - V(release) releases them. V(skip) leaves them alone and lists them. V(only) releases them and processes no other entry.
    type: str
    default: release
    choices: [release, skip, only]
  keep:
    description:
      - SKUs that all released users keep, in addition to C(keep) of the entries. One that the tenant doesn't have is an error.
    type: list
    elements: str
  after_release:
    description:
      - What to assign to a released user instead, in the same request, such as a license with only the mailbox.
        It has the key C(licenses), as a profile has it.
    type: dict
  record_path:
    description:
      - The file in which the licenses of leavers are recorded, one line of JSON for each time that something is removed from a user.
        The lines of a request are on the disk before it is sent.
      - Required when a user of the list is released or restored today. One run at a time uses it. The mode is 0600.
    type: path
  record_missing:
    description:
      - Whether a missing file is an error, or is created. Set V(create) for the first run.
    type: str
    default: fail
    choices: [fail, create]
  restore_all:
    description:
      - With O(state=restored) and an empty O(users), whether to restore all users of the record whose licenses are not restored yet.
    type: bool
    default: false
  user_errors:
    description:
      - V(fail) fails the task when entries have errors. Ansible prints no diff of a failed task.
      - With V(report), the task succeeds, so that the diff is printed. RV(lines) then has the errors, and RV(msg) reports in one line that there are some.
        Validation errors and sign-in errors always fail the task.
    type: str
    default: fail
    choices: [fail, report]
  wait_timeout:
    description:
      - For how many seconds the run waits, for all users together, until groups show the licenses that replace what is removed.
        After that, the outcome of these users is V(waiting). The next run continues.
    type: float
    default: 300.0
  licensing_groups:
    description:
      - What groups assign to their members, before users are added to them. Each has C(group) (object id or exact display name),
        C(licenses) as a profile has them, C(remove) (SKUs), C(exactly) (whether the group has no other licenses), C(protect) and C(max_removals).
      - A SKU in C(remove) that the tenant doesn't have removes nothing, and is a warning.
      - A license removed from a group counts once per member for O(max_removals).
      - A listed member's replacement over another assignment path is assigned first. It must show before the license is removed from the group.
        When such a member has an error, the group keeps it.
    type: raw
  remove:
    description:
      - What to remove from a user with a profile.
      - V(nothing) removes nothing.
      - V(previous) removes what the profile in C(from) assigns and the new profile and the entry don't. Without C(from), nothing is removed.
        A direct license that a group of the new profile assigns as well is removed once the group's license shows.
      - V(other_profiles) does the same for all profiles but the user's own.
      - The module keeps what no profile names, whatever its assignment path.
    type: str
    default: nothing
    choices: [nothing, previous, other_profiles]
  previous_users:
    description:
      - The list of the last run. Users whose entry has no C(from) get it from there.
    type: raw
  today:
    description:
      - The day of the run. The default is the date in UTC.
    type: str
  grace_days:
    description:
      - Days after C(last_day) for which an entry still counts.
    type: int
    default: 0
  lead_days:
    description:
      - Days before C(first_day) from which an entry counts. Before that, the entry is skipped, and RV(seats_due) has its seats.
    type: int
    default: 0
  missing:
    description:
      - Whether a user that the tenant doesn't have is an error of the entry, or a warning.
    type: str
    default: fail
    choices: [fail, ignore]
  inherited:
    description:
      - What to do when a user holds a SKU through a group only. V(assign) assigns it directly as well, V(accept) leaves it to the group, V(fail) is an error.
    type: str
    default: assign
    choices: [assign, accept, fail]
  carry_plans:
    description:
      - Whether a license that is added while another is removed begins with the service plans that were off there, matched by id, then by name.
    type: bool
    default: false
  protect:
    description:
      - SKUs that are never removed. One that the tenant doesn't have is an error.
    type: list
    elements: str
  max_removals:
    description:
      - How many licenses the run may remove, as a number, or as a part such as V(30%) of what the listed users hold.
        Direct licenses, seats and memberships of licensing groups count. A license that the run replaces does not count.
      - Beyond this limit, nothing is written. The results and the diff show what would be.
      - The default is V(30%) from 10 users on, without users that O(state) or C(state) releases.
    type: str
  seat_check:
    description:
      - With V(enforce), a user without a free seat is an error. V(try) lets Graph decide, and warns.
    type: str
    default: enforce
    choices: [enforce, try]
  plan_check:
    description:
      - With V(enforce), service plans that exclude or need each other are an error. V(try) lets Graph decide, and warns.
    type: str
    default: enforce
    choices: [enforce, try]
seealso:
  - module: m365.licensing.users_assign_license
  - module: m365.licensing.user_license_info
"""

EXAMPLES = r"""
- name: License users from files
  m365.licensing.licensed_users:
    profiles:
      base:
        usage_location: DE
        licenses:
          - sku: POWER_BI_PRO
      analyst:
        inherits: base
        licenses:
          - sku: SPE_E3
            disabled_plans: [SWAY]
    users:
      - user: alice@contoso.example
        profile: base
      - user: bob@contoso.example
        profile: analyst

- name: Move a user to another profile
  m365.licensing.licensed_users:
    profiles:
      analyst:
        licenses: [{sku: SPE_E3}]
      lead:
        licenses: [{sku: SPE_E5}]
    users:
      - user: carol@contoso.example
        profile: lead
        from: analyst
    remove: previous
    carry_plans: true
    max_removals: 50

- name: Onboard a user and release a leaver
  m365.licensing.licensed_users:
    profiles:
      support:
        groups: [Support desk]
    users:
      - user: grace@contoso.example
        profile: support
      - user: erin@contoso.example
        last_day: "2026-01-31"
        after_release: # the user keeps the mailbox
          licenses: [{sku: SPE_E5, enabled_plans: [EXCHANGE_S_ENTERPRISE]}]
    record_path: leavers.jsonl
    record_missing: create

- name: Restore a user
  m365.licensing.licensed_users:
    users: [erin@contoso.example]
    state: restored
    record_path: leavers.jsonl
"""

RETURN = r"""
results:
  description: The entries that O(results) asks for, in the order given.
  returned: once the users were read
  type: list
  elements: dict
  contains:
    user:
      description: The user, as the entry names it.
      type: str
      returned: always
      sample: alice@contoso.example
    outcome:
      description: V(changed), V(unchanged), V(waiting), V(failed) or V(skipped).
      type: str
      returned: always
      sample: changed
    state:
      description: V(released) or V(restored).
      type: str
      returned: for users who leave or come back
      sample: released
    reason:
      description: Why the entry was skipped.
      type: str
      returned: when a first or last day is the reason
      sample: the first day is 2026-12-01
    changed:
      description: Whether something was done, or in check mode would be.
      type: bool
      returned: always
    failed:
      description: Whether the entry has errors, or a request failed.
      type: bool
      returned: always
    changes:
      description:
        - What was done, or in check mode would be, as RV(m365.licensing.user_assign_license#module:changes) has it.
        - Seats have the actions C(create_seat), C(update_seat) and C(delete_seat), with C(allotment). Groups have C(join_group) and C(leave_group),
          with C(group) and C(group_id). A change that waits for another one has a C(reason).
        - The action C(service_plans) lists the service plans that turn C(on) or C(off) for the user, over all assignment paths.
      type: list
      elements: dict
      returned: always
    findings:
      description: Predicted errors and warnings, as RV(m365.licensing.user_assign_license#module:findings) has them.
      type: list
      elements: dict
      returned: always
    msg:
      description: What failed, and what to do about it.
      type: str
      returned: failure
    failure:
      description: What failed, for a playbook to branch on, as RV(m365.licensing.user_assign_license#module:failure) has it.
      type: dict
      returned: failure
group_results:
  description: The entries of O(licensing_groups) that O(results) asks for, with C(group), and C(outcome) to C(failure) as RV(results) has them.
  returned: once the users were read
  type: list
  elements: dict
  sample: [{group: Support desk, outcome: unchanged, changed: false, failed: false, changes: [], findings: []}]
summary:
  description:
    - How many entries there were of each outcome, how many requests were sent, and for how many seconds requests waited for Graph's limits.
    - C(groups) counts licensing groups.
  returned: once the users were read
  type: dict
  sample: {total: 1000, changed: 100, unchanged: 899, failed: 1, skipped: 0, waiting: 0, requests: 8, seconds_throttled: 0.0}
lines:
  description: The outcome of users and groups, in a few lines. These are the counts, then up to ten errors, each once with the number of users that have it.
  returned: once the users were read
  type: list
  elements: str
  sample: ["3 users: 1 changed, 1 unchanged, 1 with an error", "heidi@contoso.example: no free seat of SPE_E5"]
msg:
  description: What failed, and what to do about it.
  returned: failure, or with O(user_errors=report) when something failed
  type: str
ansible_stats:
  description:
    - What a workflow passes on, as C(set_stats) does. C(license_summary) has the counts of C(users) and C(groups), with the number of C(errors) by code,
      and the C(seats) of each SKU before and after. It also has the C(diff) as text, as far as 20,000 characters go. Without C(--diff), that is empty.
    - Ansible takes it from tasks that do not fail, so it needs O(user_errors=report).
  returned: once the users were read
  type: dict
seats_due:
  description: The seats, by SKU part number, that users with a future first day need.
  returned: once the users were read
  type: dict
  sample: {SPE_E3: 4}
plan_digest:
  description: The digest of the plan. Two runs with the same digest make the same changes.
  returned: once the users were read
  type: str
  sample: 5b2c1d7f8a90e3c4
failure:
  description: What failed. C(code) is V(too_many_removals) when the run exceeds its removal limit,
    V(some_failed) when entries failed, V(ended) when it stopped.
  returned: failure
  type: dict
  sample: {code: some_failed, status: null, request_id: null, retriable: true, remedy: null}
"""

from ansible_collections.m365.licensing.plugins.module_utils._module.clients.licensed_users import run_licensed_users
from ansible_collections.m365.licensing.plugins.module_utils._module.options import BULK, CHECKS, SHARED, GraphModule


def main():
    """Entry point."""
    module = GraphModule(
        argument_spec={
            **SHARED,
            **BULK,
            **CHECKS,
            "profiles": {"type": "dict", "default": {}},
            "users": {"type": "raw", "required": True},
            "remove": {"type": "str", "default": "nothing", "choices": ["nothing", "previous", "other_profiles"]},
            "previous_users": {"type": "raw"},
            "licensing_groups": {"type": "raw"},
            "state": {"type": "str", "default": "licensed", "choices": ["licensed", "released", "restored"]},
            "leavers": {"type": "str", "default": "release", "choices": ["release", "skip", "only"]},
            "keep": {"type": "list", "elements": "str"},
            "after_release": {"type": "dict"},
            "record_path": {"type": "path"},
            "record_missing": {"type": "str", "default": "fail", "choices": ["fail", "create"]},
            "restore_all": {"type": "bool", "default": False},
            "user_errors": {"type": "str", "default": "fail", "choices": ["fail", "report"]},
            "wait_timeout": {"type": "float", "default": 300.0},
            "today": {"type": "str"},
            "grace_days": {"type": "int", "default": 0},
            "lead_days": {"type": "int", "default": 0},
            "missing": {"type": "str", "default": "fail", "choices": ["fail", "ignore"]},
            "inherited": {"type": "str", "default": "assign", "choices": ["assign", "accept", "fail"]},
            "carry_plans": {"type": "bool", "default": False},
            "protect": {"type": "list", "elements": "str"},
            "max_removals": {"type": "str"},
        },
        supports_check_mode=True,
    )
    run_licensed_users(module)


if __name__ == "__main__":
    main()
