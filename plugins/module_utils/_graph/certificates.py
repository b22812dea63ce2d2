# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which authorities are trusted, by which option or variable, and what each failure of TLS means."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass

try:
    from urllib3.util.ssl_ import create_urllib3_context
except ImportError:  # the transport reports that requests is missing
    create_urllib3_context = ssl.SSLContext  # type: ignore[assignment]

# requests' own, curl's, and OpenSSL's, in order of precedence
VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")

# text of OpenSSL, cause, remedy; {source} is the option or variable that was used
_CAUSES = (
    ("certificate has expired", "it has expired", "have it renewed, or correct the clock of this machine"),
    ("not yet valid", "it is not valid yet", "correct the clock of this machine"),
    ("hostname mismatch", "it is for another name", "correct the address"),
    ("ip address mismatch", "it is for another address", "correct the address"),
    ("is not valid for", "it is for another name", "correct the address"),
    ("revoked", "it was revoked", "have a new one issued"),
    (
        "basic constraints|key usage|authority key identifier|subject key identifier|not marked critical|invalid ca certificate",
        "its authority's certificate is not of the form that this version of Python requires",
        "have the authority's certificate reissued in accordance with RFC 5280, or set ca_path to it, which accepts it as it is",
    ),
    ("self-signed certificate in certificate chain|self signed certificate in certificate chain", "{source} does not contain its authority", "{give}"),
    ("unable to get local issuer|unable to get issuer|unable to verify the first", "{source} does not contain its authority", "{give}"),
    ("self-signed certificate|self signed certificate", "it is self-signed, and {source} does not contain it", "{give}"),
)


@dataclass(frozen=True, slots=True)
class Trust:
    """The trusted authorities: verify as requests accepts it, the option or variable that sets it, and the files and folders that are added to it."""

    verify: bool | str
    source: str
    more: tuple[str, ...] = ()

    def context(self) -> ssl.SSLContext | None:
        """TLS settings for named authorities: those of companies often do not meet all of RFC 5280, which Python 3.13 requires.

        Raises OSError for a file or folder that cannot be used.
        """
        if not isinstance(self.verify, str) and not self.more:
            return None
        context = create_urllib3_context()
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        for path in self.more:
            context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
        return context

    def meaning(self, reason: str) -> str:
        """Return cause and remedy of a certificate that is not accepted; reason is the text of OpenSSL."""
        said = reason.lower()
        give = "add its authority there" if isinstance(self.verify, str) or "variable" in self.source else "set ca_path to its authority"
        for signs, cause, remedy in _CAUSES:
            if any(sign in said for sign in signs.split("|")):
                return f"{cause.format(source=self.source)}: {remedy.format(give=give)}"
        return f"{self.source} does not verify it: {give}"


def choose_trust(ca_path: str | None, validate_certs: bool) -> Trust:
    """Return the trust by ca_path, else by one variable of requests or curl, each alone; else that of requests, with what OpenSSL's variables add."""
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
