"""Who is at the other end of an ASGI connection: address, agent, and proxies that may speak for others.

A forwarded address is what the sender of the request says. Only what a declared proxy added is
believed: the list is read from its end, declared proxies are passed over, and the first other
address is the client's (X-Forwarded-For; RFC 7239, section 5.2 for `Forwarded`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from assay.audit_log.caller import ADDRESS_LENGTH_MAX, AGENT_LENGTH_MAX, shown
from assay.errors import BadInput

Scope = Mapping[str, Any]

_HEADERS = ("x-forwarded-for", "forwarded")
_HEADER_BYTES_MAX = 8_192
_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^";\s]+)\s*(?=;|$)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks whose forwarded addresses are believed, and the header that they write."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    header: str = "x-forwarded-for"

    def trust(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether a declared proxy has this address."""
        return any(address in network for network in self.networks)


def declared_proxies(networks: Sequence[str], header: str) -> Proxies:
    """The proxies in these networks (`10.0.0.0/8`, `192.0.2.7`).

    Raises:
        BadInput: a network is not one, or the header is neither X-Forwarded-For nor Forwarded.
    """
    if header.lower() not in _HEADERS:
        raise BadInput(
            f"Addresses are not read from the header {header!r}.",
            next_step="Write 'x-forwarded-for' or 'forwarded', whichever your proxy sets.",
        )
    try:
        return Proxies(tuple(ip_network(network) for network in networks), header.lower())
    except ValueError as error:
        raise BadInput(
            "A trusted proxy is not an address or a network.",
            next_step="Write it like 10.0.0.0/8 or 192.0.2.7.",
        ) from error


def address_of(scope: Scope, proxies: Proxies) -> str | None:
    """The client's address; None where the connection has none, as on a Unix socket."""
    peer = scope.get("client")
    if not peer:
        return None
    nearest = _ip(str(peer[0]))
    if nearest is None:
        return shown(str(peer[0]), ADDRESS_LENGTH_MAX)
    if proxies.trust(nearest):
        for text in _forwarded(scope, proxies.header):
            hop = _ip(text)
            if hop is None:
                break
            nearest = hop
            if not proxies.trust(hop):
                break
    return str(nearest)


def agent_of(scope: Scope) -> str | None:
    """What the client's program calls itself, printable and at most 256 characters."""
    found = next(_values(scope, b"user-agent"), None)
    return None if found is None else shown(found, AGENT_LENGTH_MAX)


def _forwarded(scope: Scope, header: str) -> Iterator[str]:
    """The addresses in the header, nearest first; several headers are one list, in their order."""
    whole = ",".join(_values(scope, header.encode()))
    # What is far too long is no list that a declared proxy wrote; its end still is.
    for part in reversed(whole[-_HEADER_BYTES_MAX:].split(",")):
        if header == "forwarded":
            found = _FOR.search(part)
            yield found[1].strip('"') if found else ""
        else:
            yield part.strip()


def _values(scope: Scope, name: bytes) -> Iterator[str]:
    for key, value in scope.get("headers", ()):
        if key.lower() == name:
            yield value.decode("latin-1")


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    """The address in `192.0.2.7`, `192.0.2.7:80`, `2001:db8::7` or `[2001:db8::7]:80`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
