"""PROVISIONAL, by the lead: to be overwritten by the layouts' builder."""
from selectolax.lexbor import LexborHTMLParser
from crawler.errors import CrawlerError
from crawler.fingerprint import content_hash
from crawler.items import Absent, Article, Extractor, Outcome, Page
class LayoutUnknown(CrawlerError):
    """No layout fits."""
def read(page: Page, status: int) -> Article | Absent:
    if status in (404, 410): return Absent(outcome=Outcome.GONE, reason=f"http_{status}")
    if status != 200: return Absent(outcome=Outcome.FAILED, reason=f"http_{status}")
    tree = LexborHTMLParser(page.body)
    title = tree.css_first("title")
    text = tree.body.text(separator=" ", strip=True) if tree.body else ""
    if not title or not text: return Absent(outcome=Outcome.NOT_ARTICLE, reason="empty")
    t = title.text(strip=True)
    return Article(id=str(page.id), url=page.url, title=t, text=text, paragraphs=(text,), published_at=None, published_time=None, author=None, section=None, tags=(), views=None, images=(), related=(), language="ar", content_hash=content_hash(t, text), captured_at=page.captured_at, source=page.source, extractor=Extractor(layout="provisional", version=1))
