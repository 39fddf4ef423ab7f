"""Which hosts a webhook may be at."""

from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path

import pytest

from pipeline.errors import SetupError
from pipeline.notify.ssrf import AddressRefused, Guard
from pipeline.settings import Settings

REFUSED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",  # metadata services
    "172.16.0.1",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",  # metadata service over IPv6
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]
PERMITTED = ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


class Names(dict[str, Sequence[str]]):
    """A name server."""

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        return self.get(host, [host])


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_behind_the_firewall_are_refused(address: str) -> None:
    assert not Guard().permits(address)


@pytest.mark.parametrize("address", PERMITTED)
def test_the_public_internet_is_permitted(address: str) -> None:
    assert Guard().permits(address)


@pytest.mark.parametrize("address", REFUSED)
def test_a_name_with_one_refused_address_is_refused_whatever_the_others(address: str) -> None:
    guard = Guard(resolver=Names({"evil.example": ["8.8.8.8", address]}))
    with pytest.raises(AddressRefused, match=r"evil\.example is at .*REELSIGHT_WEBHOOK_NETWORKS"):
        guard.addresses("evil.example", 443)


def test_a_public_name_gives_its_addresses_in_order() -> None:
    names = Names({"good.example": ["2606:4700::1111", "8.8.8.8"]})
    assert Guard(resolver=names).addresses("good.example", 443) == ["2606:4700::1111", "8.8.8.8"]


def test_a_name_without_addresses_is_refused() -> None:
    with pytest.raises(AddressRefused, match="no address"):
        Guard(resolver=Names({"gone.example": []})).addresses("gone.example", 443)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1"])
def test_addresses_in_disguise_are_seen_through_by_resolving(host: str) -> None:
    with pytest.raises(AddressRefused):
        Guard().addresses(host, 80)


def test_allowed_networks_are_permitted_also_in_disguise() -> None:
    guard = Guard([ip_network("10.1.0.0/16"), ip_network("fd00::/8")])
    assert guard.permits("10.1.2.3")
    assert guard.permits("::ffff:10.1.2.3")
    assert guard.permits("fd00::1")
    assert not guard.permits("10.2.0.1")
    assert not guard.permits("::1")


@pytest.mark.parametrize(
    ("host", "permitted"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("box", False)]
)
def test_loopback_is_permitted_where_only_this_machine_can_ask(host: str, permitted: bool) -> None:
    guard = Guard.from_settings(Settings(host=host, data_dir=Path("unused")))
    assert guard.permits("127.0.0.1") is permitted
    assert guard.permits("::1") is permitted
    assert not guard.permits("169.254.169.254")


def test_settings_name_networks() -> None:
    guard = Guard.from_settings(Settings(webhook_networks=("192.168.7.1/24",), host="0.0.0.0", data_dir=Path("unused")))
    assert guard.permits("192.168.7.200")
    with pytest.raises(SetupError, match="REELSIGHT_WEBHOOK_NETWORKS"):
        Guard.from_settings(Settings(webhook_networks=("my lan",), data_dir=Path("unused")))
