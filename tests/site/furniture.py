"""What stands around an article in each markup: style, script, menu, lists, footer, class names."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from random import Random
from string import ascii_lowercase

from tests.site.world import SECTIONS, World

CONSONANTS = "bcdfghjklmnpqrstvwxz0123456789"


def class_name(era: int, role: str) -> str:
    """A name that tells nothing, another one in each era."""
    rng = Random(f"{era}/{role}")
    return rng.choice(ascii_lowercase) + "".join(rng.choices(CONSONANTS, k=rng.randint(3, 8)))


def dress(era: int, template: str) -> str:
    """The template with a class name of this era in place of each `@role`."""
    return re.sub(r"@([a-z]+)", lambda role: class_name(era, role[1]), template)


@lru_cache(maxsize=16)
def furniture(world: World, era: int) -> dict[str, str]:
    """The parts that are the same on every page of a markup."""
    return {
        "style": _style(era),
        "script": _script(era),
        "menu": _menu(era),
        "most_read": _most_read(world, era),
        "footer": _footer(era),
        "share": _share(era),
    }


def _style(era: int) -> str:
    rng = Random(f"style {era}")
    return "\n".join(
        f".{class_name(era, str(rule))}{{margin:{rng.randrange(40)}px {rng.randrange(40)}px;"
        f"color:#{rng.randrange(1 << 24):06x};width:{rng.randrange(100, 900)}px;float:right}}"
        for rule in range(170)
    )


def _script(era: int) -> str:
    rng = Random(f"script {era}")
    lines = (
        f'_q["{rng.randrange(1 << 40):x}"]=function(a,b){{return a.{class_name(era, str(line))}(b+{rng.randrange(999)})}};'
        for line in range(200)
    )
    return "var _q=_q||{};\n" + "\n".join(lines)


def _menu(era: int) -> str:
    links = [("/", "الرئيسية"), *((f"/section/{slug}", name) for slug, name in SECTIONS), ("/rss", "RSS")]
    item = '<td><a href="{}">{}</a></td>' if era == 1 else '<li><a href="{}">{}</a></li>'
    inner = "".join(item.format(*link) for link in links)
    return f"<table><tr>{inner}</tr></table>" if era == 1 else f"<ul>{inner}</ul>"


def _most_read(world: World, era: int) -> str:
    item = dress(
        era,
        '<div class="@item"><img src="/img/{0}.png" width="60" height="40"><a class="@link" href="/a/{0}">{1}</a></div>',
    )
    return "\n".join(item.format(id_, escape(title)) for id_, title in world.pool()[era * 3 : era * 3 + 24])


def _share(era: int) -> str:
    places = (("facebook.com/sharer", "فيسبوك"), ("twitter.com/share", "تويتر"), ("t.me/share", "تلغرام"))
    link = dress(era, '<a class="@share" rel="nofollow" href="https://{}?u=anapress">{}</a>')
    return " ".join(link.format(*place) for place in places)


def _footer(era: int) -> str:
    return dress(
        era,
        '<div class="@foot">أنا برس مؤسسة إعلامية سورية مستقلة تعنى بالشأن السوري. جميع الحقوق محفوظة © 2020'
        ' <a href="/about">من نحن</a> <a href="mailto:info@anapress.net">اتصل بنا</a></div>',
    )
