"""Who connects through trusted proxies, and nobody else, is known by what those say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.protocol.addresses import client_address, network_of
from clerk_fastapi.protocol.site import Proxies

NEAR, FAR = "10.0.0.1", "10.0.7.7"
PROXIES = Proxies.named(["10.0.0.0/16", "fd00::/8"])
ANYONE = Proxies.named(["*"])


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.9, 203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7, 10.0.7.7", "203.0.113.7"),
        ("203.0.113.7,10.0.7.7,fd00::1", "203.0.113.7"),
        ("10.0.7.8, 10.0.7.7", "10.0.7.8"),
        ("203.0.113.7:51000", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("[2001:DB8:0::7]", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, ::ffff:10.0.7.7", "6.6.6.6"),
        (" , 203.0.113.7 ,, ", "203.0.113.7"),
        ("", NEAR),
        (" , ", NEAR),
        ("unknown", NEAR),
        ("6.6.6.6, unknown", NEAR),
        ("6.6.6.6, unknown, 10.0.7.7", FAR),
        ("6.6.6.6, 203.0.113.7.1", NEAR),
        ("6.6.6.6, 203.0.113.07", NEAR),
        ("6.6.6.6, [203.0.113.7", "203.0.113.7"),
        ('6.6.6.6, "203.0.113.7"', NEAR),
        ("6.6.6.6, for=203.0.113.7", NEAR),
        ("6.6.6.6, \u0663.6.6.6".encode().decode("latin-1"), NEAR),
    ],
)
def test_first_from_the_right_that_is_no_proxy_is_the_client(said: str, address: str) -> None:
    """What stands left of it anybody can have written."""
    assert client_address(NEAR, [said.encode("latin-1")], PROXIES) == address


@pytest.mark.parametrize("peer", ["203.0.113.7", "2001:db8::1", "testclient", "", None])
@pytest.mark.parametrize("proxies", [Proxies(), PROXIES])
def test_strangers_are_believed_nothing(peer: str | None, proxies: Proxies) -> None:
    """The header counts from trusted proxies alone."""
    assert client_address(peer, [b"6.6.6.6"], proxies) == peer


def test_several_headers_are_one_list() -> None:
    """Proxies may add a line of their own; the last one is the closest."""
    lines = [b"6.6.6.6, 203.0.113.7", b"10.0.7.7"]
    assert client_address(NEAR, lines, PROXIES) == "203.0.113.7"


@pytest.mark.parametrize("peer", ["127.0.0.1", None])
def test_whoever_connects_may_be_the_only_proxy(peer: str | None) -> None:
    """Then it is the last entry, which the proxy has written, and no other."""
    assert client_address(peer, [b"6.6.6.6, 203.0.113.7"], ANYONE) == "203.0.113.7"
    assert client_address(peer, [], ANYONE) == peer
    both = Proxies.named(["*", "10.0.0.0/16"])
    assert client_address(peer, [b"6.6.6.6, 203.0.113.7, 10.0.7.7"], both) == "203.0.113.7"


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_nobody_gets_to_be_another_by_what_they_send(sent: list[bytes]) -> None:
    """Whatever a client says, the proxy adds where it really is."""
    lines = [*sent, b"203.0.113.7"]
    assert client_address(NEAR, lines, PROXIES) == "203.0.113.7"
    assert client_address(NEAR, [b", ".join(lines)], ANYONE) == "203.0.113.7"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::7", "2001:db8:0:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ("64:ff9b::cb00:7108", "203.0.113.8"),
        ("64:ff9b:0:0:0:1:cb00:7108", "64:ff9b::/64"),
        ("64:ff9b:1::203.0.113.7", "64:ff9b:1::/64"),
        ("testclient", "testclient"),
    ],
)
def test_ipv6_counts_by_network(address: str, network: str) -> None:
    """Everybody has 2**64 addresses to choose from."""
    assert network_of(address) == network
