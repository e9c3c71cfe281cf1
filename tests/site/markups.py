"""An article in the markup of each era: four ways to show the same text."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from html import escape

from tests.site.furniture import dress, furniture
from tests.site.world import Article, World

TICKER = 8  #: headlines at a time


def html_of(world: World, article: Article, *, count: int, nonce: str = "") -> str:
    """The page as it is shown at its `count`-th fetch: a pure function of its arguments."""
    if article.static:
        count = 0
    values = furniture(world, article.era) | _values(world, article, count)
    texts = (
        [*article.paragraphs, f"رمز هذه القراءة هو {nonce} كما سجلته الصفحة."]
        if article.nonce
        else article.paragraphs
    )
    template, body = ERA_PAGES[article.era]
    values["body"] = body(list(map(escape, texts)), values)
    return template % values


def _values(world: World, article: Article, count: int) -> dict[str, str]:
    return {
        "id": str(article.id),
        "title": escape(article.title),
        "time": article.time,
        "views": str(article.views + count * article.counting),
        "summary": escape(article.paragraphs[0][:150]),
        "section": article.section[1],
        "slug": article.section[0],
        "ticker": ticker(world, article, count),
        "box_id": str(article.box),
        "box_title": escape(world.headline(article.box)),
        "others": "".join(
            f'<li><a href="/a/{id_}">{escape(world.headline(id_))}</a></li>' for id_ in article.others
        ),
        "gallery": _gallery(article),
        "json": _json_ld(article) if article.era == 2 else "",
    }


def ticker(world: World, article: Article, count: int) -> str:
    """The headlines of this fetch: the seed's own, turned round, or eight of the pool."""
    pool = world.pool()
    if article.ticker:
        pool = tuple((pool[at % len(pool)][0], title) for at, title in enumerate(article.ticker))
    start = (count + article.number * (not article.ticker)) % len(pool)
    shown = (pool * 2)[start : start + min(TICKER, len(pool))]
    tag = ("div", "nobr", "li", "span")[article.era]
    return "\n".join(f'<{tag}><a href="/a/{id_}">{escape(title)}</a></{tag}>' for id_, title in shown)


def _gallery(article: Article) -> str:
    return "".join(
        f'<img src="/img/{article.id}-{at}.png" alt="صورة {at} من المعرض" width="300" height="200">'
        for at in range(4 * article.photo)
    )


def _json_ld(article: Article) -> str:
    thing: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": article.title,
        "mainEntityOfPage": f"http://anapress.net/a/{article.id}",
        "image": [f"http://anapress.net/img/{article.id}.png"],
        "publisher": {"@type": "Organization", "name": "أنا برس"},
    }
    if article.dated:
        thing["datePublished"] = article.published.isoformat()
        thing["author"] = {"@type": "Person", "name": article.author}
        thing["articleSection"] = article.section[1]
    return json.dumps(thing, ensure_ascii=False, indent=1).replace("<", "\\u003c")


def _between(paragraphs: Sequence[str], box: str, join: str) -> str:
    """The paragraphs with the box after the middle one, as the seed has it after four of seven."""
    middle = (len(paragraphs) + 1) // 2
    return join.join([*paragraphs[:middle], box, *paragraphs[middle:]])


DIVS = dress(
    0,
    """<!DOCTYPE html>
<html dir="rtl" lang="ar"><head><meta charset="utf-8"><title>%(title)s | أنا برس</title>
<link rel="stylesheet" href="/css/site.css"><style>%(style)s</style><script src="/js/site.js"></script></head>
<body class="@body"><div class="@top"><img src="/img/logo.png" alt="أنا برس">%(menu)s</div>
<div class="@news"><div class="@more">المزيد &nbsp;</div>
%(ticker)s
</div>
<div class="@wrap"><div class="@left"><div class="@name">%(title)s</div>
<img class="@main" src="/img/%(id)s.png" alt="%(title)s"><div class="@clock">&nbsp; %(time)s</div>
<div class="@short">http://anapress.net/a/%(id)s</div><div class="@eye"><div>%(views)s</div><div>مشاهدة</div></div>
<h2 class="@again">%(title)s</h2>
<div class="@size">حجم الخط: <img src="/img/plus.png"><img src="/img/minus.png"></div>
<div class="@text">%(body)s</div>%(gallery)s
<div class="@tools">%(share)s</div>
<div class="@see"><div>اقرأ أيضاً</div><ul>%(others)s</ul></div></div>
<div class="@right"><div>الأكثر قراءة</div>%(most_read)s</div></div>
%(footer)s<script>%(script)s</script></body></html>
""",
)
_DIVS_BOX = dress(
    0,
    '<div class="@box"><div class="@label">موضوع ذا صلة</div><a href="http://anapress.net/a/%(box_id)s">%(box_title)s</a></div>',
)


def _divs(paragraphs: Sequence[str], values: dict[str, str]) -> str:
    return _between([f"<div>{text}</div>" for text in paragraphs], _DIVS_BOX % values, "\n")


TABLES = dress(
    1,
    """<HTML DIR=RTL><HEAD><META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=utf-8">
<TITLE>أنا برس - %(title)s</TITLE><LINK REL=stylesheet HREF="/css/site.css"><STYLE>%(style)s</STYLE>
<SCRIPT LANGUAGE="JavaScript">%(script)s</SCRIPT></HEAD><BODY BGCOLOR="#FFFFFF">
<TABLE WIDTH=900 ALIGN=center><TR><TD COLSPAN=2><IMG SRC="/img/logo.png" ALT="أنا برس">%(menu)s</TD></TR>
<TR><TD COLSPAN=2><B>المزيد</B>&nbsp;<MARQUEE>
%(ticker)s
</MARQUEE></TD></TR>
<TR><TD WIDTH=640 VALIGN=top><TABLE><TR><TD CLASS=@name><FONT SIZE=5>%(title)s</FONT></TD></TR>
<TR><TD><TABLE><TR><TD>&nbsp;&nbsp;</TD><TD>%(time)s</TD></TR><TR><TD COLSPAN=2>http://anapress.net/a/%(id)s</TD></TR>
<TR><TD>%(views)s</TD><TD>مشاهدة</TD></TR></TABLE></TD></TR>
<TR><TD><IMG SRC="/img/%(id)s.png" ALT="%(title)s" WIDTH=400></TD></TR>
<TR><TD><B>%(title)s</B></TD></TR><TR><TD>حجم الخط:</TD></TR>
<TR><TD CLASS=@text><FONT SIZE=4>%(body)s</FONT></TD></TR><TR><TD>%(gallery)s</TD></TR>
<TR><TD>%(share)s</TD></TR><TR><TD><B>اقرأ أيضاً</B><UL>%(others)s</UL></TD></TR></TABLE></TD>
<TD VALIGN=top><B>الأكثر قراءة</B><BR>%(most_read)s</TD></TR>
<TR><TD COLSPAN=2>%(footer)s</TD></TR></TABLE></BODY></HTML>
""",
)
_TABLES_BOX = """<TABLE ALIGN=left WIDTH=200 BORDER=1><TR><TD><B>موضوع ذا صلة</B></TD></TR>
<TR><TD><A HREF="/a/%(box_id)s">%(box_title)s</A></TD></TR></TABLE>"""


def _tables(paragraphs: Sequence[str], values: dict[str, str]) -> str:
    return _between([f"{text}<br><br>" for text in paragraphs], _TABLES_BOX % values, "\n")


SCHEMA = dress(
    2,
    """<!doctype html>
<html dir="rtl" lang="ar" prefix="og: http://ogp.me/ns#"><head><meta charset="utf-8"><title>%(title)s - أنا برس</title>
<link rel="canonical" href="http://anapress.net/a/%(id)s"><meta property="og:type" content="article">
<meta property="og:title" content="%(title)s"><meta property="og:url" content="http://anapress.net/a/%(id)s">
<meta property="og:site_name" content="أنا برس"><meta property="og:image" content="http://anapress.net/img/%(id)s.png">
<meta name="description" content="%(summary)s"><meta property="og:description" content="%(summary)s">
<script type="application/ld+json">%(json)s</script><link rel="stylesheet" href="/css/site.css"><style>%(style)s</style>
<script async src="/js/site.js"></script></head><body>
<header class="@top"><a href="/"><img src="/img/logo.png" alt="أنا برس"></a><nav>%(menu)s</nav></header>
<section class="@news"><h4>المزيد</h4><ul>
%(ticker)s
</ul></section><main class="@wrap"><h1 class="@name">%(title)s</h1>
<div class="@facts"><time>%(time)s</time> <span class="@short">http://anapress.net/a/%(id)s</span>
<span><b>%(views)s</b> مشاهدة</span></div>
<figure><img src="/img/%(id)s.png" alt="%(title)s"></figure>
<h2>%(title)s</h2><div class="@size">حجم الخط: <i class="@plus"></i><i class="@minus"></i></div>
<article class="@text">%(body)s</article>%(gallery)s<div class="@tools">%(share)s</div>
<section class="@see"><h3>اقرأ أيضاً</h3><ul>%(others)s</ul></section></main>
<aside class="@right"><h3>الأكثر قراءة</h3>%(most_read)s</aside>
<footer>%(footer)s</footer><script>%(script)s</script></body></html>
""",
)
_SCHEMA_BOX = dress(
    2,
    '<aside class="@box"><h5>موضوع ذا صلة</h5><a href="/a/%(box_id)s" title="%(box_title)s">%(box_title)s</a></aside>',
)


def _schema(paragraphs: Sequence[str], values: dict[str, str]) -> str:
    return _between([f"<p>{text}" for text in paragraphs], _SCHEMA_BOX % values, "</p>\n") + "</p>"


SPANS = dress(
    3,
    """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" dir="rtl"><head><meta http-equiv="content-type" content="text/html; charset=utf-8" />
<title>%(title)s</title><link rel="stylesheet" type="text/css" href="/css/site.css" /><style>%(style)s</style>
<script type="text/javascript">//<![CDATA[
%(script)s
//]]></script></head><body><form id="aspnetForm" action="/a/%(id)s"><div class="@top">%(menu)s</div>
<div class="@right"><span>الأكثر قراءة</span>%(most_read)s</div>
<div class="@news"><span>المزيد</span><br />
%(ticker)s
</div><div><span style="font-size:18pt;color:#900">%(title)s</span><div><span>%(time)s</span><br /><span>http://anapress.net/a/%(id)s</span>
<span style="font-weight:bold">%(views)s</span><span> مشاهدة</span></div>
<img src="/img/%(id)s.png" alt="%(title)s" /><span style="font-size:16pt">%(title)s</span>
<div>حجم الخط:</div><div>%(body)s</div>%(gallery)s<div>%(share)s</div>
<div><span>اقرأ أيضاً</span><ul>%(others)s</ul></div></div>%(footer)s</form></body></html>
""",
)
_SPAN = '<span style="display:block;text-align:justify"><span lang="AR-SA" style="font-size:14.0pt;font-family:Simplified Arabic">'
_SPANS_BOX = """<span style="display:block;float:left;border:1px solid #ccc"><span style="color:red">موضوع ذا صلة</span><br />
<a href="http://anapress.net/a/%(box_id)s"><span style="font-size:12pt">%(box_title)s</span></a></span>"""


def _spans(paragraphs: Sequence[str], values: dict[str, str]) -> str:
    """Each paragraph in two runs, as an office program leaves them."""
    shown = [
        f"{_SPAN}{first}</span> <span>{rest}</span></span>"
        for first, _, rest in (text.partition(" ") for text in paragraphs)
    ]
    return _between(shown, _SPANS_BOX % values, "\n")


ERA_PAGES: tuple[tuple[str, Callable[[Sequence[str], dict[str, str]], str]], ...] = (
    (DIVS, _divs),
    (TABLES, _tables),
    (SCHEMA, _schema),
    (SPANS, _spans),
)
