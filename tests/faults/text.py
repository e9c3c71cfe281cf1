"""Cases 32 to 39: charsets, markup, dates, and what is no article."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.case import HTML, Article, Case
from tests.raw import Answer

NO_META = "<!-- says no charset -->"


def written(charset: str, *, kind: str = "text/html", meta: str = NO_META) -> Callable[[Article], Answer]:
    """The page in a charset, under this Content-Type, with this in its head."""
    return lambda a: Answer([a.whole(body=a.html(head=meta).encode(charset), kind=kind)])


def meta(charset: str) -> str:
    return f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">'


def of_kind(kind: str, body: bytes) -> Callable[[Article], Answer]:
    return lambda a: Answer([a.whole(body=body, kind=kind)])


def page(code: Callable[[str], bytes] = str.encode, **parts: str) -> Callable[[Article], Answer]:
    return lambda a: Answer([a.whole(body=code(a.html(**parts)))])


def unclosed(article: Article) -> Answer:
    text = "<p>".join((article.title, "حجم الخط:", *article.paragraphs))
    return Answer([article.whole(body=f"<title>{article.title}</title><h1>{text}".encode())])


def says(text: str, status: str = "200 OK") -> Callable[[Article], Answer]:
    body = f"<html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>".encode()
    return lambda a: Answer([a.whole(body=body, status=status)])


def dated(
    published: str | None = None, clock: str | None = None, *, head: str = "", above: str = ""
) -> dict[str, object]:
    return {"answers": page(head=f'<meta charset="utf-8">{head}', above=above), "facts": (published, clock)}


def published(date: str) -> str:
    return f'<meta property="article:published_time" content="{date}">'


NO_HTML = "not_article non_html"
SOUP = "<p><b><i>مقدمة</b></i><table><p>خارج الجدول</table></p></span></div></p><br/<a href=>"

TEXT = (
    Case(
        32,
        "header utf-8, meta and body windows-1256",
        written("cp1256", kind=HTML, meta=meta("windows-1256")),
    ),
    Case(32, "header windows-1256, body utf-8", written("utf-8", kind="text/html; charset=windows-1256")),
    Case(32, "meta windows-1256, body utf-8", written("utf-8", meta=meta("windows-1256"))),
    Case(
        32,
        "header windows-1256, body ISO-8859-6",
        written("iso8859-6", kind="text/html; charset=windows-1256"),
    ),
    Case(33, "no charset, body windows-1256", written("cp1256")),
    Case(33, "no charset, body ISO-8859-6", written("iso8859-6")),
    Case(33, "no charset, body utf-8", written("utf-8")),
    Case(34, "a charset that is none", written("utf-8", kind="text/html; charset=arabic-ish")),
    Case(
        34,
        "a codec that is no charset",
        written("cp1256", kind="text/html; charset=zlib", meta=meta("punycode")),
    ),
    Case(
        34,
        "a broken http-equiv",
        written("cp1256", meta='<meta http-equiv=Content-Type content="text/html charset==;">'),
    ),
    Case(34, "UTF-16 with a BOM", written("utf-16", kind=HTML)),
    Case(34, "UTF-16, big-endian, without a BOM", written("utf-16-be")),
    Case(
        35,
        "NUL within words",
        page(lambda text: text.encode().replace(" المحلي".encode(), " الم\0حلي".encode())),
    ),
    Case(35, "a text, then what is none", page(lambda text: text.encode() + bytes(range(128, 256)))),
    Case(36, "tags that close nothing and never close", page(above=SOUP)),
    Case(36, "no tag is ever closed", unclosed),
    Case(
        36,
        "control characters and noncharacters",
        page(lambda text: text.replace("المحلي", "المحلي\x01\x1b").encode()),
    ),
    Case(37, "a day with both names of its month", **dated(above="<p>الأربعاء 07 آذار/مارس 2018</p>")),
    Case(37, "a day with م for its era", **dated(above="<p>7/3/2018م</p>")),
    Case(37, "a clock time only", **dated(None, "10:08", above="<p>10:08</p>")),
    Case(
        37,
        "a moment in the metadata",
        **dated("2018-03-07T10:08:00+03:00", head=published("2018-03-07T10:08:00+03:00")),
    ),
    Case(37, "a day without a time", **dated(head=published("2018-03-07"))),
    Case(37, "a moment without its offset", **dated(head=published("2018-03-07T10:08:00"))),
    Case(37, "a moment in UTC", **dated("2018-03-06T23:30:00+00:00", head=published("2018-03-06T23:30:00Z"))),
    Case(
        37,
        "modified before it was published",
        **dated(
            "2018-03-07T10:08:00+03:00",
            head=published("2018-03-07T10:08:00+03:00")
            + '<meta property="article:modified_time" content="2017-01-01T00:00:00Z">',
        ),
    ),
    Case(
        37,
        "other dates in the metadata",
        **dated(
            head='<meta name="date" content="2018-03-07T10:08:00Z"><meta name="revised" content="2018-03-07T10:08:00Z">'
        ),
    ),
    Case(37, "a moment to come", **dated(head=published("2150-01-01T00:00:00Z"))),
    Case(37, "a moment that no calendar has", **dated(head=published("2018-02-30T25:61:00Z"))),
    Case(
        37,
        "today's clock in the page's head",
        lambda a: Answer(
            [a.whole(body=a.html(above="").replace("<body>", "<body><div>الساعة الآن 23:59</div>").encode())]
        ),
        facts=(None, None),
    ),
    Case(38, "an error page with status 200", says("خطأ 404 الصفحة غير موجودة"), "not_article soft_404"),
    Case(
        38,
        "a database error with status 200",
        says("Error establishing a database connection"),
        "failed error_page",
    ),
    Case(38, "a challenge with status 200", says("Just a moment..."), "refused block_page"),
    Case(38, "a challenge with status 403", says("Just a moment...", "403 Forbidden"), "refused http_403"),
    Case(38, "204", lambda _: Answer([b"HTTP/1.1 204 No Content\r\n\r\n"]), "not_article empty"),
    Case(38, "an empty page", lambda a: Answer([a.whole(body=b"")]), "not_article empty"),
    Case(39, "PDF", of_kind("application/pdf", b"%PDF-1.4\n1 0 obj<<>>endobj\n%%EOF\n"), NO_HTML),
    Case(39, "PDF that calls itself HTML", of_kind(HTML, b"%PDF-1.4\n1 0 obj<<>>endobj\n%%EOF\n"), NO_HTML),
    Case(39, "XML", of_kind("text/xml", b"<?xml version='1.0'?><rss><channel/></rss>"), NO_HTML),
    Case(39, "JSON", of_kind("application/json", b'{"error": "api moved"}'), NO_HTML),
    Case(39, "JSON that calls itself HTML", of_kind(HTML, b'{"error": "api moved"}'), NO_HTML),
    Case(39, "a picture", of_kind("image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), NO_HTML),
)
