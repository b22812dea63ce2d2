# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose certificates are trusted, by which option or variable, and what each failure of TLS means."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass

try:
    from urllib3.util.ssl_ import create_urllib3_context
except ImportError:  # the transport says that requests is missing
    create_urllib3_context = ssl.SSLContext  # type: ignore[assignment]

# requests' own, curl's, and OpenSSL's, in the order in which they are looked at
VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")

# what OpenSSL says, cause, remedy; {source} is the option or variable that was used
_CAUSES = (
    ("certificate has expired", "it has expired", "have it renewed, or correct the clock of this machine"),
    ("not yet valid", "it is not valid yet", "correct the clock of this machine"),
    ("hostname mismatch", "it is for another name", "correct the address"),
    ("ip address mismatch", "it is for another address", "correct the address"),
    ("is not valid for", "it is for another name", "correct the address"),
    ("revoked", "it was revoked", "have a new one issued"),
    (
        "basic constraints|key usage|authority key identifier|subject key identifier|not marked critical|invalid ca certificate",
        "its authority's certificate is not of the form that this version of Python demands",
        "have the authority's certificate issued anew in accordance with RFC 5280, or name it with ca_path, which takes it as it is",
    ),
    ("self-signed certificate in certificate chain|self signed certificate in certificate chain", "{source} does not hold its authority", "{give}"),
    ("unable to get local issuer|unable to get issuer|unable to verify the first", "{source} does not hold its authority", "{give}"),
    ("self-signed certificate|self signed certificate", "it is signed by itself, and {source} does not hold it", "{give}"),
)


@dataclass(frozen=True, slots=True)
class Trust:
    """Which authorities are trusted: verify as requests takes it, the option or variable that says so, and the files and folders that are added to it."""

    verify: bool | str
    source: str
    more: tuple[str, ...] = ()

    def context(self) -> ssl.SSLContext | None:
        """TLS settings for authorities that were named: such of companies often do not meet RFC 5280 to the letter, which Python 3.13 demands.

        Raises OSError for one that is none.
        """
        if not isinstance(self.verify, str) and not self.more:
            return None
        context = create_urllib3_context()
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        for path in self.more:
            context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
        return context

    def meaning(self, reason: str) -> str:
        """Cause and remedy of a certificate that is not accepted; reason is what OpenSSL says."""
        said = reason.lower()
        give = "add its authority there" if isinstance(self.verify, str) or "variable" in self.source else "give its authority with ca_path"
        for signs, cause, remedy in _CAUSES:
            if any(sign in said for sign in signs.split("|")):
                return f"{cause.format(source=self.source)}: {remedy.format(give=give)}"
        return f"{self.source} does not vouch for it: {give}"


def choose_trust(ca_path: str | None, validate_certs: bool) -> Trust:
    """The option ca_path, else a variable of requests or curl, which all stand alone; else what requests brings, with what OpenSSL's variables add."""
    if not validate_certs:
        return Trust(False, "validate_certs")
    if ca_path:
        return Trust(ca_path, "ca_path")
    name = next((known for known in VARIABLES[:2] if os.environ.get(known)), None)
    if name:
        return Trust(os.environ[name], f"the environment variable {name}")
    added = {known: [path for path in os.environ.get(known, "").split(os.pathsep) if os.path.exists(path)] for known in VARIABLES[2:]}
    used = [known for known in VARIABLES[2:] if os.environ.get(known)]
    source = f"the environment variable {used[0]}" if used else "the set of authorities of Python's requests"
    return Trust(True, source, tuple(path for paths in added.values() for path in paths))
