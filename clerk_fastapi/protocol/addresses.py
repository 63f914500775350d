"""Where a request comes from: the address that no trusted proxy has, and the network it is in."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from clerk_fastapi.protocol.site import Proxies

__all__ = ["client_address", "network_of"]

_TRANSLATED: Final = IPv6Network("64:ff9b::/96")


def client_address(
    peer: str | None, forwarded_for: Iterable[bytes], proxies: Proxies
) -> str | None:
    """Find the client's address; ``None`` if the server does not know the other end.

    Every proxy adds whom it was asked by at the right end of ``X-Forwarded-For``. So the client is
    the first from there that is no trusted proxy, and whatever stands left of it can be anything.
    Where trusted proxies have written what is no address, it is the last proxy that did better.

    :param peer: the other end of the connection.
    :param forwarded_for: the values of ``X-Forwarded-For``.
    :param proxies: whose word counts; ``*`` stands for the other end alone.
    """
    if not proxies.include(peer):
        return peer
    client, named = peer, Proxies(proxies.networks)
    for entry in reversed(b",".join(forwarded_for).split(b",")):
        text = entry.strip().decode("latin-1")
        if not text:
            continue
        address = _address(text)
        if address is None:
            break
        client = str(address)
        if not named.include(client):
            break
    return client


def network_of(address: str) -> str:
    """What is one caller among others: an IPv4 address, and of IPv6 the 64 bits of a network.

    The rest of an IPv6 address everybody chooses for themselves. In the network of translators
    (RFC 6052 section 2.1) it is the IPv4 address that somebody comes from.
    """
    found = _address(address)
    if isinstance(found, IPv6Address):
        if found in _TRANSLATED:
            return str(IPv4Address(int(found) & 0xFFFF_FFFF))
        return str(IPv6Network((int(found) >> 64 << 64, 64)))
    return address if found is None else str(found)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address, which may have a port, and brackets then: ``[2001:db8::1]:443``."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
