# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of M(m365.licensing.licensed_users): file and line of what the module names by its place in an option, and how far it is."""

from __future__ import annotations

from ansible_collections.m365.licensing.plugins.plugin_utils._action import LicensingAction


class ActionModule(LicensingAction):
    """Runs the module, adds origins to its texts, and displays how far it is."""
