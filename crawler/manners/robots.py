"""robots.txt by RFC 9309, as bytes in and answers out; the numbers below are its sections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

LIMIT = 500 << 10  #: bytes that are read (2.5 asks for no less)

_TOKEN = re.compile(r"[A-Za-z_-]+")  # 2.2.1; a version behind it is none of the name
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")
_TRIPLET = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_IN_PATH = re.compile(r"[^A-Za-z0-9\-._~%!&'()+,;=:@/\[\]*$]")
_IN_QUERY = re.compile(r"[^A-Za-z0-9\-._~%!&'()+,;=*$]")  # 2.2.2's table: `:` and `/` are escaped there
_SPECIAL = re.compile(r"[*$]")
_MOST_SITEMAPS = 1000
_DELAY = re.compile(r"[0-9]{1,9}(?:\.[0-9]*)?|\.[0-9]+")
# As other crawlers read them: who writes so means to keep us out.
_DISALLOW = ("disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw")
_USER_AGENT = ("user-agent", "useragent", "user agent")


@dataclass(frozen=True, slots=True)
class Rule:
    """One Allow or Disallow, its pattern in the form that URLs are compared in."""

    allows: bool
    pattern: str

    @property
    def weight(self) -> tuple[int, bool]:
        """The longest pattern decides; of two as long, the one that allows (2.2.2)."""
        return len(self.pattern), self.allows

    def matches(self, path: str) -> bool:
        """Whether the pattern fits the path's beginning; `*` is anything, a last `$` the end."""
        first, *rest = self.pattern.removesuffix("$").split("*")
        whole = self.pattern.endswith("$")
        if not rest:
            return path == first if whole else path.startswith(first)
        at = len(first) if path.startswith(first) else -1
        for piece in rest[:-1]:
            at = path.find(piece, at) + len(piece) if at >= 0 and piece in path[at:] else -1
        if at < 0:
            return False
        return path[at:].endswith(rest[-1]) if whole else rest[-1] in path[at:]


@dataclass(frozen=True, slots=True)
class Robots:
    """What one robots.txt says to one crawler."""

    rules: tuple[Rule, ...] = ()
    delay: float | None = None  #: seconds between two requests; no part of the RFC, but widely meant
    sitemaps: tuple[str, ...] = ()  #: their addresses as written, whoever they were named for (sitemaps.org)

    @classmethod
    def parse(cls, body: bytes, token: str) -> Self:
        """For the crawler of this product token: its own groups, else those of `*`, else nothing."""
        groups = _groups(body)
        group = groups.get(token.lower()) or groups.get("*") or _Group()
        sitemaps = (value for key, value in _records(body) if key in ("sitemap", "site-map") and value)
        return cls(tuple(group.rules), group.delay, tuple(islice(sitemaps, _MOST_SITEMAPS)))

    def allows(self, url: str) -> bool:
        path = path_of(url)
        fitting = (rule for rule in self.rules if rule.matches(path))
        decides = max(fitting, key=lambda rule: rule.weight, default=None)
        return decides is None or decides.allows or path == "/robots.txt"


ALL = Robots()
"""Of a site that has no robots.txt."""


def token_of(user_agent: str) -> str:
    """The product token of a User-Agent: what a group names us by."""
    found = _TOKEN.match(user_agent)
    return found[0] if found else ""


def path_of(url: str) -> str:
    """The path and query of a URL in the one form that rules are compared with (2.2.2)."""
    target = _ORIGIN.sub("", url.partition("#")[0], count=1)
    octets = ("" if target.startswith("/") else "/") + target.encode("utf-8", "replace").decode("latin-1")
    return _SPECIAL.sub(_escaped, _normal(octets))


@dataclass(slots=True)
class _Group:
    rules: list[Rule] = field(default_factory=list)
    delay: float | None = None


def _groups(body: bytes) -> dict[str, _Group]:
    """All groups by their lower-case token; those that name the same are one (2.2.1)."""
    groups: dict[str, _Group] = {}
    named: list[_Group] = []
    ruled = False  # a rule ends the list of names; any other line does not (2.2.4)
    for key, value in _records(body):
        if key in _USER_AGENT:
            named, ruled = [] if ruled else named, False
            if name := _name(value):
                named.append(groups.setdefault(name, _Group()))
        elif key == "allow" or key in _DISALLOW:
            ruled = True
            if value:
                rule = Rule(key == "allow", _pattern(value))
                for group in named:
                    group.rules.append(rule)
        elif key == "crawl-delay" and _DELAY.fullmatch(value):
            for group in named:
                group.delay = max(group.delay or 0, float(value))
    return groups


def _records(body: bytes) -> Iterator[tuple[str, str]]:
    """The lines that say something: a key and its value, each octet of it a character."""
    if len(body) > LIMIT:
        body = body[: max(body.rfind(b"\n", 0, LIMIT), body.rfind(b"\r", 0, LIMIT)) + 1]  # no half a line
    text = body.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    for line in re.split(r"[\r\n]+", text):
        said = line.partition("#")[0].strip(" \t\0")
        key, colon, value = said.partition(":")
        if not colon:
            key, _, value = said.partition(" ")
        yield key.strip(" \t").lower(), value.strip(" \t")


def _name(value: str) -> str:
    if value[:1] == "*" and not value[1:2].strip():
        return "*"
    return token_of(value).lower()


def _pattern(value: str) -> str:
    end = "$" if value.endswith("$") else ""
    return _normal(value.removesuffix("$")).replace("$", "%24") + end  # only the last one is special


def _normal(target: str) -> str:
    path, mark, query = target.partition("?")
    return _IN_PATH.sub(_escaped, _decoded(path)) + mark + _IN_QUERY.sub(_escaped, _decoded(query))


def _decoded(text: str) -> str:
    """Percent-encoded letters as themselves, all else that is encoded in capitals."""
    return _TRIPLET.sub(_triplet, text)


def _triplet(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()


def _escaped(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"
