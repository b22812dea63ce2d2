# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts and passwords in the addresses of proxies, which no message may show."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote


def proxy_secrets() -> set[str]:
    """The passwords, and names with passwords, in every variable that names a proxy, both as written and URL-decoded."""
    addresses = [value for name, value in os.environ.items() if name.lower().endswith("_proxy") and "@" in value]
    accounts = {re.sub(r"^\w[\w+.-]*://", "", address).rpartition("@")[0] for address in addresses}
    passwords = {account.partition(":")[2] for account in accounts}
    parts = {part for password in passwords for part in re.split(r"[/?#]", password)}
    return {form for text in accounts | passwords | parts for form in (text, unquote(text)) if len(form) > 2}


def without_secrets(text: str) -> str:
    """Return the text without the secrets of proxies."""
    for secret in sorted(proxy_secrets(), key=len, reverse=True):
        text = text.replace(secret, "********")
    return text
