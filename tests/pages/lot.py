"""The seed page in markups that nobody thought of: every choice is by lot."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from random import Random

from tests.pages.make import BOX, PARAGRAPHS, SEED, TEASER, TICKER, TITLE, URL, between, link, page, ticker

WRAPPERS = (
    "<div>{}</div>",
    "<section>{}</section>",
    "<table><tr><td>{}</td></tr></table>",
    "<center>{}</center>",
)
HEADS = (
    f"<title>{TITLE}</title>",
    f"<title>أنا برس » {TITLE}</title>",
    "",
    f'<meta property="og:title" content="{TITLE}">',
    f"<title>{TITLE[:30]}...</title>",
)
TITLES = (
    "<h1>{}</h1>",
    "<h3>{}</h3>",
    "<div><span>{}</span></div>",
    "<p><b>{}</b></p>",
    "<center><font>{}</font></center>",
)
VIEWS = (
    "426 مشاهدة",
    "<b>426</b><i>مشاهدة</i>",
    "<p>426</p><p>مشاهدة</p>",
    "مشاهدة: 426",
    "<table><tr><td>٤٢٦</td><td>مشاهدة</td></tr></table>",
    "عدد المشاهدات: 426",
)
CLOCKS = ("10:08", "<time>10:08</time>", "٢٠١٦/١٢/١٣ - ١٠:٠٨", "الثلاثاء 13 كانون الأول 2016 10:08 ")
SHORT_LINKS = (URL, f'<a href="/a/{SEED}">{URL}</a>', f'<input value="{URL}">')
FACTS = (
    "<div>{}</div>",
    "<p>{}</p>",
    "<li>{}</li>",
    "<table><tr><td>{}</td></tr></table>",
    "{}<br>",
    "<span>{}</span> ",
)
LABELS = (
    "<div>حجم الخط:</div>",
    "<p>حجم الخط: <a href='#'>A+</a> <a href='#'>A-</a></p>",
    "<span>حجم الخط:</span><br>",
    "<div><div>حجم الخط :</div></div>",
)
SHARES = ("", "<div><a href='https://t.me/x'>تلغرام</a> <a href='https://fb.com/x'>فيسبوك</a></div>")
ROW = "<tr><td>{}</td></tr>"
TEXTS = (
    "<p>{}</p>",
    "<div>{}</div>",
    "{}<br><br>",
    "{}<br/>\n&nbsp;<br/>",
    "<p>{}",
    "<div><p><span>{}</span></p></div>",
    "<span style='display:block'>{}</span>",
    ROW,
    "<p dir=rtl><strong>{}</strong></p>",
    "<font>{}</font><br /><br />",
)
BOXES = (
    "<div><b>موضوع ذا صلة</b>{}</div>",
    "<div><p>موضوع ذا صلة :</p><ul><li>{}</li></ul></div>",
    "<table><tr><td>موضوع ذا صلة</td></tr><tr><td>{}</td></tr></table>",
    "<aside>موضوع ذا صلة<br>{}</aside>",
    "<p>موضوع ذا صلة</p><p>{}</p>",
    "<p>موضوع ذا صلة: {}</p>",
)
BODIES = (
    "<div>{}</div>",
    "<article>{}</article>",
    "<table><tr><td>{}</td></tr></table>",
    "<div><div>{}</div></div>",
)
FOOTS = (
    "",
    "<footer>أنا برس مؤسسة إعلامية سورية مستقلة</footer>",
    "<div>جميع الحقوق محفوظة لموقع أنا برس</div>",
)


def any_markup(seed: int) -> str:
    """The page that this number draws, the same every time but for class names."""
    rng = Random(seed)
    wrapped = _wrapper(rng)
    first, again = (rng.choice(TITLES).format(TITLE) for _ in range(2))
    form = rng.choice(FACTS)
    facts = [
        form.format(fact)
        for fact in rng.sample([rng.choice(kind) for kind in (VIEWS, CLOCKS, SHORT_LINKS)], 3)
    ]
    label = wrapped(rng.choice(LABELS)) + rng.choice(SHARES)
    text = wrapped(_text(rng), most=3) + wrapped(_behind(rng))
    article = wrapped(first + wrapped("".join(facts)) + again + label + text)
    parts = [
        wrapped(ticker(rng.choice(("p", "span", "li")))),
        *rng.sample([article, wrapped(_aside(rng))], 2),
    ]
    return page(wrapped("".join(parts)) + rng.choice(FOOTS), rng.choice(HEADS))


def _wrapper(rng: Random) -> Callable[..., str]:
    def wrapped(inner: str, most: int = 2) -> str:
        for _ in range(rng.randint(0, most)):
            inner = rng.choice(WRAPPERS).format(inner)
        return inner

    return wrapped


def _text(rng: Random) -> str:
    form = rng.choice(TEXTS)
    box = rng.choice(BOXES).format(link(*BOX))
    pieces = [form.format(escape(text)) for text in PARAGRAPHS]
    if form == ROW:
        return f"<table>{between(pieces, ROW.format(box))}</table>"
    return rng.choice(BODIES).format(between(pieces, box))


def _behind(rng: Random) -> str:
    """What may stand behind the text."""
    see = f"<p>اقرأ أيضاً</p><ul><li>{link(11, TICKER[0])}<li>{link(12, TICKER[1])}</ul>"
    comments = f"<h4>التعليقات (1)</h4><div><b>زائر</b><p>{TEASER}</p></div>"
    return "".join(rng.sample((see, comments, "<p>شارك:</p>"), rng.randint(0, 3)))


def _aside(rng: Random) -> str:
    """What may stand beside it: headlines, some with a teaser."""
    label = rng.choice(("<h3>الأكثر قراءة</h3>", "<h3>رأي</h3>", ""))
    teasers = rng.choices(("", f"<p>{TEASER}</p>"), k=9)
    return label + "".join(
        f"<div>{link(5000 + at, TICKER[at % 8])}{teaser}</div>" for at, teaser in enumerate(teasers)
    )
