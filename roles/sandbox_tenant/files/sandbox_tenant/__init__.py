# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tenant of Microsoft 365 on this machine: the licensing part of Microsoft Graph, and the identity service that it needs."""
