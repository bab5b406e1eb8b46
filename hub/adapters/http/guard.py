"""Where requests to the outside may go: public addresses, and the private networks that the configuration names.

Invariant: the address that was judged is the address that is dialled. A name is resolved once, by the resolver that the
connector asks, and what it may not reach is left out of the answer; there is no second look-up in between that could
say something else (DNS rebinding).
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from hub.errors import Permanent

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
# Not public, yet `is_global` by some version of Python or by all: protocol assignments, site-local, documentation.
_SPECIAL = (ip_network("192.0.0.0/24"), ip_network("fec0::/10"), ip_network("3fff::/20"))


class AddressRefused(Permanent):
    """A request would go where the configuration does not let it."""

    code = "address-refused"


class Guard:
    """`hosts`: only these names, if there are any; `networks`: private ones that may be reached all the same."""

    def __init__(self, hosts: Iterable[str] = (), networks: Iterable[str] = ()) -> None:
        self._hosts: Collection[str] = frozenset(host.lower().rstrip(".") for host in hosts)
        self._networks = [ip_network(network) for network in networks]

    def check_host(self, host: str) -> None:
        """Raises AddressRefused for a name that is not allowed, or an address written out that is not."""
        name = host.lower().rstrip(".").strip("[]")
        if self._hosts and name not in self._hosts:
            raise AddressRefused(f"{host} is not among http.outbound.allowed_hosts")
        try:
            address = ip_address(name.partition("%")[0])
        except ValueError:
            return
        if not self.allows(address):
            raise AddressRefused(_explained(host, [str(address)]))

    def allows(self, address: Address) -> bool:
        """Whether an address may be dialled."""
        meant = _meant(address)
        if any(address in network or meant in network for network in self._networks):
            return True
        if any(meant in network for network in _SPECIAL):
            return False
        return meant.is_global and not meant.is_multicast and not meant.is_reserved

    def sifted(self, host: str, answers: Iterable[ResolveResult]) -> list[ResolveResult]:
        """The answers that may be dialled. Raises AddressRefused when none is left."""
        answers = list(answers)
        kept = [one for one in answers if self.allows(ip_address(one["host"].partition("%")[0]))]
        if answers and not kept:
            raise AddressRefused(_explained(host, sorted({one["host"] for one in answers})))
        return kept


class GuardedResolver(AbstractResolver):
    """Resolves as the system does, and answers only what may be dialled."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return self._guard.sifted(host, await self._inner.resolve(host, port, family))

    async def close(self) -> None:
        await self._inner.close()


def _meant(address: Address) -> Address:
    """The address behind one that only carries another: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _explained(host: str, addresses: Iterable[str]) -> str:
    return (
        f"{host} is no public address ({', '.join(addresses)}); name its network in http.outbound.allowed_networks "
        "if the hub is meant to reach it"
    )
