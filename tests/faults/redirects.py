"""Cases 40 to 42 and 46: where an answer points, and answers for another time."""

from __future__ import annotations

from tests.faults.case import TRIES, Article, Case
from tests.raw import Answer

HOPS = 3  #: REDIRECT_MAX_TIMES in these crawls
LOOP = {"becomes": "failed redirect_loop", "asked": HOPS + 1, "attempts": 1}
BAD = "failed bad_redirect"
AWAY = "not_article redirected_away"


def busy(article: Article) -> Answer:
    return Answer([article.whole(body=b"busy", status="503 Service Unavailable")])


REDIRECTS = (
    Case(40, "a redirect to itself", lambda a: a.moved("/a/{}"), **LOOP),
    Case(
        40,
        "from one host to the other and back",
        lambda a: [a.moved("//www.anapress.net/a/{}"), a.moved("//anapress.net/a/{}")] * 9,
        **LOOP,
    ),
    Case(
        40, "ever other URLs of the article", lambda a: [a.moved(f"/a/{{}}?n={n}") for n in range(99)], **LOOP
    ),
    Case(
        40,
        "as many hops as are allowed",
        lambda a: [*(a.moved(f"/a/{{}}?n={n}") for n in range(HOPS)), Answer([a.whole()])],
        asked=HOPS + 1,
        attempts=1,
    ),
    Case(41, "no Location", lambda a: Answer([a.whole(status="302 Found")]), BAD),
    Case(41, "an empty Location", lambda a: a.moved(""), BAD),
    Case(41, "mailto:", lambda a: a.moved("mailto:info@anapress.net"), BAD),
    Case(41, "javascript:", lambda a: a.moved("javascript:alert(1)"), BAD),
    Case(41, "an IPv6 address without its end", lambda a: a.moved("http://[::1/a/{}"), BAD),
    Case(41, "a port that is none", lambda a: a.moved("http://anapress.net:99999/a/{}"), BAD),
    Case(42, "another host", lambda a: a.moved("http://example.com/a/{}"), AWAY),
    Case(
        42, "a host that only begins as ours", lambda a: a.moved("http://anapress.net.example.com/a/{}"), AWAY
    ),
    Case(42, "another port of ours", lambda a: a.moved("http://anapress.net:8080/a/{}"), AWAY),
    Case(42, "another path", lambda a: a.moved("/private/a/{}"), AWAY),
    Case(42, "the home page", lambda a: a.moved("/"), "not_article redirected_home"),
    Case(42, "another article", lambda a: a.moved("/a/1"), "not_article redirected_to:1"),
    Case(46, "503, then the page", lambda a: [busy(a), Answer([a.whole()])], asked=TRIES),
    Case(46, "503 for ever", busy, "failed http_503", asked=TRIES),
)
