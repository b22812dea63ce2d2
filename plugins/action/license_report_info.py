# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin of M(m365.licensing.license_report_info): drops blank options, and displays progress."""

from __future__ import annotations

from ansible_collections.m365.licensing.plugins.plugin_utils._action import LicensingAction


class ActionModule(LicensingAction):
    """Runs the module, adds origins to its texts, and displays its progress."""
