"""One case: what the site answers, and what has to become of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from tests.raw import Answer

HTML = "text/html; charset=utf-8"
TRIES = 2  #: what may come right is asked so often in these crawls


class Kept(Enum):
    """What the archive holds of an answer."""

    WHOLE = "whole"
    MESSAGE = "the message"  # without what came behind it
    HOP = "the redirect"  # whole; where it leads, nothing was asked
    REQUEST = "the request only"  # there was no whole head
    DISCONNECT = "cut, `disconnect`"
    LENGTH = "cut, `length`"
    TIME = "cut, `time`"
    UNSPECIFIED = "cut, `unspecified`"


@dataclass(frozen=True, slots=True)
class Article:
    """The article that a case would show, and the ways to answer with it."""

    id: int

    @property
    def title(self) -> str:
        return f"المجلس المحلي يعلن النتائج رقم {self.id}"

    @property
    def paragraphs(self) -> tuple[str, ...]:
        return (
            f"أعلن المجلس المحلي في المدينة اليوم عن النتائج النهائية للمشروع رقم {self.id} بعد أشهر من العمل.",
            "وقال الناطق باسم المجلس إن الأهالي شاركوا في الاختيار وإن التنفيذ يبدأ في الأسبوع القادم.",
        )

    def html(self, head: str = '<meta charset="utf-8">', above: str = "", text: str = "") -> str:
        """The page; with more in its head, above its text, or instead of the text."""
        said = text or "".join(f"<p>{paragraph}</p>" for paragraph in self.paragraphs)
        return (
            f"<!DOCTYPE html><html><head>{head}<title>{self.title}</title></head><body><h1>{self.title}</h1>"
            f"{above}<p>حجم الخط:</p><div>{said}</div></body></html>"
        )

    @property
    def page(self) -> bytes:
        return self.html().encode()

    def whole(
        self, *lines: str, body: bytes | None = None, kind: str = HTML, status: str = "200 OK"
    ) -> bytes:
        """The page, or another body, in a plain answer with these headers more."""
        content = self.page if body is None else body
        return head(*lines, f"Content-Length: {len(content)}", kind=kind, status=status) + content

    def moved(self, location: str, status: str = "302 Found") -> Answer:
        """A redirect; {} in it is the id."""
        return Answer([self.whole(f"Location: {location.format(self.id)}", body=b"moved", status=status)])


def head(*lines: str, kind: str = HTML, status: str = "200 OK") -> bytes:
    """A head with these lines, in UTF-8."""
    typed = (f"Content-Type: {kind}",) if kind else ()
    return "\r\n".join((f"HTTP/1.1 {status}", *typed, *lines, "", "")).encode()


Answers = Callable[[Article], Sequence[Answer] | Answer | bytes]
"""What comes at the first request, the second …; the last one for all that follow. Bytes: then the end."""


@dataclass(frozen=True, slots=True)
class Case:
    """What comes, and what becomes of it; `asked` is how many requests the site saw."""

    number: int
    comes: str
    answers: Answers
    becomes: str = "article"
    kept: Kept = Kept.WHOLE
    asked: int = 1
    attempts: int | None = None  #: of the take, where some requests were hops
    odd: str = ""  #: what is said of it in the log and counted
    facts: tuple[str | None, str | None] | None = None  #: published_at and published_time

    def at(self, id: int) -> list[Answer]:
        given = self.answers(Article(id))
        if isinstance(given, bytes):
            return [Answer([given], "close")]
        return [given] if isinstance(given, Answer) else list(given)
