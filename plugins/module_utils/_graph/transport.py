# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that opens connections: one requests session, with its proxies, certificates and time limit."""

from __future__ import annotations

import ssl
import threading
import warnings
from urllib.parse import urlsplit

from .._errors import LicensingError, OptionError, TransportError
from .certificates import choose_trust
from .clouds import is_direct
from .connections import CuttableAdapter
from .proxies import without_secrets

try:
    import requests
    from urllib3.exceptions import HTTPError
except ImportError as error:
    requests = None  # type: ignore[assignment]
    HTTPError = OSError  # type: ignore[assignment,misc]
    REQUESTS_IMPORT_ERROR: ImportError | None = error
else:
    REQUESTS_IMPORT_ERROR = None


_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_NO_SANDBOX = "start the sandbox tenant again, or open a new shell for your own tenant, without MSGRAPH_URL"


class LostConnectionError(TransportError):
    """The connection failed. was_sent says whether the service may have received the request, and carried it out."""

    def __init__(self, message: str, was_sent: bool) -> None:
        super().__init__(message, retriable=True)
        self.was_sent = was_sent


class DamagedAnswerError(LostConnectionError):
    """The answer is incomplete or unreadable: whether the request was carried out is not known."""

    def __init__(self, message: str) -> None:
        super().__init__(message, was_sent=True)


class Transport:
    """Sends requests, each thread over a connection of its own, and follows no redirect.

    Authorities are those of ca_path, else of the environment. Of the environment, only proxies are used otherwise, and those not for this
    machine and its own link. timeout is in seconds, for one request with its whole answer.
    """

    def __init__(self, ca_path: str | None, validate_certs: bool, timeout: float) -> None:
        self._sessions: list[requests.Session] = []
        self._own = threading.local()
        self._trust = choose_trust(ca_path, validate_certs)
        self._timeout = timeout
        if not validate_certs:
            warnings.filterwarnings("ignore", message="Unverified HTTPS request")

    def send(self, method: str, url: str, token: str | None = None, no_proxy: bool = False, **options):
        """Return the response of one request, whatever its status. no_proxy bypasses proxies. Raises LostConnectionError or TransportError."""
        proxies = {} if no_proxy or is_direct(url) else requests.utils.get_environ_proxies(url)
        if token is not None:
            options["headers"] = {**(options.get("headers") or {}), "Authorization": f"Bearer {token}"}
        is_over = threading.Event()
        try:
            with self._adapter().within(self._timeout, is_over):
                response = self._own.session.request(
                    method, url, verify=self._trust.verify, timeout=self._timeout, allow_redirects=False, proxies=proxies, **options
                )
        except requests.exceptions.RequestException as fault:
            raise self._translated(fault, url, is_over.is_set(), no_proxy) from None
        except (HTTPError, ValueError) as fault:
            raise TransportError(f"cannot send to {_address(url)}: {_reason(fault)}; check the address and the proxies") from None
        except OSError as fault:
            if is_over.is_set():
                raise self._late(url) from None
            raise self._unreadable(fault) from None
        if is_over.is_set():
            raise self._late(url)
        if response.is_redirect:
            raise TransportError(f"{url} answered with a redirect to {response.headers['location']}, which is not followed; check the address")
        return response

    def _adapter(self) -> CuttableAdapter:
        """The connections of this thread: requests does not promise that a session can be shared."""
        if not hasattr(self._own, "session"):
            self._own.session = session = requests.Session()
            self._own.adapter = CuttableAdapter(self._context())
            session.trust_env = False  # neither .netrc, nor a proxy that this class has not chosen
            session.headers["User-Agent"] = "m365.licensing"
            for start in ("https://", "http://"):
                session.mount(start, self._own.adapter)
            self._sessions.append(session)
        return self._own.adapter

    def _context(self) -> ssl.SSLContext | None:
        try:
            return self._trust.context()
        except OSError as fault:
            raise self._unreadable(fault) from None

    def _unreadable(self, fault: OSError) -> OptionError:
        return OptionError(f"{self._trust.source}: {fault}; give a readable file or folder of PEM certificates")

    def close(self) -> None:
        """Closes the connections."""
        for session in self._sessions:
            session.close()

    def _late(self, url: str) -> LostConnectionError:
        return LostConnectionError(f"no complete answer from {_address(url)} within timeout of {self._timeout:g} s", was_sent=True)

    def _translated(self, fault: Exception, url: str, is_over: bool, is_identity: bool) -> LicensingError:
        host, shown = _address(url), repr(fault)
        if is_over:
            return self._late(url)
        if "[X509" in shown or "PEM lib" in shown:
            return OptionError(f"{self._trust.source}: the file or folder has no PEM certificates: {_reason(fault)}; give one that does")
        if "CERTIFICATE_VERIFY_FAILED" in shown:
            reason = _reason(fault)
            return TransportError(f"the certificate of {host} is not trusted, as {self._trust.meaning(reason)} ({reason})")
        if isinstance(fault, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema)):
            return TransportError(f"cannot send to {host}: its address, or that of a proxy in the environment, cannot be used; check both")
        if isinstance(fault, requests.exceptions.ProxyError):
            return LostConnectionError(f"the proxy did not connect to {host}: {_reason(fault)}", was_sent=False)
        if isinstance(fault, requests.exceptions.ConnectTimeout) or any(name in shown for name in _NEVER_CONNECTED):
            hint = f"; {_NO_SANDBOX}" if urlsplit(url).hostname in _LOOPBACK and not is_identity else ""
            return LostConnectionError(f"cannot connect to {host}: {_reason(fault)}{hint}", was_sent=False)
        if isinstance(fault, _LOST) and ("EOF" in shown or not isinstance(fault, requests.exceptions.SSLError)):
            return LostConnectionError(f"no answer from {host}: {_reason(fault)}", was_sent=True)
        return TransportError(f"cannot use the connection to {host}: {_reason(fault)}; check the address")


def _address(url: str) -> str:
    return url.split("?", maxsplit=1)[0]


_NEVER_CONNECTED = ("NewConnectionError", "NameResolutionError")
_LOST: tuple[type[Exception], ...] = ()
if requests is not None:  # no answer, or one that is damaged
    _LOST = (
        requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
    )


def _reason(fault: BaseException) -> str:
    """Return the innermost cause, which is the informative one, without the passwords of proxies."""
    inner = getattr(fault, "reason", None) or next((arg for arg in fault.args if isinstance(arg, BaseException)), None)
    return _reason(inner) if inner is not None and isinstance(inner, BaseException) else without_secrets(str(fault))
