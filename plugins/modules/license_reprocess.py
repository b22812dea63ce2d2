#!/usr/bin/python
# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Trigger Microsoft Graph to reprocess a principal's licenses."""

from __future__ import annotations

DOCUMENTATION = r"""
module: license_reprocess
short_description: Reprocess the licenses of a user, or the cloudLicensing assignments of a principal
version_added: 0.1.0
author:
  - m365.licensing contributors (@m365-licensing)
description:
  - Makes Graph retry what it could not carry out, for example after you resolved the cause of an error.
  - It changes nothing that you declared, so it never reports a change. RV(reprocessed) and RV(changes) show what it triggered.
  - Without O(force=true) it triggers only where something is in error or waits.
  - When an obstacle remains, Graph reports it in its answer to the reprocessing of a user, and the task fails with it.
extends_documentation_fragment:
  - m365.licensing._graph
attributes:
  check_mode:
    description: Can run in C(check_mode) and report what it would trigger.
    support: full
  diff_mode:
    description: Changes nothing itself, so there is nothing to show.
    support: N/A
  idempotent:
    description: Never reports a change. As long as something is in error, every run triggers it again.
    support: partial
    details: Graph is asked again as long as something is in error, or with O(force=true).
  action_group:
    description: Use C(group/m365.licensing.graph) in C(module_defaults) to set the connection options for every module of this collection.
    support: full
    membership:
      - m365.licensing.graph
options:
  user:
    description:
      - Object id or user principal name of a user.
      - Exactly one of O(user), O(group), O(device) and O(me) must be given.
    type: str
  group:
    description:
      - Object id or exact display name of a group, with O(api=cloudLicensing).
        Graph does not report the errors of a group, so its reprocessing is always triggered.
    type: str
  device:
    description:
      - Object id or exact display name of a device, with O(api=cloudLicensing).
    type: str
  me:
    description:
      - Act on the signed-in user. Needs a delegated token.
    type: bool
  api:
    description:
      - V(assignLicense) reprocesses what a user inherits from groups. V(cloudLicensing) reprocesses the assignments of a principal (beta).
    type: str
    default: assignLicense
    choices: [assignLicense, cloudLicensing]
  force:
    description:
      - Whether to trigger reprocessing even when nothing is in error.
    type: bool
    default: false
seealso:
  - module: m365.licensing.user_license_info
  - module: m365.licensing.cloud_license_info
"""

EXAMPLES = r"""
- name: Reprocess the licenses Ivan inherits from groups
  m365.licensing.license_reprocess:
    user: ivan@contoso.example

- name: Force reprocessing of a device's assignments
  m365.licensing.license_reprocess:
    device: KIOSK-01
    api: cloudLicensing
    force: true
"""

RETURN = r"""
reprocessed:
  description: Whether reprocessing was triggered, or in check mode would be.
  returned: success
  type: bool
errors:
  description: The licenses of a user that were in error before, one row for each, with C(sku), C(error), C(cause) and C(remedy).
  returned: success
  type: list
  elements: dict
  sample:
    - user_principal_name: ivan@contoso.example
      sku: SPE_E5
      error: CountViolation
      cause: no seat is free
      remedy: buy or free one; Graph then tries again by itself
changes:
  description: What was triggered, or in check mode would be. C(action) is V(reprocess), and C(api) that of O(api).
  returned: always
  type: list
  elements: dict
  sample:
    - action: reprocess
      api: assignLicense
findings:
  description: Predicted errors (the task failed for them, and nothing was written) and warnings.
  returned: always
  type: list
  elements: dict
  contains:
    code:
      description: Short name of the finding.
      type: str
      returned: always
      sample: no_seats
    severity:
      description: V(error) or V(warning).
      type: str
      returned: always
      sample: error
    message:
      description: What is wrong, and what to do about it.
      type: str
      returned: always
    remedy:
      description: What to do about it, alone, or null.
      type: str
      returned: always
failure:
  description: What failed, for a playbook to branch on.
  returned: failure
  type: dict
  contains:
    code:
      description: Code of the predicted error, or of the error that Graph answered, else Graph's own code, or null.
      type: str
      returned: always
    status:
      description: HTTP status of Graph's answer, or null.
      type: int
      returned: always
    request_id:
      description: Graph's request id, for Microsoft's support, or null.
      type: str
      returned: always
    retriable:
      description: Whether the same task may succeed later.
      type: bool
      returned: always
    remedy:
      description: What to do about it, or null.
      type: str
      returned: always
"""

from ansible_collections.m365.licensing.plugins.module_utils._licensing.plan.changes import plan_cloud_reprocess, plan_reprocess
from ansible_collections.m365.licensing.plugins.module_utils._licensing.show.results import reprocess_result
from ansible_collections.m365.licensing.plugins.module_utils._module.clients.single import run_module
from ansible_collections.m365.licensing.plugins.module_utils._module.options import SHARED, GraphModule, principal_for_api, principal_of


def make_changes(params, reader):
    """What to trigger; reads only."""
    kinds = ("user", "group", "device", "me")
    if params["api"] == "cloudLicensing":
        who, troubles = reader.troubles(*principal_of(params, kinds))
        return plan_cloud_reprocess(who, troubles, params["force"])
    hint = "assignLicense reprocesses users; give api: cloudLicensing"
    user, catalog = reader.user_and_skus(*principal_for_api(params, kinds, ("user", "me"), hint))
    return plan_reprocess(user, catalog, params["force"])


def main():
    """Entry point."""
    module = GraphModule(
        argument_spec={
            **SHARED,
            "user": {"type": "str"},
            "group": {"type": "str"},
            "device": {"type": "str"},
            "me": {"type": "bool"},
            "api": {"type": "str", "default": "assignLicense", "choices": ["assignLicense", "cloudLicensing"]},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_module(module, make_changes, reprocess_result)


if __name__ == "__main__":
    main()
