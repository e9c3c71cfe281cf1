"""How fast `scrapy verify` proves an archive: python -m bench.verify [--pages 6000] [--rounds 5]"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench import peers
from bench.peers import Pages
from bench.process import CHECKOUT, run, serving

SEGMENT_BYTES = 16 << 20  # so that there are several, as in any archive of some size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving("bench.site", "--articles", str(options.pages)) as port:
            program = peers.ours(Pages(port, options.pages), folder)
            run([*program.command, "-s", f"SEGMENT_BYTES={SEGMENT_BYTES}"], CHECKOUT)
        command = [program.command[0], "verify", "-s", f"ARCHIVE_URL={folder / 'archive-0'}"]
        rounds = [run(command, CHECKOUT) for _ in range(options.rounds)]
    speed = options.pages / median(took.seconds for took in rounds)
    cpu = median(took.cpu for took in rounds) / options.pages * 1e3
    sys.stdout.write(f"scrapy verify: {speed:.0f} pages/s, {cpu:.2f} ms CPU a page, start-up included\n")


if __name__ == "__main__":
    main()
