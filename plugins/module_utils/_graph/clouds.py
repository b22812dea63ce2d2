# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The national clouds of Microsoft 365, and which addresses a task may connect to (graph-contract 8)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from .._errors import OptionError

CLOUDS = {
    "AzureCloud": ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "AzureUSGovernment": ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
    "AzureUSGovernmentDoD": ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    "AzureChinaCloud": ("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
}


@dataclass(frozen=True, slots=True)
class Cloud:
    """The addresses of the sign-in service and of Graph, both without a slash at the end.

    resource identifies Graph in tokens, also where a private endpoint is used.
    """

    name: str
    authority_url: str
    graph_url: str
    resource: str


def choose_cloud(name: str, authority_url: str | None, graph_url: str | None) -> Cloud:
    """The cloud of a name, with other addresses where given. Raises OptionError for an address that is not safe."""
    authority, graph = CLOUDS[name]
    chosen_authority = _checked("authority_url", authority_url) if authority_url else authority
    chosen_graph = _checked("graph_url", graph_url) if graph_url else graph
    return Cloud(name, chosen_authority, chosen_graph, graph)


def is_loopback(url: str) -> bool:
    """Whether a URL points at this machine."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or _is_address(host, "is_loopback")


def is_direct(url: str) -> bool:
    """Whether a URL points at this machine or at its own link, where identity endpoints are: no proxy may be used (graph-contract 9)."""
    return is_loopback(url) or _is_address(urlsplit(url).hostname or "", "is_link_local")


def _is_address(host: str, kind: str) -> bool:
    try:
        return bool(getattr(ip_address(host), kind))
    except ValueError:
        return False


def _is_host(host: str | None) -> bool:
    """Whether a name can be looked up: labels of 1 to 63 characters, or an address."""
    return bool(host) and (":" in str(host) or all(0 < len(label) < 64 for label in str(host).rstrip(".").split(".")))


def _checked(option: str, url: str) -> str:
    url = url.rstrip("/") if "://" in url else f"https://{url.rstrip('/')}"
    try:
        parts = urlsplit(url)
        is_address = _is_host(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_address = False
    if "@" in url:
        raise OptionError(f"{option} contains a user name or password: give the address alone, and sign in by the options for that")
    if not is_address or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise OptionError(f"{option} is {url!r}: give an address such as https://graph.microsoft.com")
    if parts.scheme == "http" and option == "authority_url":
        raise OptionError(f"{option} is {url!r}: unencrypted HTTP would expose the credential; use https")
    if parts.scheme == "http" and not is_loopback(url):
        raise OptionError(f"{option} is {url!r}: unencrypted HTTP would expose the token; use https (http is for loopback only)")
    return url
