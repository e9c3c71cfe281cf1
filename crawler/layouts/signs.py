"""By which words and marks a page tells what it is instead of an article."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.items import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Phrases of one kind of page; where they must stand and what else must hold, `absence` says.

    `marks` stand in the markup of pages that show nothing, in lower case: their scripts would show the rest.
    """

    outcome: Outcome
    reason: str
    arabic: tuple[str, ...] = ()
    english: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


SIGNS = (
    Sign(
        outcome=Outcome.REFUSED,
        reason="block_page",
        arabic=(
            *("تم حظر الوصول", "تم رفض الوصول", "تم منع الوصول", "تم حظرك", "الوصول مرفوض", "الوصول محظور"),
            *("هذا الموقع محجوب", "الموقع محجوب", "تم حجب هذا الموقع", "تم حجب الموقع", "غير مصرح لك"),
            *("تحقق من أنك لست روبوت", "أثبت أنك لست روبوت", "التحقق من أنك إنسان", "أثبت أنك إنسان"),
            *("التحقق من متصفحك", "التحقق من المتصفح", "تفعيل ملفات تعريف الارتباط"),
        ),
        english=(
            *("access denied", "access to this page has been denied", "access to this site has been blocked"),
            *("attention required! | cloudflare", "you have been blocked", "sorry, you have been blocked"),
            *(
                "just a moment...",
                "one more step",
                "checking your browser",
                "checking if the site connection is",
            ),
            *(
                "verify you are human",
                "verifying you are human",
                "verify that you are human",
                "human verification",
            ),
            *(
                "ddos protection by",
                "ddos-guard",
                "incapsula incident id",
                "request unsuccessful",
                "are you a robot",
            ),
            *("i'm not a robot", "pardon our interruption", "security check", "sucuri website firewall"),
            *(
                "enable javascript and cookies to continue",
                "please enable cookies",
                "unusual traffic from your",
            ),
            *("this website is blocked", "this site is blocked", "the owner of this website has banned"),
            *("you don't have permission to access", "403 forbidden", "blocked by the network administrator"),
        ),
        marks=(
            *(
                "_cf_chl_opt",
                "_incapsula_resource",
                "sucuri_cloudproxy_js",
                "captcha-delivery.com",
                "px-captcha",
            ),
            *("awswafintegration", "ddos-guard.net", "geo.captcha", "/.well-known/captcha"),
        ),
    ),
    Sign(
        outcome=Outcome.NOT_ARTICLE,
        reason="parked",
        arabic=(
            *(
                "هذا النطاق للبيع",
                "هذا الموقع للبيع",
                "الدومين للبيع",
                "النطاق معروض للبيع",
                "اسم النطاق للبيع",
            ),
            *("النطاق محجوز", "تم حجز هذا النطاق", "تم حجز هذا الدومين", "انتهت صلاحية النطاق"),
            *(
                "انتهت صلاحية هذا النطاق",
                "انتهت صلاحية الدومين",
                "انتهت صلاحية اسم النطاق",
                "تم تعليق الحساب",
            ),
            *(
                "تم إيقاف الحساب",
                "تم إيقاف هذا الموقع",
                "تم تعليق الموقع",
                "الموقع موقوف",
                "انتهت فترة الاستضافة",
            ),
            *("الموقع قيد الإنشاء", "الموقع تحت الإنشاء", "موقع جديد قريبا"),
        ),
        english=(
            *("domain is for sale", "domain may be for sale", "domain for sale", "domain name is for sale"),
            *(
                "buy this domain",
                "get this domain",
                "make an offer on this domain",
                "inquire about this domain",
            ),
            *(
                "anapress.net is for sale",
                "offering it for sale",
                "this domain is available",
                "domain is parked",
            ),
            *("parked free", "web page is parked", "domain parking", "parked domain", "future home of"),
            *("domain has expired", "domain name has expired", "domain expired", "domain name expired"),
            *(
                "pending renewal or deletion",
                "renew your domain",
                "renew this domain",
                "this domain is registered",
            ),
            *("domain has been registered", "domain name has been registered", "registered at namecheap"),
            *(
                "this account has been suspended",
                "account suspended",
                "website is suspended",
                "site is suspended",
            ),
            *("this site has been suspended", "hosting account has expired", "website coming soon"),
            *("website is under construction", "site is under construction", "welcome to nginx"),
            *("apache2 debian default page", "apache2 ubuntu default page", "test page for the apache"),
            *(
                "iis windows server",
                "default web site page",
                "web server's default page",
                "domain default page",
            ),
            *("no website configured at this address", "there isn't a website here", "index of /"),
        ),
        marks=(
            *(
                "sedoparking.com",
                "bodiscdn.com",
                "parkingcrew.net",
                "parklogic.com",
                "window.park =",
                "/park.js",
            ),
            *(
                "hugedomains.com",
                "afternic.com",
                "dan.com/buy-domain",
                "above.com/marketplace",
                "domainmarket.com",
            ),
            *(
                'location.href="/lander"',
                "d38psrni17bvxu.cloudfront.net",
                "searchmagnified.com",
                "skenzo.com",
            ),
        ),
    ),
    Sign(
        outcome=Outcome.NOT_ARTICLE,
        reason="soft_404",
        arabic=(
            *("الصفحة غير موجودة", "الصفحة المطلوبة غير موجودة", "الصفحة غير متوفرة", "الصفحة غير متاحة"),
            *("الصفحة التي تبحث عنها", "الصفحة التي طلبتها", "الصفحة التي تحاول الوصول إليها"),
            *(
                "لم يتم العثور على",
                "لم نتمكن من العثور",
                "لم نجد الصفحة",
                "الرابط الذي اتبعته",
                "الرابط غير صحيح",
            ),
            *(
                "المقال غير موجود",
                "المقالة غير موجودة",
                "الموضوع غير موجود",
                "الخبر غير موجود",
                "المادة غير موجودة",
            ),
            *("المحتوى غير موجود", "المقال المطلوب غير موجود", "الخبر المطلوب غير موجود", "تم حذف الخبر"),
            *("تم حذف المقال", "تم حذف الموضوع", "تم حذف الصفحة", "تم حذف هذه الصفحة", "خطأ 404"),
        ),
        english=(
            *("page not found", "404 not found", "error 404", "404 error", "page you are looking for"),
            *("page you were looking for", "page you requested", "page doesn't exist", "page does not exist"),
            *(
                "page can't be found",
                "page cannot be found",
                "page could not be found",
                "page isn't available",
            ),
            *("was not found on this server", "article not found", "article does not exist", "nothing found"),
            *(
                "no longer available",
                "may have been removed or",
                "has been deleted or moved",
                "content not found",
            ),
        ),
    ),
    Sign(
        outcome=Outcome.FAILED,
        reason="error_page",
        arabic=(
            *(
                "خطأ في الاتصال بقاعدة البيانات",
                "الموقع تحت الصيانة",
                "الموقع قيد الصيانة",
                "الموقع مغلق للصيانة",
            ),
            *(
                "الخدمة غير متاحة",
                "الخدمة غير متوفرة",
                "خطأ في الخادم",
                "خطأ داخلي في الخادم",
                "حدث خطأ غير متوقع",
            ),
            *("حدث خطأ أثناء", "الموقع متوقف مؤقتا", "سنعود قريبا"),
        ),
        english=(
            *("error establishing a database connection", "database error", "too many connections"),
            *("service unavailable", "temporarily unavailable", "internal server error", "bad gateway"),
            *("gateway time-out", "gateway timeout", "web server is down", "error 500", "error 503"),
            *("under maintenance", "maintenance mode", "scheduled maintenance", "we'll be back soon"),
            *("runtime error", "server error in '/' application", "fatal error", "bandwidth limit exceeded"),
        ),
    ),
    Sign(
        outcome=Outcome.NOT_ARTICLE,
        reason="js_shell",
        arabic=(
            "يرجى تفعيل جافا",
            "يرجى تفعيل الجافا",
            "يجب تفعيل جافا",
            "يجب تفعيل الجافا",
            "يتطلب جافا سكريبت",
        ),
        english=(
            *("you need to enable javascript", "please enable javascript", "please turn on javascript"),
            *("requires javascript", "javascript is required", "javascript is disabled in your browser"),
        ),
    ),
)
