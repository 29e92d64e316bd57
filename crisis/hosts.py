"""Names and addresses of machines: which lead to this machine alone, and which lead out to the public internet. Pure."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address that a gateway calls for us


def own_machine(host: str) -> bool:
    """Does this name lead nowhere but to the machine it is used on?"""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_address(host: str) -> bool:
    """Is it the number of a machine, not a name?"""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Does this number lead out to the internet, also when an IPv4 number is hidden in it? False for anything odd."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in _NAT64:
            inner = ip_address(found.packed[-4:])  # type: ignore[assignment]
        if inner is not None:
            return is_public(str(inner))
        if found.teredo is not None:
            return False  # it names a way round a firewall
    return found.is_global and not found.is_multicast
