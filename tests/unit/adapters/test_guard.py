"""Which addresses requests to the outside may reach."""

from ipaddress import ip_address

import pytest

from hub.adapters.http.guard import AddressRefused, Guard

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255",
    "224.0.0.1", "240.0.0.1", "192.0.2.1", "198.18.0.1",
    "::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1",
    "192.0.0.8", "192.0.0.192", "::ffff:192.0.0.8", "fec0::1", "feff::1", "3fff::1",  # which Python takes for public
    "::ffff:127.0.0.1", "::ffff:169.254.169.254",  # mapped
    "2002:7f00:1::", "2002:a9fe:a9fe::",  # 6to4 of 127.0.0.1 and 169.254.169.254
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1",  # NAT64
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo, whose client is 127.0.0.1
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not Guard().allows(ip_address(address))
    with pytest.raises(AddressRefused, match="allowed_networks"):
        Guard().check_host(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_what_is_public_is_not(address: str) -> None:
    assert Guard().allows(ip_address(address))
    Guard().check_host(address)


def test_a_private_network_that_is_named_may_be_reached() -> None:
    guard = Guard(networks=["10.1.0.0/16"])
    assert guard.allows(ip_address("10.1.2.3"))
    assert guard.allows(ip_address("::ffff:10.1.2.3"))
    assert not guard.allows(ip_address("10.2.0.1"))


def test_only_the_hosts_that_are_named() -> None:
    guard = Guard(hosts=["Api.Example.com"])
    guard.check_host("api.example.com.")
    with pytest.raises(AddressRefused, match="allowed_hosts"):
        guard.check_host("example.com")


def test_of_several_answers_the_private_ones_are_left_out() -> None:
    def answer(host: str) -> dict[str, object]:
        return {"hostname": "x", "host": host, "port": 443, "family": 0, "proto": 0, "flags": 0}

    answers = [answer("127.0.0.1"), answer("93.184.216.34")]
    kept = Guard().sifted("x", answers)  # type: ignore[arg-type]  # a plain dict for aiohttp's TypedDict
    assert [one["host"] for one in kept] == ["93.184.216.34"]
    with pytest.raises(AddressRefused):
        Guard().sifted("x", answers[:1])  # type: ignore[arg-type]  # as above
