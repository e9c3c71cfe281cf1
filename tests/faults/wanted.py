"""The list's parts, and where ours differs from what it wants, with the reason."""

from __future__ import annotations

PARTS = {
    "HTTP framing": range(1, 17),
    "Content coding": range(17, 22),
    "Exhaustion": range(22, 32),
    "Text, dates, kinds of page": range(32, 40),
    "Redirects, robots, politeness, network": range(40, 50),
    "Addresses and secrets": range(50, 58),
}

DIFFERS = {
    9: "The reason is `empty_reply`, not `connect_failed`: there was a connection. A kept one that closes without a "
    "byte was only old, so the request goes once more on a fresh one, in the same attempt.",
    10: "The reason is `dataloss`, not `protocol_error`: what came was right, and too little.",
    12: "What is odd is counted (`wire/odd/…` in the statistics) and said at DEBUG, here and elsewhere, not warned "
    "of: a site that writes all its heads so would fill the log.",
    18: "Asked again as often as anything that may come right (RETRY_TIMES), not once: one budget for all.",
    20: "Not decoded: we offer gzip only, and most WARC tools read nothing else. The body stays as it came.",
    21: "The size that it would have had is not told: we stop at the limit and never know it.",
    26: "The limit is work, not time: tags, depth, attributes, options. A limit in seconds would hang on the machine, "
    "and `verify` could not come to the same result. So the reason is `layout_unknown:too_many_tags` and the like.",
    27: "Sitemaps are not read yet. At an article's URL they are no article, and nothing in them is unpacked beyond "
    "the limits.",
    28: "No parser of ours knows a DTD, so nothing is refused by name; in XHTML the entity stays as it is written.",
    29: "As 28: no entity is expanded, no file or URL is looked at.",
    30: "As 27: fetched once, since nothing in it is followed.",
    31: "As 27: no URLs are taken from it.",
    32: "No conflict is noted, here and in 33 and 34: a line has no field for its charset, and the record has both.",
    35: "NULs are left out without a word; the record has them.",
    38: "The reason is what it is (`soft_404`, `error_page`, `block_page`, `empty`), not `soft_error`.",
    40: "Too many hops are called `redirect_loop` too.",
    42: "The reason is `redirected_away`; a redirect to another article names it.",
    47: "A reset before the answer is `empty_reply`.",
    48: "A bad certificate is asked once; a handshake that breaks or hangs is tried again, as any connection.",
    50: "A public address of the machine's own shows only once it is connected to; it is left before a byte is sent.",
    53: "A redirect to a strange name is `redirected_away`: it is not followed, so the name is not even looked up. "
    "The site's own names are judged as they are dialled, and one bad address refuses the name whole.",
    55: "A meta refresh is data, as is all that a page says.",
    56: "Seen from the id, a redirect to another scheme is `bad_redirect`; a URL that can be read in two ways is asked "
    "in neither. `scheme_refused` is what the wire says of a request.",
    57: "The site's Set-Cookie stays in the record, for that is exact; it is never sent back. A setting with a "
    "password is not logged at all.",
}
