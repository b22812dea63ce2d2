# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remedies for the errors of the sign-in service, by Microsoft's code."""

from __future__ import annotations

import re

_REMEDIES = {
    "7000215": "give the value of the client secret, not its id, in client_secret (AZURE_CLIENT_SECRET)",
    "7000222": "the client secret has expired: create another one, and give it in client_secret (AZURE_CLIENT_SECRET)",
    "700016": "check client_id (AZURE_CLIENT_ID), and tenant_id (AZURE_TENANT_ID) of the app registration",
    "700027": "check certificate_path (AZURE_CLIENT_CERTIFICATE_PATH): the app registration must have this certificate",
    "700024": "the clock of this machine is wrong, or the token of federated_token_file has expired",
    "7000229": "the tenant has no service principal of the application: grant admin consent first",
    "90002": "check tenant_id (AZURE_TENANT_ID)",
    "900023": "check tenant_id (AZURE_TENANT_ID)",
    "65001": "grant admin consent to the permissions of the app registration",
    "70043": "sign in again, as a Conditional Access policy has ended the session",
    "50076": "sign in again, as the tenant asks for multifactor authentication",
    "53003": "a Conditional Access policy blocks the sign-in: use a workload identity that it allows",
}


def sign_in_remedy(text: str) -> str | None:
    """The remedy for the AADSTS code in a text, if there is one. msal reports an unknown tenant in words of its own."""
    if "authority configuration" in text:
        return _REMEDIES["90002"]
    found = re.search(r"AADSTS([0-9]+)", text)
    return _REMEDIES.get(found.group(1)) if found else None
