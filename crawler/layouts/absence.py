"""Whether a response holds an article at all, and if not, what it is instead."""

from __future__ import annotations

import re
from html import unescape

from crawler.items import Absent, ArticleId, Outcome
from crawler.layouts.signs import SIGNS
from crawler.site import FONT_SIZE, HOME, NAMES, article_id

_HTML_TYPES = ("text/html", "application/xhtml+xml")
_VAGUE_TYPES = ("", "text/plain", "application/octet-stream", "application/xml", "text/xml")
_MAGIC = re.compile(
    r"%PDF-|\x89PNG|GIF8[79]a|\ufffd+PNG|\ufffd\ufffd|PK\x03\x04|[{\[]\s*[\"{\]}]|<\?xml(?![^>]*>\s*<!?(?i:doctype )?html)"
)

_LITTLE = 600  # characters: an article about blocked or missing pages shows more, an error page less
_SHELL = 100  # characters that a page may show without its script
_HOME_LINKS = 5  # other articles that a home page shows at least
