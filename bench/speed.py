"""Programs beside each other on the same pages: python -m bench.speed [--pages 3000] [--rounds 5]

Each round runs every program once, in turn, start-up and end included; what is told are medians over the
rounds. With --write the figures go to docs/speed.json, and a plot of them to docs/speed.svg.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

from bench import peers
from bench.peers import Pages, Program
from bench.plot import bars
from bench.process import CHECKOUT, Took, first_request, run, serving
from crawler import warc

DOCS = CHECKOUT / "docs"
LEVEL = 6  # of zlib, as the common WARC writers have it


@dataclass(frozen=True, slots=True)
class Figures:
    """What a program did."""

    pages_per_second: float
    cpu_ms_per_page: float
    peak_mb: float
    warc_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="keep the figures and the plot in docs/")
    options = parser.parse_args()
    peers.get_ready()
    with serving("bench.site", "--articles", str(options.pages)) as port:
        pages = Pages(port, options.pages)
        rounds = [dict(one_round(pages)) for _ in range(options.rounds)]
        starts = [(start(peers.bare, pages), start(peers.ours, pages)) for _ in range(options.rounds)]
        size = beside_zlib(pages)
    figures = {name: medians([each[name] for each in rounds]) for name in rounds[0]}
    late = median(ours - bare for bare, ours in starts)
    say(figures, late, size)
    if options.write:
        write(figures, late, size)


def one_round(pages: Pages) -> Iterator[tuple[str, Figures]]:
    for peer in (peers.bare, peers.ours, peers.dressed, peers.rival, peers.wget):
        with tempfile.TemporaryDirectory() as folder:
            program = peer(pages, Path(folder))
            yield program.name, figures_of([program], Path(folder), pages)
    with tempfile.TemporaryDirectory() as folder:
        pair = [peers.ours(pages, Path(folder), start=half, step=2) for half in (0, 1)]
        yield f"{pair[0].name}, two processes", figures_of(pair, Path(folder), pages)


def figures_of(programs: Sequence[Program], folder: Path, pages: Pages) -> Figures:
    """What the programs did together, at the same time."""
    with ThreadPoolExecutor() as pool:
        all_took = list(pool.map(lambda program: run(program.command, program.cwd or folder), programs))
    took = Took(*map(max, zip(*map(astuple, all_took), strict=True)))
    warcs = sum(file.stat().st_size for file in folder.glob(programs[0].warcs)) if programs[0].warcs else 0
    cpu = sum(each.cpu for each in all_took)
    memory = sum(each.memory for each in all_took)
    return Figures(pages.count / took.seconds, cpu / pages.count * 1e3, memory / 1e6, warcs / 1e6)


def start(peer: Callable[[Pages, Path], Program], pages: Pages) -> float:
    """Seconds from the shell to the first request for a page."""
    with tempfile.TemporaryDirectory() as folder:
        program = peer(Pages(pages.port, 1), Path(folder))
        return first_request(program.command, program.cwd or Path(folder), pages.port)


def beside_zlib(pages: Pages) -> float:
    """The size of our WARCs, to that of the very same records packed by zlib."""
    with tempfile.TemporaryDirectory() as folder:
        program = peers.ours(pages, Path(folder))
        run(program.command, program.cwd or Path(folder))
        ours = zlibs = 0
        for file in Path(folder).glob(program.warcs):
            ours += file.stat().st_size
            zlibs += sum(map(packed, members(file)))
    return ours / zlibs


def members(file: Path) -> Iterator[bytes]:
    """Each gzip member of a WARC, unpacked."""
    with file.open("rb") as stream:
        places = [(record.offset, record.length) for record in warc.members(stream)]
        for offset, length in places:
            stream.seek(offset)
            yield zlib.decompress(stream.read(length), 31)


def packed(record: bytes) -> int:
    member = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
    return len(member.compress(record) + member.flush())


def medians(figures: Sequence[Figures]) -> Figures:
    return Figures(*map(median, zip(*map(astuple, figures), strict=True)))


def say(figures: dict[str, Figures], late: float, size: float) -> None:
    first = next(iter(figures.values()))
    line = "{:28} {:>9} {:>11} {:>9} {:>9} {:>9}\n"
    sys.stdout.write(line.format("", "pages/s", "ms CPU/page", "peak MB", "WARC MB", "× bare"))
    for name, each in figures.items():
        numbers = (f"{number:.2f}" for number in astuple(each))
        sys.stdout.write(line.format(name, *numbers, f"{each.pages_per_second / first.pages_per_second:.2f}"))
    sys.stdout.write(f"start to first request: {late:+.2f} s beside bare Scrapy\n")
    sys.stdout.write(f"WARC size beside zlib level {LEVEL}: {size:.4f}\n")


def write(figures: dict[str, Figures], late: float, size: float) -> None:
    plain = {name: dict(zip(Figures.__slots__, astuple(each), strict=True)) for name, each in figures.items()}
    told = {"programs": plain, "start_seconds_beside_bare": late, "size_beside_zlib": size}
    (DOCS / "speed.json").write_text(json.dumps(told, indent=1) + "\n")
    (DOCS / "speed.svg").write_text(bars({name: each.pages_per_second for name, each in figures.items()}))


if __name__ == "__main__":
    main()
