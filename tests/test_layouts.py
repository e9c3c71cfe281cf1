"""Pages to articles: the seed page in every markup, and all that is no article."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from html import escape
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.errors import LayoutUnknown
from crawler.items import Absent, Article, ArticleId, Image, Outcome
from crawler.layouts import extract, read
from crawler.layouts.signs import SIGNS
from tests.pages.lot import any_markup
from tests.pages.make import (
    ARTICLES,
    BOX,
    OTHERS,
    PARAGRAPHS,
    TEASER,
    TICKER,
    TITLE,
    URL,
    page,
    page_of,
    saved,
    tag,
)
from tests.site import ERAS, id_of
from tests.site.markups import html_of
from tests.site.world import World

P = "<p>{}</p>".format


def article(html: str | bytes, **about: str) -> Article:
    result = read(page_of(html, **about), 200)
    assert isinstance(result, Article), result
    return result


def shown(body: str, head: str = f"<title>{TITLE}</title>") -> Article:
    """An article with this behind its label."""
    return article(page(f"<h1>{TITLE}</h1><p>10:08</p><p>426 مشاهدة</p><p>حجم الخط:</p>{body}", head))


def outcome(html: str | bytes, status: int = 200, content_type: str = "text/html") -> str:
    result = read(page_of(html, content_type=content_type), status)
    return f"{result.outcome} {result.reason}" if isinstance(result, Absent) else "article"


# The seed page


@pytest.mark.parametrize("name", ARTICLES)
def test_the_seed_page_is_read_right_in_every_markup(name):
    found = article(saved(name))
    assert found.title == TITLE
    assert found.paragraphs == PARAGRAPHS
    assert found.text == "\n\n".join(PARAGRAPHS)
    assert (found.views, found.published_time, found.language) == (426, "10:08", "ar")


@pytest.mark.parametrize("name", [*ARTICLES, *OTHERS])
def test_a_golden_page_gives_its_golden_result(name, request):
    golden = request.path.with_name("pages") / f"{name}.json"
    assert asdict(read(page_of(saved(name)), 200)) == _tuples(json.loads(golden.read_text("utf-8")))


def _tuples(value):
    """JSON's lists as the tuples that they were."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    return {key: _tuples(one) for key, one in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("seed", range(300))
def test_the_seed_page_is_read_right_in_a_markup_made_by_lot(seed):
    found = article(any_markup(seed))
    assert (found.title, found.paragraphs) == (TITLE, PARAGRAPHS)
    assert (found.views, found.published_time) == (426, "10:08")
    assert [(one.id, one.title) for one in found.related] == [(str(BOX[0]), BOX[1])]


def test_all_markups_of_one_text_have_one_hash():
    assert len({article(make()).content_hash for make in ARTICLES.values()}) == 1


def test_a_page_without_the_label_is_read_by_its_density():
    assert article(saved("without_label")).extractor.layout == "generic"
    assert article(saved("plain_divs")).extractor.layout == "v1"


# Paragraphs


@pytest.mark.parametrize(
    ("body", "paragraphs"),
    [
        ("<p>واحد اثنان</p><p>ثلاثة أربعة</p>", ("واحد اثنان", "ثلاثة أربعة")),
        ("<div>واحد اثنان<br><br>ثلاثة <b>أربعة</b></div>", ("واحد اثنان", "ثلاثة أربعة")),
        ("<div>واحد اثنان<br>ثلاثة أربعة</div>", ("واحد اثنان ثلاثة أربعة",)),
        ("<div>واحد اثنان.<br>ثلاثة أربعة</div>", ("واحد اثنان.", "ثلاثة أربعة")),
        ("<p>وا<b>حد</b>&nbsp;\n اثنان\u2003ثلاثة</p>", ("واحد اثنان ثلاثة",)),
        ("<p>\u200fواحـد ﻻ\u0001 اثنان&#8203;</p>", ("\u200fواحـد ﻻ اثنان\u200b",)),
        ("<p>مقدمة طويلة</p><ul><li>بند أول</li><li>بند ثان</li></ul>", ("مقدمة طويلة", "بند أول", "بند ثان")),
        ("<p>مقدمة طويلة</p><script>var x='نص'</script><style>p{}</style><!-- تعليق --><p>خاتمة قصيرة</p>", ("مقدمة طويلة", "خاتمة قصيرة")),
        ("<p>مقدمة طويلة</p><p hidden>نص مخفي</p><p style='DISPLAY : none'>نص مخفي</p><p>خاتمة قصيرة</p>", ("مقدمة طويلة", "خاتمة قصيرة")),
        ("<p>مقدمة <a href='/a/9'>مع رابط</a> في وسطها</p>", ("مقدمة مع رابط في وسطها",)),
        (f"<div><p>{TEASER}</p></div><div><p>{TEASER}!</p></div>", (TEASER, TEASER + "!")),
    ],
)  # fmt: skip
def test_paragraphs_are_told_by_any_of_their_forms(body, paragraphs):
    assert shown(f"<div>{body}</div>").paragraphs == paragraphs


@pytest.mark.parametrize(
    "end",
    ["التعليقات (3)", "شارك:", "الأكثر قراءة", "Comments", "© أنا برس", "جميع الحقوق محفوظة لموقع أنا برس"],
)
def test_the_text_ends_where_the_page_goes_on_to_other_things(end):
    assert shown(P(TEASER) + P(end) + P("تعليق من زائر ما")).paragraphs == (TEASER,)


def test_a_box_is_no_part_of_the_text_and_its_links_are_related():
    found = shown(
        f"<p>{TEASER}</p><p>مواضيع ذات صلة</p><ul><li><a href='/a/11'>الأول</a><li><a href='/a/12'>الثاني</a></ul><p>{TEASER}</p>"
    )
    assert found.paragraphs == (TEASER, TEASER)
    assert [(one.id, one.url, one.title) for one in found.related] == [
        ("11", "http://anapress.net/a/11", "الأول"),
        ("12", "http://anapress.net/a/12", "الثاني"),
    ]


def test_a_photo_page_of_one_short_line_is_an_article():
    found = shown(
        f"<div><p>صور من الغوطة.</p></div><p>الأكثر قراءة</p><a href='/a/9'>{TICKER[0]}</a><div>{TEASER}</div>"
    )
    assert found.paragraphs == ("صور من الغوطة.",)


# Facts


@pytest.mark.parametrize(
    "views",
    [
        "426 مشاهدة",
        "مشاهدة 426",
        "عدد المشاهدات: 426",
        "<b>٤٢٦</b> مشاهدة",
        "<i>426</i><br>مشاهدة",
        "۴۲۶ مشاهدات",
        "426 views",
    ],
)
def test_the_view_counter_is_the_number_beside_its_word(views):
    assert (
        article(page(f"<h1>{TITLE}</h1><p>10:08</p><p>{views}</p><p>حجم الخط:</p><p>{TEASER}")).views == 426
    )


def test_thousands_are_one_number():
    assert (
        article(page(f"<h1>{TITLE}</h1><p>1,234,567 مشاهدة</p><p>حجم الخط:</p><p>{TEASER}")).views == 1234567
    )


def test_what_the_page_does_not_say_is_none():
    found = article(
        page(
            f"<h1>{TITLE}</h1><p>حجم الخط:</p><p>{TEASER} عند الساعة 14:30 بلغت 7 مشاهدة</p><div>12:15</div>"
        )
    )
    assert (found.views, found.published_time, found.published_at, found.author, found.section) == (None,) * 5
    assert (found.tags, found.images, found.related) == ((), (), ())


@pytest.mark.parametrize(
    ("stated", "published_at"),
    [
        ("2016-12-13T10:08:00+02:00", "2016-12-13T10:08:00+02:00"),
        ("2016-12-13T10:08:00Z", "2016-12-13T10:08:00+00:00"),
        ("2016-12-13 10:08+0300", "2016-12-13T10:08:00+03:00"),
        ("2016-12-13T10:08:00.250Z", "2016-12-13T10:08:00.250000+00:00"),
        ("2016-12-13T10:08:00", None),
        ("2016-12-13", None),
        ("13/12/2016 10:08", None),
        ("13 كانون الأول 2016", None),
        ("2016-13-13T10:08:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("2021-01-01T00:00:00Z", None),  # after the capture
        ("", None),
    ],
)
def test_a_date_is_taken_whole_or_not_at_all(stated, published_at):
    head = f'<title>{TITLE}</title><meta property="article:published_time" content="{stated}"><meta name="date" content="2015-01-01T00:00:00Z">'
    assert shown(P(TEASER), head).published_at == published_at


def test_metadata_of_another_article_are_not_taken():
    things = {
        "@type": "NewsArticle",
        "url": "http://anapress.net/a/9",
        "author": {"name": "كاتب"},
        "datePublished": "2016-01-01T00:00:00Z",
    }
    found = shown(P(TEASER), f'<script type="application/ld+json">{json.dumps(things)}</script>')
    assert (found.author, found.published_at) == (None, None)


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[[[",
        "null",
        "[" * 100_000,
        '{"@type": ["NewsArticle", 7], "author": 7, "image": [null, {}], "keywords": {}}',
    ],
)
def test_broken_json_ld_does_no_harm(broken):
    assert (
        shown(P(TEASER), f'<title>{TITLE}</title><script type="application/ld+json">{broken}</script>').title
        == TITLE
    )


@pytest.mark.parametrize(
    "title",
    [
        "{} | أنا برس",
        "أنا برس - {}",
        "{} – Ana Press",
        "anapress.net :: {} | أنا برس",
        "أنا برس: {}",
        "{} | أخبار | أنا برس",
        "{}",
        "أنا برس",
    ],
)
def test_the_title_is_without_the_name_of_the_site(title):
    assert shown(P(TEASER), f"<title>{title.format(TITLE)}</title>").title == TITLE


def test_images_are_those_of_the_article_in_full():
    head = f'<title>{TITLE}</title><meta property="og:image" content="/img/1.jpg"><meta property="og:image:alt" content="واحدة">'
    body = f"<div><p>{TEASER}<img src='../img/2.jpg' alt='اثنتان'></p><img src='data:image/png;base64,x'><p>{TEASER}</p></div><a href='/a/9'><img src=/img/3.jpg></a>"
    assert shown(body, head).images == (
        Image(url="http://anapress.net/img/1.jpg", alt="واحدة"),
        Image(url="http://anapress.net/img/2.jpg", alt="اثنتان"),
    )


@pytest.mark.parametrize(
    ("text", "language"),
    [("نص عربي مع English", "ar"), ("An English text with كلمة", "en"), ("Новости сегодня", "und")],
)
def test_the_language_is_that_of_most_letters(text, language):
    assert shown(f"<div><p>{text}</p></div>").language == language


def test_the_derived_part_carries_what_the_page_was_given():
    found = article(saved("plain_divs"))
    assert (found.id, found.url, found.captured_at, found.source) == (
        "203367206718582",
        URL,
        "2020-03-03T08:08:00Z",
        "live",
    )


# What is no article


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_article_is_said_to_be_none(name):
    assert outcome(saved(name)) == OTHERS[name][1]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, "article"),
        (404, "gone http_404"),
        (410, "gone http_410"),
        (401, "refused http_401"),
        (403, "refused http_403"),
        (429, "failed http_429"),
        (500, "failed http_500"),
        (503, "failed http_503"),
        (204, "not_article empty"),
        (206, "failed http_206"),
        (400, "failed http_400"),
        (301, "failed http_301"),
        (0, "failed http_0"),
    ],
)
def test_the_status_is_believed_before_the_page(status, expected):
    assert outcome(saved("plain_divs"), status) == expected


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"", "text/html", "not_article empty"),
        (b" \r\n\0", "text/html", "not_article empty"),
        (b"%PDF-1.4", "application/pdf", "not_article non_html"),
        (b"%PDF-1.4", "text/html", "not_article non_html"),
        (b'{"error": 1}', "application/json", "not_article non_html"),
        (b'{"error": 1}', "text/html; charset=utf-8", "not_article non_html"),
        (b"\x89PNG\r\n\x1a\n", "image/png", "not_article non_html"),
        (b"<?xml version='1.0'?><rss/>", "text/xml", "not_article non_html"),
        (saved("plain_divs"), "", "article"),
        (saved("plain_divs"), "text/plain", "article"),
        (saved("plain_divs"), "application/xhtml+xml", "article"),
    ],
)
def test_only_html_is_read(body, content_type, expected):
    assert outcome(body, content_type=content_type) == expected


def test_an_article_about_missing_pages_is_an_article():
    title = "الصفحة غير موجودة: page not found"
    assert (
        outcome(
            page(f"<h1>{title}</h1><p>{URL}</p><p>حجم الخط:</p><p>{TEASER}</p>", f"<title>{title}</title>")
        )
        == "article"
    )


WORDS = [phrase for sign in SIGNS for phrase in (*sign.arabic, *sign.english)]
MARKS = [mark for sign in SIGNS for mark in sign.marks]


@given(st.sampled_from(sorted(ARTICLES)), st.lists(st.sampled_from(WORDS + MARKS), min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_an_article_that_quotes_such_words_stays_an_article(name, quoted):
    said = escape(f" «{'» و«'.join(quoted)}» ")
    html = ARTICLES[name]().replace(escape(PARAGRAPHS[2][:20]), said + escape(PARAGRAPHS[2][:20]), 1)
    assert said.strip() in html
    assert outcome(html) == "article"


@given(st.sampled_from(sorted(ARTICLES)), st.sampled_from(WORDS))
@settings(max_examples=300, deadline=None)
def test_an_article_whose_title_quotes_such_words_stays_an_article(name, quoted):
    title = escape(f"كيف اختفت مواقع الثورة السورية: حكاية «{quoted}» وما وراءها من أسباب كما يرويها أصحابها")
    html = ARTICLES[name]().replace(escape(TITLE), title)
    assert outcome(html) == "article"


@pytest.mark.parametrize("era", range(ERAS))
@given(st.integers(0, 400), st.sampled_from(WORDS + MARKS))
@settings(max_examples=60, deadline=None)
def test_the_replicas_articles_quote_what_they_like(era, n, quoted):
    world = World()
    made = world.article(id_of(n % 200))
    said = replace(
        made, era=era, static=True, paragraphs=(f"{made.paragraphs[0]} «{quoted}»", *made.paragraphs[1:])
    )
    page = replace(page_of(html_of(world, said, count=0)), id=ArticleId(said.id))
    assert isinstance(read(page, 200), Article)


def test_an_article_without_the_label_is_no_shell_for_its_empty_places():
    html = saved("without_label").decode().replace("<body ", '<body><div id="app"></div><script></script><i ')
    assert outcome(html) == "article"


def test_a_link_to_another_article_is_not_what_the_page_shows():
    assert (
        outcome(
            page(
                f"<h1>{TITLE}</h1><p>حجم الخط:</p><p>{TEASER} <a href='/a/9'>http://anapress.net/a/9</a></p>"
            )
        )
        == "article"
    )


# Bad input


@pytest.mark.parametrize(
    "tags",
    ["<div>", "<b>", "<ul><li>", "<table><tr><td>", "<i><b><a href=x>", "<p><font>", "<span>x", "<svg>"],
)
def test_a_page_of_nothing_but_open_tags_ends_in_time(tags):
    html = page(f"<h1>{TITLE}</h1>{URL}" + tags * (1_000_000 // len(tags)))
    began = process_time()
    assert outcome(html).startswith(("failed layout_unknown", "not_article"))
    assert process_time() - began < 2


@pytest.mark.parametrize(
    "html",
    [
        "<a " + " ".join(f"a{at}=1" for at in range(100_000)) + ">",
        "<div>" * 500 + P(TEASER) * 4_000,
        f"<div>{P(TEASER)}</div>" * 4_000,
        "<div>" * 7_000 + TEASER,
        f"<div><a href=/a/9>x</a>{P(TEASER)}</div>" * 5_000,
        "<br>x" * 100_000,
        "<!--x-->" * 100_000,
        f"<title>{'|' * 500_000}</title>",
        "<script>" * 100_000,
        f"<p>{'1' * 500_000} مشاهدة",
        "<select>" + "<option>x" * 40_000,
        "<h1>" * 400 + f"{'anapress.net | ' * 400_000}{TEASER}",
        f"<meta property=og:title content='{'x|' * 1_000_000}'>{P(TEASER)}",
        f"<meta property=og:title content='{'anapress.net|' * 100_000}'>{P(TEASER)}",
        "".join(f"<meta property=og:image content=/i{at}.jpg>" for at in range(20_000))
        + "".join(f"<img src=/j{at}.jpg>" for at in range(20_000))
        + P(TEASER),
    ],
)
def test_a_page_made_to_cost_time_ends_in_time(html):
    began = process_time()
    read(page_of(f"<h1>{TITLE}</h1>{URL} حجم الخط:<br>{html}"), 200)
    assert process_time() - began < 2


def test_a_page_of_more_tags_than_the_limit_is_not_read():
    few, many = page(f"<h1>{TITLE}</h1><p>حجم الخط:</p>{P(TEASER)}"), "<br>" * 1_000
    assert isinstance(read(page_of(few), 200, tags=500), Article)
    assert read(page_of(few + many), 200, tags=500).reason == "layout_unknown:too_many_tags"
    assert read(page_of(few + many), 404, tags=500).reason == "http_404"


def test_too_deep_is_a_reason_of_its_own():
    with pytest.raises(LayoutUnknown, match="too_deep"):
        extract(page_of("<div>" * 100_000))
    assert read(page_of("<div>" * 100_000), 200) == Absent(
        outcome=Outcome.FAILED, reason="layout_unknown:too_deep"
    )


def test_a_long_page_with_many_closed_tags_is_not_too_deep():
    assert shown("<div>" + "<p>نص <b>قصير</b><br><img src=x>" * 5_000 + "</div>").title == TITLE


@given(st.binary() | st.text().map(str.encode))
@settings(max_examples=200)
def test_any_page_comes_to_an_article_or_a_reason(body):
    assert isinstance(read(page_of(body), 200), Article | Absent)
    assert isinstance(read(page_of(saved("plain_divs")[:3_000] + body), 200), Article | Absent)


@given(st.integers(0, 20_000))
@settings(max_examples=50)
def test_a_page_cut_anywhere_comes_to_an_article_or_a_reason(length):
    assert isinstance(read(page_of(saved("json_ld")[:length]), 200), Article | Absent)


def test_reading_is_a_pure_function_of_its_arguments():
    assert len({repr(read(page_of(saved("modern")), 200)) for _ in range(3)}) == 1


def test_tag_names_are_all_random():
    assert tag("p", "x") != tag("p", "x")
