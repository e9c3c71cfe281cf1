"""Every setting that we change: Scrapy's default, and our reason. The environment is read only here."""

import os
from pathlib import Path

BOT_NAME = "anapress"
SPIDER_MODULES = ["spiders"]
NEWSPIDER_MODULE = "spiders"
COMMANDS_MODULE = "crawler.commands"

# --- ours (DESIGN part 2) ---
# A folder, or s3://BUCKET/PREFIX. One that is given may be relative to where the command is run; the default
# is the checkout's, wherever in it that is.
ARCHIVE_URL = str(Path(__file__).parents[1] / "archive")
LEDGER_URL = ""  # empty: <archive>/ledger.db, in the spool for an archive in S3
CONTACT = ""  # URL or e-mail, in the user agent and in each warcinfo
CONNECT_TO = ""  # HOST:PORT:HOST:PORT, as in curl
FLEET = False  # crawls share the ledger, wait for each other and end together; `scrapy fleet` sets it
SPOOL_DIR = ""  # empty: `spool` beside the archive; of one in S3, where the command is run
SPOOL_BYTES = 20_000_000_000  # what waits to be committed; when it is full the crawl waits
MIN_DISK_BYTES = 1_000_000_000  # free in the spool; below, the run ends with exit 6
SEGMENT_BYTES = 1_000_000_000
SEGMENT_SECONDS = ""  # empty: a day in a folder, 15 minutes in S3
STOP_SECONDS = 25  # how long a SIGTERM may take; Docker kills after 10, Kubernetes after 30 by default
LEASE_SECONDS = 600  # without a sign, after which a worker counts as dead: others take what it held
LOCK_SECONDS = 60  # without a sign, after which a job that holds an archive in S3 counts as dead; 0: no lock
PANEL = os.environ.get("TERM", "dumb") != "dumb"  # of progress, where stderr is a terminal
SUMMARY = True  # on stderr, in the end; `scrapy fleet` has one for all its workers
LOG_JSON = False  # logs, and the last line, as JSON lines
S3_ADDRESSING = "auto"  # auto, path or virtual; many servers that are not AWS want path
S3_STORAGE_CLASS = ""  # of warcs/ only
S3_ENCRYPTION = ""  # AES256 or aws:kms; empty: as the bucket does
S3_KMS_KEY = ""
S3_ATTEMPTS = 8  # of one request, with growing pauses: a store may be away for a minute
S3_SECONDS = 60  # without a byte from the store
S3_PART_BYTES = 16 << 20  # larger files go up in parts of this size
WIRE_PROXY = ""  # http://[user:password@]host:port; an environment's http_proxy is ignored
HEAD_BYTES = 256 << 10  # of a response's head
HEAD_LINES = 1000  # of it; a thousand headers say nothing that ten don't
CONNECT_SECONDS = 15  # for one address, and for a TLS handshake
IDLE_SECONDS = 60  # without a byte
PAGE_BYTES = 16 << 20  # a larger body is archived, not read
DECODED_BYTES = 16 << 20  # of a body once decompressed; beyond it is archived, not read
DECODED_RATIO = 200  # times its compressed size, of all beyond the first MiB: pages reach 20, bombs 1000
PAGE_TAGS = 50_000  # of a page; what has more is archived, not read, for parsing it might take minutes
PAGE_REQUISITES = 500  # new ones, of a page and its styles
REQUISITE_BYTES = 64 << 20  # what is longer is stored truncated: a film, not a picture
RESOLVE = "crawler.wire.dial.system_resolve"  # the tests put names of their own here
DISCOVER_PAGES = 10_000  # that one search of the site asks for: a paging without end must not hold a run
DISCOVER_IDS = 1_000_000  # new ones of it: a newsroom has fewer, and a hostile sitemap would fill the archive
DISCOVER_DEPTH = 3  # links from the home page to a section, or from a sitemap to the next; sites have two
DISCOVER_BYTES = 50 << 20  # of a sitemap once unpacked: sitemaps.org allows no more
RETRY_SECONDS = 2  # at most, of the first pause after a failure; each further one may be twice as long, to 60
WAIT_SECONDS = 3600  # a Retry-After that is longer ends the run (exit 3): another job may come then
STOP_AFTER_WAITS = 5  # pauses in a row that a host asks for; 0, here and below: no limit
STOP_AFTER_MISSES = 10  # pauses in a row after connections that a host did not take
STOP_AFTER_USELESS = 200  # answers in a row that are parked, blocked or empty, as of a site that is no more
ROBOTS_SECONDS = 86_400  # that a robots.txt holds (RFC 9309, 2.4)
CRAWL_DELAY_SECONDS = 60  # the longest Crawl-delay that we keep to; a longer one is told
CHROMIUM = ""  # the browser's program; empty: the first of chromium, chromium-browser, google-chrome in PATH
BROWSER_SANDBOX = ""  # 1 or 0; empty: on, but for root, whom Chromium's refuses
BROWSER_CONTEXTS = 2  # pages that are rendered at once
BROWSER_PAGES = 100  # after which the browser is started anew: its memory grows
BROWSER_BYTES = 1 << 30  # of memory, of one of its processes; a page that takes more fails
BROWSER_SECONDS = 60  # after which a page is taken as it stands
BROWSER_WAIT = "idle"  # until nothing was asked for during half a second; load: until the page says so
BROWSER_KEEP = ""  # text, view, thumbnail: what else than its DOM is kept of a page
BROWSER_SCROLL = True  # once down the page, for pictures that wait to be seen
DISK = "crawler.disk.Disk"  # the crash tests put a failing one here

# --- the archive services (docs/SOURCES.md) ---
# Others that speak the same may stand here; what is set here is asked wherever it lies.
WAYBACK_URL = "https://web.archive.org"
COMMONCRAWL_INDEX_URL = "https://index.commoncrawl.org"
COMMONCRAWL_DATA_URL = "https://data.commoncrawl.org"
WAYBACK_INDEX_SECONDS = 2.5  # between two requests: 24 a minute; what it bears has sunk from 100 to 30
WAYBACK_SECONDS = 0.125  # of any kind: 480 a minute; at 600 it shuts one out
COMMONCRAWL_INDEX_SECONDS = 1  # and one at a time: it is one machine for everybody
COMMONCRAWL_SECONDS = 0.55
SERVICE_PAUSE_SECONDS = 60  # after a service said "too many"; each further time twice as long, to an hour

# --- the wire ---
DOWNLOAD_HANDLERS = {
    # default: Twisted's, which keeps no bytes; ours archives what was on the connection
    "http": "crawler.extensions.door.Door",
    "https": "crawler.extensions.door.Door",
    "ftp": None,  # an archive of the web; and nothing a page says makes us speak other protocols
    "file": None,
    "s3": None,
    "data": None,
}
DOWNLOAD_TIMEOUT = 120  # default 180
DOWNLOAD_MAXSIZE = 256 << 20  # default 1 GiB: no article is; what is longer is stored truncated
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
ASYNCIO_EVENT_LOOP = "uvloop.Loop"  # default asyncio's: a fifth slower

# --- manners ---
USER_AGENT = "anapress-archiver/0.1"  # the spider adds CONTACT
ROBOTSTXT_OBEY = True  # default False
CONCURRENT_REQUESTS_PER_DOMAIN = 1  # default 8: one small newsroom's server
DOWNLOAD_SLOTS = {  # of the archive services: their turns are kept at the door
    name: {"concurrency": 8, "delay": 0, "jitter": 0}
    for name in ("wayback", "wayback-index", "commoncrawl", "commoncrawl-index")
}
DOWNLOAD_DELAY = 0.5  # default 0; the least of the delay that adapts, and 0 turns that off
AUTOTHROTTLE_ENABLED = True  # default False: a site that grows slow is asked less
AUTOTHROTTLE_START_DELAY = 0.5  # default 5: the first answer shows how fast the site is
AUTOTHROTTLE_MAX_DELAY = 60
AUTOTHROTTLE_TARGET_CONCURRENCY = 1.0
RETRY_TIMES = 4  # default 2: the site answers 503 for a while at night
DEFAULT_REQUEST_HEADERS = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "ar,en;q=0.5",  # default en
    "Accept-Encoding": "gzip",  # default also br and zstd, which most WARC tools can't read
}
COOKIES_ENABLED = False  # default True: a capture must not depend on those before it
REDIRECT_ENABLED = False  # default True: the source follows, for a redirect tells what became of an id
REDIRECT_MAX_TIMES = 10  # default 20; so many hops of one article are a loop
METAREFRESH_ENABLED = False  # default True: what a page says is data
COMPRESSION_ENABLED = False  # default True: the wire handler decodes, as `verify` will
HTTPPROXY_ENABLED = False  # default True: it takes http_proxy from the environment
REFERER_ENABLED = False  # default True: nothing referred us

DOWNLOADER_MIDDLEWARES = {
    # in place of Scrapy's: that one reads a 503's body as rules, and allows all where nothing came
    "crawler.middlewares.robots.RobotsTxt": 100,
    "crawler.middlewares.held.Held": 90,  # before anybody is asked
    "crawler.middlewares.files.Files": 91,
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    # in place of Scrapy's: that one asks again at once, knows no Retry-After, and forgets at a restart
    "crawler.middlewares.retry.Retry": 550,
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
    "crawler.middlewares.archive.Archive": 950,  # nearest the wire: before retries and robots see a response
    "crawler.middlewares.stop.Stop": 940,
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,  # ids have one host; redirects are judged
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    "scrapy.downloadermiddlewares.downloadtimeout.DownloadTimeoutMiddleware": None,  # the wire knows it
}
SPIDER_MIDDLEWARES = {
    # a request is a lease's: no depth, start, length or foreign meta to look after; and a 404 is an outcome
    "scrapy.spidermiddlewares.start.StartSpiderMiddleware": None,
    "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
    "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": None,
    "scrapy.spidermiddlewares.metacopy.MetaCopyDetectionMiddleware": None,
}
EXTENSIONS = {
    "crawler.extensions.archivist.Archivist": 0,
    "crawler.extensions.manners.Manners": 5,
    "crawler.extensions.requisites.Requisites": 6,
    "crawler.extensions.discovery.Discovery": 7,
    "crawler.extensions.listing.Listing": 8,
    "crawler.extensions.shelf.Shelf": 8,
    "crawler.extensions.browser.Browser": 8,
    "crawler.extensions.watch.Watch": 10,
    "crawler.extensions.progress.Progress": 20,
    "scrapy.extensions.logstats.LogStats": None,  # Progress tells of ids; LOGSTATS_INTERVAL is how often
}
ITEM_PIPELINES = {"pipelines.validate.Validate": 100, "pipelines.draft.Draft": 900}
DUPEFILTER_CLASS = (
    "scrapy.dupefilters.BaseDupeFilter"  # default keeps all requests in memory; leases are unique
)

# --- the process ---
CONCURRENT_ITEMS = 1  # default 100: starts as many tasks a response
STATS_CLASS = "crawler.stats.Stats"  # default wraps what is asked of it anew, to warn of old arguments
WARN_ON_GENERATOR_RETURN_VALUE = False  # default True: parses a callback's source at every request
REMOTE_CONTROL_ENABLED = False  # default True: a local port that runs code
TELNETCONSOLE_ENABLED = False  # default True
LOG_COLOR = not os.environ.get("NO_COLOR")  # default True; of the panel, too
LOG_LEVEL = "INFO"  # default DEBUG
DEFAULT_DROPITEM_LOG_LEVEL = "DEBUG"  # default WARNING: an absent article is an outcome, not a mishap
FEED_EXPORT_ENCODING = "utf-8"  # default escapes Arabic

# --- the environment: ANAPRESS_NAME sets NAME ---
defaults = {name: value for name, value in globals().items() if name.isupper()}  #: what stands above


def environment() -> dict[str, str]:
    """The settings that the environment gives, by their names."""
    given = ((name.partition("ANAPRESS_"), value) for name, value in os.environ.items())
    return {name: value for (before, prefix, name), value in given if prefix and not before}


globals().update(environment())
