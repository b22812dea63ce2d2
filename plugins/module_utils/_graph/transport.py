# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that opens connections: one requests session, with its proxies, certificates and time limit."""

from __future__ import annotations

import threading
import warnings

from .._errors import LicensingError, OptionError, TransportError
from .clouds import is_loopback

try:
    import requests
    from requests.auth import AuthBase
except ImportError as error:
    requests = None  # type: ignore[assignment]
    AuthBase = object  # type: ignore[assignment,misc]
    REQUESTS_IMPORT_ERROR: ImportError | None = error
else:
    REQUESTS_IMPORT_ERROR = None


class LostConnectionError(TransportError):
    """The connection failed. was_sent says whether the service may have got the request, and done it."""

    def __init__(self, message: str, was_sent: bool) -> None:
        super().__init__(message, retriable=True)
        self.was_sent = was_sent


class _Bearer(AuthBase):
    """Sets the token where requests would otherwise let a .netrc file override the header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request):
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    """Sends requests, each thread over a connection of its own, and follows no redirect.

    ca_path wins over REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE, which requests would put before a session's own verify.
    timeout is in seconds, for connecting and for each wait on an answer.
    """

    def __init__(self, ca_path: str | None, validate_certs: bool, timeout: float) -> None:
        self._sessions: list[requests.Session] = []
        self._own = threading.local()
        self._verify: bool | str = (ca_path or True) if validate_certs else False
        self._timeout = timeout
        if not validate_certs:
            warnings.filterwarnings("ignore", message="Unverified HTTPS request")

    def send(self, method: str, url: str, token: str | None = None, **options):
        """The response of one request, whatever its status. Raises LostConnectionError or TransportError."""
        if is_loopback(url):
            options["proxies"] = {"http": None, "https": None}
        if token is not None:
            options["auth"] = _Bearer(token)
        try:
            response = self._session().request(method, url, verify=self._verify, timeout=self._timeout, allow_redirects=False, **options)
        except requests.exceptions.RequestException as fault:
            raise self._translated(fault, url) from None
        except OSError as fault:
            raise OptionError(f"ca_path: {fault}; give a readable file or folder of PEM certificates") from None
        if response.is_redirect:
            raise TransportError(f"{url} answered with a redirect to {response.headers['location']}, which is not followed; check the address")
        return response

    def _session(self) -> requests.Session:
        """The session of this thread: requests does not promise that one can be shared."""
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.headers["User-Agent"] = "m365.licensing"
            self._sessions.append(self._own.session)
        return self._own.session

    def close(self) -> None:
        """Closes the connections."""
        for session in self._sessions:
            session.close()

    def _translated(self, fault: Exception, url: str) -> LicensingError:
        host, shown = url.split("?", maxsplit=1)[0], repr(fault)
        if "[X509" in shown or "PEM lib" in shown:
            return OptionError(f"ca_path: what it names holds no PEM certificates: {_reason(fault)}; give a file or folder that does")
        if "CERTIFICATE_VERIFY_FAILED" in shown:
            return TransportError(f"the certificate of {host} is not trusted: {_reason(fault)}. Give its authority with ca_path")
        if isinstance(fault, requests.exceptions.ProxyError):
            return LostConnectionError(f"the proxy did not connect to {host}: {_reason(fault)}", was_sent=False)
        if isinstance(fault, requests.exceptions.ConnectTimeout) or any(name in shown for name in _NEVER_CONNECTED):
            return LostConnectionError(f"cannot connect to {host}: {_reason(fault)}", was_sent=False)
        if isinstance(fault, requests.exceptions.SSLError) and "EOF" not in shown:
            return TransportError(f"no TLS connection to {host}: {_reason(fault)}; check the address")
        if isinstance(fault, (requests.exceptions.ConnectionError, requests.exceptions.Timeout, requests.exceptions.ChunkedEncodingError)):
            return LostConnectionError(f"no answer from {host}: {_reason(fault)}", was_sent=True)
        return TransportError(f"cannot send to {host}: {_reason(fault)}")


_NEVER_CONNECTED = ("NewConnectionError", "NameResolutionError")


def _reason(fault: BaseException) -> str:
    """The innermost cause, which is the one that says something."""
    inner = getattr(fault, "reason", None) or next((arg for arg in fault.args if isinstance(arg, BaseException)), None)
    return _reason(inner) if inner is not None and isinstance(inner, BaseException) else str(fault)
