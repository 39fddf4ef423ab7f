"""Which addresses a webhook may reach: the public internet and what the operator allows, so that nobody can use the service
to talk to machines behind its firewall."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pipeline.errors import ReelsightError, SetupError
from pipeline.settings import Settings

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

NAT64 = IPv6Network("64:ff9b::/96")
IPV4_COMPATIBLE = IPv6Network("::/96")
SPECIAL = tuple(
    ip_network(one)
    for one in (
        "100.64.0.0/10",  # shared address space
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 serves metadata in one cloud
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # protocol assignments, Teredo among them
        "fec0::/10",  # site-local, deprecated and still routed in places
    )
)
"""Special-purpose networks in which releases of Python's `ipaddress` call some addresses global. Source: RFC 6890, RFC 3879."""
LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


class AddressRefused(ReelsightError):  # noqa: N818 - what happened, as in pipeline.errors
    """A webhook's host is, or resolves to, an address that deliveries may not reach."""


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`, as the system resolves it.

    Raises:
        AddressRefused: the name has no address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused(f"host {host} cannot be resolved: {error}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_loopback(host: str) -> bool:
    """Whether a service bound to `host` can be reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Guard:
    """Resolves hosts and refuses those with an address outside the public internet and the allowed networks."""

    networks: Sequence[IPv4Network | IPv6Network] = ()
    resolver: Resolver = resolve

    @classmethod
    def from_settings(cls, settings: Settings, resolver: Resolver = resolve) -> "Guard":
        """The guard of an installation; one bound to loopback may also deliver to loopback.

        Raises:
            SetupError: an entry of `webhook_networks` is not a network.
        """
        try:
            networks = [ip_network(entry, strict=False) for entry in settings.webhook_networks]
        except ValueError as error:
            raise SetupError(f"REELSIGHT_WEBHOOK_NETWORKS: {error}") from None
        return cls((*networks, *(LOOPBACK if is_loopback(settings.host) else ())), resolver)

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of `host`; connect to one of these, never to the name again.

        Raises:
            AddressRefused: the host has no address, or one of them is refused.
        """
        found = self.resolver(host, port)
        if not found:
            raise AddressRefused(f"host {host} has no address")
        for address in found:
            if not self.permits(address):
                raise AddressRefused(
                    f"host {host} is at {address}, which is not on the public internet; "
                    "the operator can allow its network with REELSIGHT_WEBHOOK_NETWORKS"
                )
        return found

    def permits(self, address: str) -> bool:
        """Whether deliveries may reach this address."""
        carried = _carried(ip_address(address.partition("%")[0]))
        return all(_is_public(one) for one in carried) or any(
            one in network for one in carried for network in self.networks if network.version == one.version
        )


def _is_public(address: Address) -> bool:
    """Whether the address is a host of the public internet; `is_global` alone lets multicast through."""
    if any(address in network for network in SPECIAL if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _carried(address: Address) -> Sequence[Address]:
    """The address and the IPv4 addresses inside it that a router or translator would deliver to.

    Source: RFC 4291 §2.5.5 (mapped, compatible), RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).
    """
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in NAT64 or (address in IPV4_COMPATIBLE and int(address) > 1):
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    return [address, *(address.teredo or ())]
