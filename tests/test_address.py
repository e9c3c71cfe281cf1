import pytest

from crawler.errors import WrongUse
from crawler.wire.address import ConnectTo, Endpoint, is_public


@pytest.mark.parametrize(
    "ip", ["1.1.1.1", "93.184.216.34", "192.0.1.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::101:101"]
)
def test_the_public_internet_may_be_visited(ip: str) -> None:
    assert is_public(ip)


@pytest.mark.parametrize(
    "ip",
    [
        *("0.0.0.0", "0.1.2.3", "10.1.2.3", "127.0.0.1", "127.9.9.9", "172.16.0.1", "172.31.255.255"),
        *("192.168.1.1", "100.64.0.1", "100.100.100.200", "169.254.169.254", "169.254.170.2", "192.0.0.192"),
        *("168.63.129.16", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "192.88.99.1"),
        *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
        *(
            "::",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "2606:4700::1111%eth0",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
        ),
        *("ff02::1", "::ffff:127.0.0.1", "::ffff:1.1.1.1", "::127.0.0.1", "2002:7f00:1::", "2002:101:101::"),
        *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "3fff::1", "100::1", "5f00::1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::6464:64c8", "64:ff9b:1::101:101", "4000::1"),
        *("2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "127.1", "0", "", "localhost", "①②⑦.0.0.1"),
    ],
)
def test_no_other_address_is(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize(
    ("text", "host", "port", "expected"),
    [
        ("", "a.test", 80, Endpoint("a.test", 80)),
        ("a.test:80:127.0.0.1:8080", "a.test", 80, Endpoint("127.0.0.1", 8080, trusted=True, rerouted=True)),
        ("A.test:80:127.0.0.1:8080", "a.TEST", 80, Endpoint("127.0.0.1", 8080, trusted=True, rerouted=True)),
        ("a.test:80:127.0.0.1:8080", "a.test", 81, Endpoint("a.test", 81)),
        ("a.test:80:127.0.0.1:8080", "b.test", 80, Endpoint("b.test", 80)),
        ("::127.0.0.1:", "b.test", 81, Endpoint("127.0.0.1", 81, trusted=True, rerouted=True)),
        (":443::8443", "b.test", 443, Endpoint("b.test", 8443, trusted=False, rerouted=True)),
        ("[::1]:80:[fd00::2]:81", "::1", 80, Endpoint("fd00::2", 81, trusted=True, rerouted=True)),
        ("a:1:x:2, a:1:y:3", "a", 1, Endpoint("x", 2, trusted=True, rerouted=True)),
    ],
)
def test_connect_to_leads_as_in_curl(text: str, host: str, port: int, expected: Endpoint) -> None:
    assert ConnectTo.parse(text).route(host, port) == expected


@pytest.mark.parametrize(
    "text",
    ["a", "a:80:b", "a:80:b:80:c", "::1:80:b:80", "a:x:b:80", "a:80:b:0", "a:80:b:70000", "[a:80:b:80"],
)
def test_a_wrong_connect_to_is_the_users_mistake(text: str) -> None:
    with pytest.raises(WrongUse, match="CONNECT_TO"):
        ConnectTo.parse(text)
