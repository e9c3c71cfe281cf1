"""The seed page in many markups, and pages that are no article: `python -m tests.pages.make` writes the golden files.

Class names are made up at random, since no layout may go by them.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import asdict
from html import escape
from pathlib import Path
from random import Random
from string import ascii_lowercase

from crawler.items import ArticleId, Page
from crawler.layouts import read

HERE = Path(__file__).parent
SEED = ArticleId(203367206718582)
URL = f"http://anapress.net/a/{SEED}"
LINES = [line.strip() for line in (HERE / "seed.txt").read_text("utf-8").splitlines()]
TICKER = LINES[1:9]
TITLE = LINES[10]
PARAGRAPHS = tuple(line for line in LINES[LINES.index("حجم الخط:") + 1 :] if line and line != "موضوع ذا صلة")
BOX = (203367206700001, "معارك عنيفة في محيط مدينة تدمر والنظام يستقدم تعزيزات")
TEASER = (
    "قالت مصادر محلية إن المنطقة تشهد منذ أيام حركة نزوح واسعة باتجاه القرى المجاورة، في ظل نقص حاد في الغذاء"
    " والدواء واستمرار القصف على الأحياء السكنية، فيما لم تصدر أي جهة رسمية تعليقاً على ما يجري حتى الآن."
)

_rng = Random(7)


def name() -> str:
    return "".join(_rng.choices(ascii_lowercase, k=7))


def tag(element: str, text: str, extra: str = "") -> str:
    return f'<{element} class="{name()}"{extra}>{text}</{element}>'


def link(number: int, text: str) -> str:
    return f'<a class="{name()}" href="http://anapress.net/a/{number}">{escape(text)}</a>'


def ticker(element: str) -> str:
    return "".join(tag(element, link(203367206600000 + at, text)) for at, text in enumerate(TICKER))


def between(pieces: list[str], box: str) -> str:
    return "\n".join([*pieces[:4], box, *pieces[4:]])


def page(body: str, head: str = f"<title>{escape(TITLE)} | أنا برس</title>", attributes: str = "") -> str:
    return f'<!DOCTYPE html><html dir="rtl"><head><meta charset="utf-8">{head}</head><body {attributes}>{body}</body></html>'


def plain_divs() -> str:
    box = tag("div", tag("div", "موضوع ذا صلة") + link(*BOX))
    text = tag("div", between([tag("div", escape(text)) for text in PARAGRAPHS], box))
    top = tag("div", "المزيد") + ticker("div") + tag("h1", TITLE) + tag("div", "&nbsp;") + tag("div", "10:08")
    facts = tag("div", URL) + tag("div", tag("div", "426") + tag("div", "مشاهدة"))
    return page(
        tag("div", top + facts + tag("h2", TITLE) + tag("div", "حجم الخط:") + text)
        + tag("div", "جميع الحقوق محفوظة")
    )


def nested_tables() -> str:
    box = f"<table><tr><td>موضوع ذا صلة</td></tr><tr><td>{link(*BOX)}</td></tr></table>"
    text = between([f"{escape(text)}<br>&nbsp;<br>" for text in PARAGRAPHS], box)
    facts = f"<table><tr><td>10:08</td><td>{URL}</td></tr><tr><td>٤٢٦</td><td>مشاهدة</td></tr></table>"
    rows = [
        ticker("nobr"),
        f"<b>{TITLE}</b>",
        facts,
        f"<font size=5>{TITLE}</font>",
        "حجم الخط:",
        f"<font>{text}</font>",
        "© أنا برس",
    ]
    return page(
        "<table><tr><td><table>"
        + "".join(f"<tr><td>{row}</td></tr>" for row in rows)
        + "</table></td></tr></table>"
    )


def paragraphs_as_cells() -> str:
    """Each paragraph in a row of its own, in the same table as all else."""
    rows = [
        ticker("span"),
        TITLE,
        f"10:08 {URL} 426 مشاهدة",
        TITLE,
        "حجم الخط: + -",
        *map(escape, PARAGRAPHS),
        "التعليقات (2)",
        TEASER,
    ]
    return page("<table>" + "".join(f"<tr><td>&nbsp;</td><td>{row}</td></tr>" for row in rows) + "</table>")


def json_ld() -> str:
    things = [
        {"@context": "https://schema.org", "@type": "WebSite", "name": "أنا برس"},
        {
            "@type": "NewsArticle",
            "headline": TITLE,
            "url": URL,
            "datePublished": "2016-12-13T10:08:00+02:00",
            "author": [{"@type": "Person", "name": "مضر الزعبي"}],
            "articleSection": "تقارير",
            "keywords": "تدمر، داعش",
            "image": {"@type": "ImageObject", "url": "/img/tadmur.jpg"},
        },
        {
            "@type": "NewsArticle",
            "headline": BOX[1],
            "url": f"http://anapress.net/a/{BOX[0]}",
            "datePublished": "2020-01-01T00:00:00Z",
        },
    ]
    script = (
        f'<script type="application/ld+json">{json.dumps({"@graph": things}, ensure_ascii=False)}</script>'
    )
    head = f'<title>أنا برس - {TITLE}</title><meta property="og:title" content="{TITLE} - Ana Press">{script}'
    box = f'<aside><h4>موضوع ذا صلة</h4><a href="/a/{BOX[0]}">{BOX[1]}</a></aside>'
    facts = f"<p><time>10:08</time> <a href='{URL}'>{URL}</a> <b>426</b> مشاهدة</p>"
    text = between([f"<p>{escape(text)}" for text in PARAGRAPHS], box)
    return page(
        f"<nav>{ticker('span')}</nav><main><h1>{TITLE}</h1>{facts}<h2>{TITLE}</h2><p>حجم الخط:</p>{text}</main>",
        head,
    )


def styled_spans() -> str:
    style = ' style="display: block; font-family: Simplified Arabic"'
    box = f"<span{style}>موضوع ذا صلة<br/>{link(*BOX)}</span>"
    pieces = [
        f"<span{style}><span>{escape(text[:20])}</span><span>{escape(text[20:])}</span></span>"
        for text in PARAGRAPHS
    ]
    top = f"<span{style}>{TITLE}</span><span{style}>10:08</span><span>{URL}<br/>426<br/>مشاهدة</span>"
    hidden = f'<div style="display:none">{TEASER}</div>'
    return page(
        f"{ticker('div')}<div>{top}<span{style}>{TITLE}</span><span{style}>حجم الخط:</span>{hidden}{between(pieces, box)}</div>"
    )


def modern() -> str:
    """Paragraphs in several sections, a figure, a list of links in an aside."""
    half = ["".join(tag("p", escape(text)) for text in part) for part in (PARAGRAPHS[:4], PARAGRAPHS[4:])]
    box = tag("section", tag("h5", "موضوع ذا صلة") + link(*BOX))
    figure = '<figure><img src="/img/1.jpg" alt="مدينة تدمر"></figure>'
    text = tag("div", tag("section", half[0] + figure + box) + tag("section", half[1]))
    head = tag(
        "header", tag("h1", TITLE) + tag("p", "١٠:٠٨") + tag("p", f"{URL}") + tag("p", "المشاهدات: 426")
    )
    side = tag("aside", tag("h3", "الأكثر قراءة") + ticker("p"))
    return page(
        tag("article", head + tag("h2", TITLE) + tag("p", "حجم الخط:") + text) + side + tag("footer", TEASER)
    )


def bare_body() -> str:
    """No element at all around anything but the lists; lines end with <br>."""
    text = between(
        [f"{escape(text)}<br><br>" for text in PARAGRAPHS], f"موضوع ذا صلة<br>{link(*BOX)}<br><br>"
    )
    top = (
        f"المزيد<br>{'<br>'.join(link(203367206600000 + at, line) for at, line in enumerate(TICKER))}<br><br>"
    )
    facts = f"{TITLE}<br><br>10:08<br>{URL}<br>426<br>مشاهدة<br>{TITLE}<br>حجم الخط:<br>"
    return page(
        f"{top}{facts}{text}<hr>{''.join(link(1000 + at, line) + '<br>' for at, line in enumerate(TICKER))}{TEASER}<br>{TEASER}"
    )


def comments_and_footer() -> str:
    """A long menu, comments longer than the text, a long footer."""
    menu = tag("ul", "".join(tag("li", f'<a href="/section/{at}">قسم رقم {at}</a>') for at in range(60)))
    comments = tag(
        "div",
        tag("h3", "التعليقات (9)")
        + "".join(tag("div", tag("b", "زائر") + tag("p", TEASER * 2)) for _ in range(9)),
    )
    footer = tag("div", "".join(tag("p", TEASER) for _ in range(12)) + tag("p", "All rights reserved"))
    box = tag("div", tag("b", "موضوع ذا صلة:") + tag("p", link(*BOX)))
    text = between([tag("p", escape(text)) for text in PARAGRAPHS], box)
    facts = (
        tag("p", TITLE)
        + tag("i", "10:08")
        + tag("p", URL)
        + tag("p", "426 مشاهدة")
        + tag("p", TITLE)
        + tag("p", "حجم الخط:")
    )
    return page(menu + ticker("p") + tag("div", facts + text + comments) + footer)


def competing_sidebar() -> str:
    """Teasers beside the text say more than the text."""
    teasers = "".join(tag("div", link(5000 + at, TICKER[at % 8]) + tag("p", TEASER * 3)) for at in range(12))
    loose = tag("div", "".join(tag("p", TEASER * 2) for _ in range(9)))
    text = tag(
        "div",
        between(
            [tag("p", escape(text)) for text in PARAGRAPHS], tag("div", tag("b", "موضوع ذا صلة") + link(*BOX))
        ),
    )
    facts = (
        tag("h1", TITLE)
        + tag("p", "10:08")
        + tag("p", URL)
        + tag("p", "426 مشاهدة")
        + tag("h2", TITLE)
        + tag("p", "حجم الخط:")
    )
    return page(tag("div", teasers) + tag("div", facts + text) + tag("div", teasers) + loose)


def without_label() -> str:
    """Nothing says where the text begins."""
    text = tag(
        "div",
        between(
            [tag("p", escape(text)) for text in PARAGRAPHS], tag("div", tag("b", "موضوع ذا صلة") + link(*BOX))
        ),
    )
    facts = tag("div", tag("span", "10:08") + tag("p", URL) + tag("p", "426") + tag("p", "مشاهدة"))
    teasers = tag(
        "div", "".join(tag("div", link(5000 + at, TICKER[at]) + tag("p", TEASER)) for at in range(8))
    )
    return page(
        teasers
        + tag("div", tag("h1", TITLE) + facts + tag("h2", TITLE) + text)
        + teasers
        + tag("div", TEASER)
    )


def without_any_title_tag() -> str:
    """The title stands twice, and nothing says that it is one."""
    return (
        plain_divs()
        .replace(f"<title>{escape(TITLE)} | أنا برس</title>", "<title>أنا برس</title>")
        .replace("h1", "div")
        .replace("h2", "div")
    )


ARTICLES: dict[str, Callable[[], str]] = {
    made.__name__: made
    for made in (
        plain_divs, nested_tables, paragraphs_as_cells, json_ld, styled_spans, modern, bare_body,
        comments_and_footer, competing_sidebar, without_label, without_any_title_tag,
    )
}  # fmt: skip


def _notice(title: str, text: str) -> str:
    return page(
        tag("div", '<a href="/">أنا برس</a>') + tag("h1", title) + tag("p", text), f"<title>{title}</title>"
    )


def _dressed(title: str, text: str) -> str:
    """A notice in the site's own dress: headlines around it, the article's address in the head."""
    head = f'<title>{title} | أنا برس</title><link rel="canonical" href="{URL}">'
    headlines = "".join(f'<li><a href="/a/{at}">{line}</a>' for at, line in enumerate(TICKER * 3, 1))
    foot = f"<aside><h3>الأكثر قراءة</h3><ul>{headlines}</ul></aside><footer>جميع الحقوق محفوظة</footer>"
    return page(f"<ul>{headlines}</ul><h1>{title}</h1><p>{text}</p>{foot}", head)


def _foreign(title: str, text: str, head: str = "") -> str:
    """A page of whoever answers in the site's place."""
    return f"<!DOCTYPE html><html><head><title>{title}</title>{head}</head><body><h1>{title}</h1><p>{text}</p></body></html>"


SHELL = (
    "<nav>" + "".join(f"<a href='/section/{at}'>قسم طويل الاسم رقم {at}</a>" for at in range(9)) + "</nav>"
    '<div id="root"></div><footer>أنا برس مؤسسة إعلامية سورية مستقلة تعنى بالشأن السوري</footer><script src="/app.js"></script>'
)


def _home() -> str:
    return page(ticker("h3") + tag("p", TEASER), "<title>أنا برس - الرئيسية</title>")


OTHERS: dict[str, tuple[str, str]] = {
    "soft_404_ar": (_notice("عذراً", "الصَّفحة التي تبحث عنها غير موجودة"), "not_article soft_404"),
    "soft_404_en": (_notice("Page Not Found", "Try the search. anapress.net"), "not_article soft_404"),
    "parked_en": (_notice("anapress.net", "This domain is for sale. Buy this domain."), "not_article parked"),
    "parked_ar": (_notice("anapress.net", "هذا النطاق للبيع، تواصل معنا"), "not_article parked"),
    "block_en": (_notice("Just a moment...", "Checking your browser before accessing anapress.net"), "refused block_page"),
    "block_ar": (_notice("تنبيه", "تم حظر الوصول إلى هذه الصفحة"), "refused block_page"),
    "soft_404_dressed_ar": (_dressed("الخبر غير موجود", "عذراً، ربما تم حذف الخبر أو نقله."), "not_article soft_404"),
    "soft_404_dressed_en": (_dressed("Page not found", "It may have been removed or renamed."), "not_article soft_404"),
    "soft_404_apache": (_foreign("404 Not Found", f"The requested URL /a/{SEED} was not found on this server."), "not_article soft_404"),
    "expired_en": (_foreign("anapress.net", "anapress.net expired on 12/01/2020 and is pending renewal or deletion."), "not_article parked"),
    "expired_ar": (_foreign("تنبيه", "انتهت صلاحية هذا النطاق، يرجى التواصل مع مزود الخدمة لتجديده"), "not_article parked"),
    "registrar_en": (_foreign("Registered at Namecheap.com", "This domain has been registered. Is this your domain?" + TEASER * 5), "not_article parked"),
    "registrar_ar": (_foreign("anapress.net", "تم حجز هذا النطاق لدى شركتنا. هل تريد نطاقاً مثله؟"), "not_article parked"),
    "for_sale_long": (_foreign("The domain name is for sale | anapress.net", "Why buy? " * 300), "not_article parked"),
    "suspended_en": (_foreign("Account Suspended", "This Account has been suspended. Contact your hosting provider."), "not_article parked"),
    "suspended_ar": (_foreign("الموقع موقوف", "تم تعليق الحساب لعدم تجديد الاستضافة"), "not_article parked"),
    "default_page": (_foreign("Apache2 Debian Default Page: It works", "This is the default welcome page. " * 40), "not_article parked"),
    "index_of": (_foreign("Index of /a", "Parent Directory"), "not_article parked"),
    "parked_script": ('<html><head><script>window.onload=function(){window.location.href="/lander"}</script></head><body></body></html>', "not_article parked"),
    "parked_frames": ('<html><head><title>anapress.net</title></head><frameset><frame src="http://www.sedoparking.com/anapress.net"></frameset></html>', "not_article parked"),
    "challenge_en": (_foreign("Just a moment...", "", "<script>window._cf_chl_opt={cRay:'1'}</script>"), "refused block_page"),
    "challenge_ar": (_foreign("anapress.net", "يتم التحقق من أنك إنسان. قد يستغرق هذا بضع ثوان."), "refused block_page"),
    "challenge_script": ('<html><head></head><body><iframe src="/_Incapsula_Resource?xinfo=1"></iframe></body></html>', "refused block_page"),
    "firewall_en": (_foreign("Sucuri WebSite Firewall - Access Denied", f"Block reason. URL: anapress.net/a/{SEED}"), "refused block_page"),
    "censored_ar": (_foreign("الموقع محجوب", "عذراً، هذا الموقع محجوب بموجب القوانين"), "refused block_page"),
    "shell_with_menu": (page(SHELL, "<title>أنا برس</title>"), "not_article js_shell"),
    "script_wanted_en": (_foreign("anapress.net", "You need to enable JavaScript to run this app."), "not_article js_shell"),
    "script_wanted_ar": (_foreign("أنا برس", "يرجى تفعيل جافا سكريبت في متصفحك لعرض هذا الموقع"), "not_article js_shell"),
    "maintenance_en": (_foreign("We'll be back soon", "Scheduled maintenance"), "failed error_page"),
    "error_en": (_notice("Error", "Error establishing a database connection"), "failed error_page"),
    "error_ar": (_notice("أنا برس", "الموقع تحت الصيانة"), "failed error_page"),
    "home": (_home(), "not_article home_page"),
    "other_article": (plain_divs().replace(str(SEED), "7"), "not_article shows:7"),
    "other_canonical": (page(TEASER, '<link rel="canonical" href="https://www.anapress.net/a/8/">'), "not_article shows:8"),
    "js_shell": (page('<div id="app"></div><script src="/app.js"></script>'), "not_article js_shell"),
    "nothing_shown": (page("<div> &nbsp; </div>"), "not_article empty"),
    "another_site": (page(tag("h1", "Best casino") + tag("p", TEASER * 4), "<title>Best casino 2024</title>"), "not_article not_the_site"),
    "only_links": (page(ticker("p"), "<title>أخبار | أنا برس</title>"), "failed layout_unknown:no_text"),
}  # fmt: skip


def page_of(html: str | bytes, *, content_type: str = "text/html") -> Page:
    body = html if isinstance(html, bytes) else html.encode()
    return Page(id=SEED, url=URL, captured_at="2020-03-03T08:08:00Z", body=body, content_type=content_type)


def saved(name: str) -> bytes:
    return gzip.decompress((HERE / f"{name}.html.gz").read_bytes())


def write() -> None:
    """Makes the golden files anew: look at what git says has changed."""
    pages = {name: make() for name, make in ARTICLES.items()} | {
        name: html for name, (html, _) in OTHERS.items()
    }
    for name, html in pages.items():
        (HERE / f"{name}.html.gz").write_bytes(gzip.compress(html.encode(), mtime=0))
        result = json.dumps(asdict(read(page_of(html), 200)), ensure_ascii=False, indent=1)
        (HERE / f"{name}.json").write_text(result + "\n", "utf-8")


if __name__ == "__main__":
    write()
