# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of M(m365.licensing.license_report_info): what is blank is not given, and how far the module is."""

from __future__ import annotations

from ansible_collections.m365.licensing.plugins.plugin_utils._action import LicensingAction


class ActionModule(LicensingAction):
    """Runs the module, adds origins to its texts, and displays how far it is."""
