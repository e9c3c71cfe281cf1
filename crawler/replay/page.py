"""The list of articles as a page, from right to left."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import urlencode

from crawler.replay.search import HITS, ROWS, Place, Row

COLLECTION = "anapress"  #: the first step of every replayed page's path
HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"),
    ("Cache-Control", "no-store"),  # an id may be excluded
]
NOT_A_DIGIT = re.compile("[^0-9]")
PAGE = """<!DOCTYPE html>
<html lang="ar" dir="rtl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>أرشيف أنا برس</title>
<style>
body {{ font: 1.05rem/1.6 "Noto Naskh Arabic", "Noto Sans Arabic", serif; max-width: 52rem; margin: 2rem auto;
  padding: 0 1rem; color: #222; background: #fff }}
h1 {{ font-size: 1.5rem; margin: 0 }} h1 a {{ color: inherit; text-decoration: none }}
form {{ display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0 }}
input, button {{ font: inherit; padding: .2rem .6rem }} input[type=search] {{ flex: 1 }}
ol {{ list-style: none; padding: 0 }} li {{ padding: .5rem 0; border-top: 1px solid #ddd }}
small, .note {{ color: #666; display: block }} a {{ color: #0b4f8a }} nav {{ display: flex; gap: 2rem }}
</style>
</head>
<body>
<h1><a href="/">أرشيف أنا برس</a></h1>
<p class="note">{counted}، الأحدث أولاً</p>
<form>
<input type="search" name="q" value="{words}" maxlength="200" placeholder="كلمات من العنوان أو النص">
<label>قبل <input type="date" name="before" value="{day}"></label>
<button>ابحث</button>
</form>
<ol>
{rows}
</ol>
<nav>{onward}</nav>
</body>
</html>
"""
ROW = """<li><a href="{replay}" dir="auto">{title}</a>
<small>{deed} <bdi dir="ltr">{day}</bdi>{section} · <a href="{captures}">كل النسخ</a> ·
<bdi dir="ltr">{id}</bdi></small></li>"""
NOTHING = '<li class="note">لا مقالات هنا</li>'


def page(rows: list[Row], count: int, words: str, before: Place, hits: int | None) -> str:
    """The page with these articles, out of so many that there are, and of so many that hold the words."""
    day = before.moment[:10] if before != Place() else ""
    return PAGE.format(
        counted=_counted(count, hits),
        words=escape(words),
        day=escape(day),
        rows="\n".join(map(_row, rows)) or NOTHING,
        onward=_onward(rows, words, before),
    )


def _counted(count: int, hits: int | None) -> str:
    if hits is None:
        return f"عدد المقالات: {count:,}"
    return f"عدد النتائج: {f'أكثر من {HITS:,}' if hits > HITS else f'{hits:,}'} من {count:,}"


def _row(row: Row) -> str:
    stamp = NOT_A_DIGIT.sub("", row.captured_at)[:14]
    deed, moment = ("نُشر", row.published_at) if row.published_at else ("حُفظ", row.captured_at)
    return ROW.format(
        replay=escape(f"/{COLLECTION}/{stamp}/{row.url}"),
        captures=escape(f"/{COLLECTION}/*/{row.url}"),
        title=escape(row.title or str(row.id)),
        deed=deed,
        day=escape(moment[:10]),
        section=f" · {escape(row.section)}" if row.section else "",
        id=row.id,
    )


def _onward(rows: list[Row], words: str, before: Place) -> str:
    asked = {"q": words} if words else {}
    newest = f'<a href="/?{escape(urlencode(asked))}">الأحدث</a>' if before != Place() else ""
    if len(rows) < ROWS:
        return newest
    older = urlencode({**asked, "before": str(Place(rows[-1].moment, rows[-1].id))})
    return f'{newest}<a rel="next" href="/?{escape(older)}">الأقدم</a>'
