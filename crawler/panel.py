"""The panel of a crawl on a terminal: figures → lines of text with colours."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from crawler.figures import Figures, Host, Reason
from crawler.wording import counts, number, size, span

BETWEEN = " · "
REASONS = 4  #: shown at most
ROWS = 9  #: of all else, on a low terminal
HOSTS = 2
BAR = 48  #: columns, where there is room for them
STYLES = {"article": "green", "unchanged": "green", "failed": "red", "refused": "yellow"}


def lines(figures: Figures, width: int, height: int, *, color: bool) -> list[str]:
    """The panel, at most so wide and so high."""
    sheet = StringIO()
    console = Console(
        file=sheet,
        width=width,
        height=height,
        force_terminal=True,
        color_system="standard" if color else None,
        legacy_windows=False,
        highlight=False,
        _environ={},
    )
    console.print(_panel(figures, width, height), end="")
    return sheet.getvalue().splitlines()[:height]


def _panel(figures: Figures, width: int, height: int) -> RenderableType:
    rows = Table.grid(padding=(0, 1, 0, 0))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    for name, value in _rows(figures, width, height):
        rows.add_row(name, value)
    return Group(Rule(_head(figures), align="left", style="dim", characters="─"), rows)


def _head(figures: Figures) -> Text:
    return Text(f"anapress: {figures.phase}, {span(figures.seconds)}", "bold")


def _rows(figures: Figures, width: int, height: int) -> Iterator[tuple[str, RenderableType]]:
    if figures.due:
        yield "", _bar(figures.done, figures.due, width)
    yield "done", _done(figures)
    if figures.outcomes:
        yield "outcomes", _outcomes(figures)
    if figures.needs:
        yield "needs", Text(counts(figures.needs, BETWEEN))
    room = max(1, min(REASONS, height - ROWS))
    for place, reason in enumerate(figures.mishaps[:room]):
        yield "" if place else "errors", _reason(reason)
    for place, host in enumerate(figures.hosts[:HOSTS]):
        yield "" if place else "host", _host(host)
    yield "bytes", _bytes(figures)


def _bar(done: int, due: int, width: int) -> ProgressBar:
    return ProgressBar(total=due, completed=done, width=max(min(BAR, width - 10), 1))


def _done(figures: Figures) -> Text:
    parts = [f"{figures.done:,}"]
    if figures.left is not None:
        parts.append(f"{figures.left:,} left")
    if figures.pace:
        parts.append(f"{figures.pace:.1f}/s")
    if figures.eta:
        parts.append(f"{span(figures.eta)} to go")
    if figures.commits:
        parts.append(number(figures.commits, "commit"))
    return Text(BETWEEN.join(parts))


def _outcomes(figures: Figures) -> Text:
    most_first = sorted(figures.outcomes.items(), key=lambda pair: -pair[1])
    parts = [Text(f"{count:,} {outcome}", STYLES.get(outcome, "")) for outcome, count in most_first]
    return Text(BETWEEN).join(parts)


def _host(host: Host) -> Text:
    parts = [f"{host.flying} of {host.most} at once", f"delay {host.delay:.1f} s"]
    if host.resting:
        parts = [host.resting]
    if host.waiting:
        parts.append(f"{host.waiting:,} wait")
    return Text(f"{host.name}: {', '.join(parts)}")


def _bytes(figures: Figures) -> Text:
    parts = (
        f"{size(figures.received)} received",
        f"{size(figures.written)} WARC",
        f"spool {size(figures.spool)} of {size(figures.spool_most)}",
    )
    return Text(BETWEEN.join(parts))


def _reason(reason: Reason) -> Text:
    style = STYLES.get(reason.outcome, "")
    return Text.assemble(
        (f"{reason.outcome} {reason.reason}", style), f" {reason.count:,}, last {reason.last}"
    )
