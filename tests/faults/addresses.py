"""Cases 50 to 56: URLs that lead, or seem to lead, to where no stranger may lead us."""

from __future__ import annotations

from ipaddress import IPv4Address

PLAIN = """
    169.254.169.254 169.254.170.2 169.254.0.1 169.254.255.255 100.100.100.200 192.0.0.192 168.63.129.16
    127.0.0.1 127.0.1.3 127.127.127.127 127.255.255.255 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.254
    192.168.0.1 192.168.255.255 100.64.0.1 100.127.255.255 0.0.0.0 0.1.2.3 198.18.0.1 198.19.255.255
    192.0.2.1 198.51.100.1 203.0.113.1 192.88.99.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    127.0.0.1:80 127.0.0.1:8080 127.0.0.1:443 127.0.0.1:22 127.0.0.1:080 169.254.169.254:80
""".split()


def spellings(address: str) -> list[str]:
    """An IPv4 address in the ways that the C library and browsers read."""
    number, (a, b, c, d) = int(IPv4Address(address)), address.split(".")
    last, two = number & 0xFFFFFF, number & 0xFFFF
    one, other, third, fourth = (int(part) for part in (a, b, c, d))
    return [
        f"{number}",
        f"{number:#x}",
        f"0X{number:X}",
        f"0{number:o}",
        f"0x{one:x}.0x{other:x}.0x{third:x}.0x{fourth:x}",
        f"0{one:o}.0{other:o}.0{third:o}.0{fourth:o}",
        f"000{one:o}.000{other:o}.000{third:o}.000{fourth:o}",
        f"{a}.{last}",
        f"{a}.{b}.{two}",
        f"0x{one:x}.{last}",
        f"0{one:o}.{b}.0x{two:x}",
        f"{number}.",
    ]


_SPELLED = (
    *(each for one in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1") for each in spellings(one)),
    *("127.1", "127.0.1", "0", "0x0", "00", "0.0", "127.0.0.1.", "127.1.", "169.254.169.254."),
    *(
        "①②⑦.⓪.⓪.①",
        "１２７.０.０.１",
        "127。0。0。1",
        "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
        "¹²⁷.⁰.⁰.¹",
        "①⑥⑨.②⑤④.①⑥⑨.②⑤④",
        "２８５２０３９１６６",
    ),
    *("%31%32%37.0.0.1", "127%2e0%2e0%2e1", "%30x7f000001", "127.0.0.%31"),
    *("localhost", "LOCALHOST", "localhost.", "a.localhost", "ｌｏｃａｌｈｏｓｔ", "localhost:80"),
)
ENCODED = tuple(dict.fromkeys(_SPELLED))  # some addresses share a spelling

WRAPPED = """
    [::1] [::] [0:0:0:0:0:0:0:1] [0000::0001] [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:127.0.0.1]
    [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [0:0:0:0:0:ffff:127.0.0.1] [0:0:0:0:0:ffff:a00:1]
    [::127.0.0.1] [::7f00:1] [::a9fe:a9fe] [::ffff:0:127.0.0.1] [::ffff:0:a9fe:a9fe] [::ffff:1.1.1.1]
    [2002:7f00:1::] [2002:a9fe:a9fe::] [2002:a00:1::1] [2002:c0a8:101::1]
    [2001::1] [2001:0:4136:e378:8000:63bf:80ff:fffe] [2001:0:a9fe:a9fe::] [2001:10::1] [2001:20::1]
    [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b::10.0.0.1] [64:ff9b::c0a8:101]
    [64:ff9b::] [64:ff9b:1::7f00:1] [64:ff9b:1:fffe::1]
    [fe80::1] [fe80::1%25eth0] [fe80::1%25lo] [fe80::a9fe:a9fe%251] [::1%25lo] [2606:4700::1111%25eth0]
    [fec0::1] [fc00::1] [fd00:ec2::254] [fd00::1] [fdff::1] [ff02::1] [ff01::1] [ff0e::1]
    [100::1] [2001:db8::1] [3fff::1] [5f00::1] [4000::1] [e000::1] [::1]:80 [::ffff:127.0.0.1]:8080
""".split()

AMBIGUOUS = [
    "http://anapress.net@127.0.0.1/",
    "http://anapress.net:80@127.0.0.1/",
    "http://127.0.0.1@anapress.net/x",
    "http://user:secret@127.0.0.1:80@anapress.net/x",
    "http://anapress.net%40127.0.0.1/",
    "http://anapress.net\\@127.0.0.1/",
    "http://127.0.0.1\\@anapress.net/",
    "http://127.0.0.1\\.anapress.net/",
    "http://127.0.0.1\\anapress.net/",
    "http:\\\\127.0.0.1\\",
    "\\\\127.0.0.1\\",
    "/\\127.0.0.1/",
    "http://1.1.1.1 &@127.0.0.1# @3.3.3.3/",
    "http://127.0.0.1 .anapress.net/",
    "http://127.0.0.1\t.anapress.net/",
    "http://127.0.0.1\x0b/",
    "http://127.0.0.1\x7f/",
    "http://127.0.0.1#@anapress.net/",
    "http://127.0.0.1?@anapress.net/",
    "http://127.0.0.1;@anapress.net/x",
    "http://127.0.0.1%00.anapress.net/",
    "http://127.0.0.1%0a.anapress.net/",
    "http://127.0.0.1%20.anapress.net/",
    "http://anapress.net.@127.0.0.1/",
    "http://[::1]@anapress.net/x",
    "http://anapress.net[::1]/",
    "http://[::1].anapress.net/",
    "http://[::1",
    "http://::1/",
    "http://[127.0.0.1]/",
    "http://[::ffff:127.0.0.1%00]/",
    "http:127.0.0.1/",
    "http:/127.0.0.1/",
    "http:///127.0.0.1/",
    "http:////127.0.0.1/",
    "//127.0.0.1/",
    "///127.0.0.1/",
    "HTTP://127.0.0.1/",
    "hTtPs://127.0.0.1/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:-80/",
    "http://127.0.0.1:80:80/",
    "http://0x7f.0x0.0x0.0x1:80/",
]

SCHEMES = [
    *(
        "file:///etc/passwd",
        "file://127.0.0.1/etc/passwd",
        "gopher://127.0.0.1:6379/_INFO",
        "ftp://127.0.0.1/",
    ),
    *("dict://127.0.0.1:11211/stats", "ldap://127.0.0.1/", "sftp://127.0.0.1/", "tftp://127.0.0.1/x"),
    *(
        "ws://127.0.0.1/",
        "data:text/html,x",
        "javascript:fetch('http://127.0.0.1/')",
        "jar:http://127.0.0.1!/x",
    ),
    *("view-source:http://127.0.0.1/", "blob:http://127.0.0.1/x", "netdoc:///etc/passwd", "php://filter/x"),
    *(
        "unix:///var/run/docker.sock",
        "s3://bucket/key",
        "chrome://settings/",
        "about:blank",
        "url:file:///etc",
    ),
]

NAMES = {
    "127.0.0.1.nip.io": ["127.0.0.1"],
    "169.254.169.254.nip.io": ["169.254.169.254"],
    "a9fea9fe.nip.io": ["169.254.169.254"],
    "localtest.me": ["127.0.0.1", "::1"],
    "lvh.me": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "instance-data": ["169.254.169.254"],
    "kubernetes.default.svc": ["10.96.0.1"],
    "ip6-localhost": ["::1"],
    "mapped.example.com": ["::ffff:127.0.0.1"],
    "translated.example.com": ["64:ff9b::a9fe:a9fe"],
    "first.example.com": ["93.184.216.34", "127.0.0.1"],
    "last.example.com": ["10.0.0.1", "93.184.216.34"],
    "both.example.com": ["93.184.216.34", "fd00:ec2::254"],
    "scoped.example.com": ["fe80::1%2"],
}

URLS: tuple[tuple[int, str], ...] = (
    *((50, f"http://{host}/latest/meta-data/") for host in PLAIN),
    *((51, f"http://{host}/latest/meta-data/") for host in ENCODED),
    *((52, f"http://{host}/latest/meta-data/") for host in WRAPPED),
    *((53, f"http://{name}/latest/meta-data/") for name in NAMES),
    *((56, url) for url in (*AMBIGUOUS, *SCHEMES)),
)
