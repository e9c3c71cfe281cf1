"""By which words a page tells what it is instead of an article."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.items import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Phrases of one kind of page; where they stand and what else must hold, `absence` says."""

    outcome: Outcome
    reason: str
    arabic: tuple[str, ...] = ()
    english: tuple[str, ...] = ()


SIGNS = (
    Sign(
        outcome=Outcome.REFUSED,
        reason="block_page",
        arabic=("تم حظر الوصول", "تم رفض الوصول", "تم حظرك", "تحقق من أنك لست روبوت", "التحقق من متصفحك"),
        english=(
            "access denied",
            "attention required! | cloudflare",
            "you have been blocked",
            "just a moment...",
            "checking your browser",
            "verify you are human",
            "verifying you are human",
            "ddos protection by",
            "incapsula incident id",
            "request unsuccessful",
            "are you a robot",
            "security check",
        ),
    ),
    Sign(
        outcome=Outcome.NOT_ARTICLE,
        reason="parked",
        arabic=("هذا النطاق للبيع", "هذا الموقع للبيع", "الدومين للبيع", "النطاق معروض للبيع"),
        english=(
            "domain is for sale",
            "domain may be for sale",
            "domain for sale",
            "buy this domain",
            "domain has expired",
            "domain is parked",
            "parked free",
            "anapress.net is for sale",
            "this account has been suspended",
            "account suspended",
            "welcome to nginx",
            "apache2 debian default page",
            "future home of",
        ),
    ),
    Sign(
        outcome=Outcome.NOT_ARTICLE,
        reason="soft_404",
        arabic=(
            "الصفحة غير موجودة",
            "الصفحة المطلوبة غير موجودة",
            "الصفحة التي تبحث عنها",
            "الصفحة التي طلبتها",
            "لم يتم العثور على الصفحة",
            "المقال غير موجود",
            "الموضوع غير موجود",
            "الخبر غير موجود",
            "تم حذف الخبر",
            "تم حذف المقال",
            "خطأ 404",
        ),
        english=(
            "page not found",
            "404 not found",
            "error 404",
            "404 error",
            "page you are looking for",
            "page you requested",
            "page doesn't exist",
            "page does not exist",
            "article not found",
        ),
    ),
    Sign(
        outcome=Outcome.FAILED,
        reason="error_page",
        arabic=(
            "خطأ في الاتصال بقاعدة البيانات",
            "الموقع تحت الصيانة",
            "الموقع قيد الصيانة",
            "الخدمة غير متاحة",
        ),
        english=(
            "error establishing a database connection",
            "service unavailable",
            "internal server error",
            "bad gateway",
            "gateway time-out",
            "under maintenance",
            "runtime error",
        ),
    ),
)
