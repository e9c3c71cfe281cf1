"""Whole crawls into S3, as scheduled jobs run them: on machines that keep nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import pytest

from tests.crash.judge import judge
from tests.crawling import CHECKOUT, QUICK, SCRAPY, Archive, Ran, scrapy
from tests.s3 import Endpoint, Fault, Proxy, delay, error, hang, running_proxy, slow
from tests.s3.access import settings_of
from tests.s3.bucket import fetched
from tests.site import Site, id_of

ARTICLES = 60
IDS = [id_of(n) for n in range(30)]
SLOW = {"DOWNLOAD_DELAY": 0.2, "CONCURRENT_REQUESTS_PER_DOMAIN": 1}


@dataclass(frozen=True, slots=True)
class Job:
    """Machines whose archive is in one bucket; each has a disk of its own."""

    home: Path
    endpoint: Endpoint
    bucket: str
    site: Site
    requisites: bool = False

    def settings(self, disk: str, **changed: object) -> list[str]:
        ours = {
            **settings_of(self.endpoint),
            "ARCHIVE_URL": f"s3://{self.bucket}/news",
            "SPOOL_DIR": self.home / disk,
            "CONNECT_TO": self.site.connect_to,
            "LOCK_SECONDS": 3,
            "S3_ATTEMPTS": 3,
        }
        return [f"-s{name}={value}" for name, value in {**QUICK, **ours, **changed}.items()]

    def crawl(
        self,
        ids: list[int] | str = IDS,
        *,
        disk: str = "disk",
        environment: Mapping[str, str] | None = None,
        **changed: object,
    ) -> Ran:
        return scrapy(*self._crawl(ids, disk, **changed), environment=environment)

    def start(
        self,
        ids: list[int] | str = IDS,
        *,
        disk: str = "disk",
        environment: Mapping[str, str] | None = None,
        **changed: object,
    ) -> subprocess.Popen[str]:
        """The same, running; its words are in `stderr`."""
        command = [str(SCRAPY), *self._crawl(ids, disk, **changed)]
        env = {**os.environ, **(environment or {})}
        return subprocess.Popen(command, cwd=CHECKOUT, env=env, stdout=-1, stderr=-1, text=True)

    def run(self, *arguments: str, disk: str = "disk", **changed: object) -> Ran:
        return scrapy(*arguments, *self.settings(disk, **changed))

    def archive(self) -> Archive:
        """What is in the bucket, fetched."""
        folder = self.home / f"fetched-{time.monotonic_ns()}"
        return Archive(fetched(self.endpoint, self.bucket, "news", folder))

    def _crawl(self, ids: list[int] | str, disk: str, **changed: object) -> list[str]:
        given = ids if isinstance(ids, str) else ",".join(map(str, ids))
        return [
            "crawl",
            "anapress",
            f"-arequisites={int(self.requisites)}",
            f"-aids={given}",
            "-adiscover=none",
            *self.settings(disk, **changed),
        ]


@pytest.fixture
def job(tmp_path: Path, s3: Endpoint, site: Site) -> Job:
    return Job(tmp_path, s3, s3.bucket(), site)


@pytest.fixture
def proxied(tmp_path: Path, s3: Endpoint, site: Site) -> Iterator[tuple[Job, Proxy]]:
    bucket = s3.bucket()
    with running_proxy(s3) as proxy:
        yield Job(tmp_path, proxy.endpoint, bucket, site), proxy


def sound(job: Job, asked: list[int]) -> Archive:
    """The archive in the bucket, by our own word and by an independent reader's."""
    told = job.run("verify", disk="nobody's")
    assert (told.code, told.out.splitlines()[-1].startswith("sound")) == (0, True), told.out + told.said
    archive = job.archive()
    judge(archive.folder, asked, job.site)
    return archive


def test_a_crawl_into_s3_makes_the_archive_that_a_folder_would_hold(job: Job) -> None:
    ran = job.crawl()
    assert ran.code == 0, ran.said
    archive = sound(job, IDS)
    assert set(archive.takes()) == set(IDS)
    (run,) = (archive.folder / "runs").iterdir()
    assert json.loads(run.read_bytes())["outcomes"]["article"] > 20


def test_a_job_on_an_empty_disk_asks_for_no_requisite_again(job: Job) -> None:
    job = replace(job, requisites=True)
    seen = []
    for disk, id in (("one", id_of(0)), ("two", id_of(4))):  # in the same markup
        before = len(job.site.exchanges())
        ran = job.crawl([id], disk=disk)
        assert ran.code == 0, ran.said
        seen.append({logged.target for logged in job.site.exchanges()[before:]})
    assert "/css/site.css" in seen[0]
    assert seen[0] & seen[1] == {"/robots.txt"}
    sound(job, [id_of(0), id_of(4)])


def test_a_job_on_an_empty_disk_goes_on_where_the_last_one_stopped(job: Job) -> None:
    job.crawl(CLOSESPIDER_ITEMCOUNT=5)
    shutil.rmtree(job.home / "disk")
    asked = len(job.site.exchanges())
    ran = job.crawl()
    assert ran.code == 0, ran.said
    takes = sound(job, IDS).takes()
    assert all(len(lines) == 1 for lines in takes.values())
    assert len(job.site.exchanges()) - asked <= len(IDS) - 5 + 1  # nothing twice, and robots.txt


def test_ids_status_export_and_verify_read_the_bucket(job: Job, tmp_path: Path) -> None:
    job.crawl()
    known = job.run("ids", "status", disk="new").out.splitlines()[0]
    assert known == f"known {len(IDS)} = settled {len(IDS)} + left 0"
    told = job.run("export", str(tmp_path / "corpus.jsonl"), disk="new")
    assert told.code == 0, told.said
    exported = [json.loads(line)["id"] for line in (tmp_path / "corpus.jsonl").read_text().splitlines()]
    assert exported == sorted(exported, key=int)
    assert len(exported) == len(job.archive().items())


def test_an_export_may_go_to_s3_but_not_into_the_archive(job: Job, tmp_path: Path) -> None:
    job.crawl()
    assert job.run("export", str(tmp_path / "corpus.jsonl")).code == 0
    told = job.run("export", f"s3://{job.bucket}/public/corpus.jsonl")
    assert told.code == 0, told.said
    body = job.endpoint.client().get_object(Bucket=job.bucket, Key="public/corpus.jsonl")["Body"].read()
    assert body == (tmp_path / "corpus.jsonl").read_bytes()
    refused = job.run("export", f"s3://{job.bucket}/news/archive.json")
    assert (refused.code, "lies in the archive" in refused.last) == (2, True), refused.said


def test_the_ids_may_lie_in_s3_too(job: Job) -> None:
    job.endpoint.client().put_object(Bucket=job.bucket, Key="lists/ids.txt", Body=b"%d # one\n" % IDS[0])
    assert job.crawl(f"s3://{job.bucket}/lists/ids.txt").code == 0
    assert list(job.archive().takes()) == [IDS[0]]
    missing = job.crawl(f"s3://{job.bucket}/lists/none.txt")
    assert (missing.code, "There is no object s3://" in missing.last) == (2, True)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wr0ng"}, "AWS_SECRET_ACCESS_KEY"),
        ({"ARCHIVE_URL": "s3://no-such-bucket-here/x"}, "no such bucket"),
        ({"S3_ADDRESSING": "sideways"}, "S3_ADDRESSING"),
        ({"SPOOL_BYTES": 1000}, "SPOOL_BYTES"),
    ],
)
def test_wrong_use_of_s3_is_a_sentence_and_nothing_is_fetched(job: Job, changed, sentence: str) -> None:
    asked = len(job.site.exchanges())
    ran = job.crawl(**changed)
    assert (ran.code, sentence in ran.last) == (2, True), ran.said
    assert "Traceback" not in ran.said
    assert len(job.site.exchanges()) == asked
    assert "wr0ng" not in ran.said


@pytest.mark.parametrize("arguments", [("verify",), ("export", "-"), ("ids", "status"), ("ids", "add", "5")])
def test_other_commands_say_what_is_wrong_with_the_store_too(job: Job, arguments) -> None:
    ran = job.run(*arguments, AWS_SECRET_ACCESS_KEY="wr0ng")
    assert (ran.code, "AWS_SECRET_ACCESS_KEY" in ran.last) == (2, True), ran.said
    assert "Traceback" not in ran.said


def test_no_secret_is_in_a_log_or_in_the_archive(job: Job) -> None:
    ran = job.crawl(LOG_LEVEL="DEBUG")
    everything = [ran.said, ran.out, *(path.read_bytes().decode("latin-1") for path in _files(job))]
    assert not any(job.endpoint.secret_key in text for text in everything)


def _files(job: Job) -> list[Path]:
    return [path for path in job.archive().folder.rglob("*") if path.is_file()]


def test_a_second_job_says_who_holds_the_archive_and_exits_5(job: Job) -> None:
    with running(job.start(disk="one", **SLOW)) as first:
        wait_for(job, "lock.json")
        second = job.crawl(disk="other")
        assert (second.code, f"process {first.pid}" in second.last) == (5, True), second.said
        assert first.wait(60) == 0
    assert "lock.json" not in sound(job, IDS).tree()


def test_a_job_whose_machine_vanished_holds_the_archive_for_lock_seconds_only(job: Job) -> None:
    with running(job.start(disk="one", **SLOW)) as first:
        wait_for(job, "lock.json")
        first.kill()
        first.wait()
    assert job.crawl(disk="other").code == 0
    sound(job, IDS)


def test_two_jobs_that_ignore_the_lock_make_a_correct_archive(job: Job) -> None:
    small = {"SEGMENT_BYTES": 10_000, "LOCK_SECONDS": 0}
    with running(job.start(disk="one", **small)) as one, running(job.start(disk="other", **small)) as other:
        assert {one.wait(90), other.wait(90)} <= {0, 3}
    archive = sound(job, IDS)
    assert all(len(lines) == 1 for lines in archive.takes().values())
    assert len({commit["worker"] for commit in archive.commits()}) >= 2


def test_a_worker_that_sleeps_through_anothers_commits_settles_nothing_twice(job: Job) -> None:
    with running(job.start(disk="sleeper", LOCK_SECONDS=0, **SLOW)) as sleeper:
        wait_for(job, "commits/0000000001.json")
        time.sleep(1)
        sleeper.send_signal(signal.SIGSTOP)
        assert job.crawl(disk="other", LOCK_SECONDS=0).code == 0
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.wait(90) in (0, 3)
    archive = sound(job, IDS)
    assert all(len(lines) == 1 for lines in archive.takes().values())


def test_a_store_that_stays_away_ends_the_crawl_with_exit_6_and_the_next_run_commits_the_spool(
    proxied: tuple[Job, Proxy],
) -> None:
    job, proxy = proxied
    with running(job.start(SEGMENT_BYTES=50_000, **SLOW)) as crawl:
        wait_for(job, "commits/0000000002.json")
        proxy.down = True
        assert crawl.wait(90) == 6
        last = crawl.stderr.read().splitlines()[-1]
        assert "What was committed is safe" in last, last
    proxy.down = False
    fetched_before = len(job.site.exchanges())
    assert job.crawl().code == 0
    assert len(job.site.exchanges()) - fetched_before < len(IDS)
    sound(job, IDS)


def test_credentials_that_expire_end_the_crawl_with_exit_6_and_a_sentence(proxied: tuple[Job, Proxy]) -> None:
    job, proxy = proxied
    with running(job.start(SEGMENT_BYTES=50_000, **SLOW)) as crawl:
        wait_for(job, "commits/0000000002.json")
        proxy.faults.add(Fault(error("ExpiredToken"), times=inf))
        assert crawl.wait(90) == 6
        assert "credentials have expired: fetch new ones" in crawl.stderr.read().splitlines()[-1]
    proxy.faults.clear()
    assert job.crawl().code == 0
    sound(job, IDS)


def test_a_signal_seals_uploads_and_commits_within_stop_seconds(job: Job) -> None:
    with running(job.start(STOP_SECONDS=15, **SLOW)) as crawl:
        wait_for(job, "commits/0000000001.json")
        time.sleep(2)
        crawl.terminate()
        began = time.monotonic()
        assert crawl.wait(30) == 3
        assert time.monotonic() - began < 15
    shutil.rmtree(job.home / "disk")  # nothing is left there that counts
    taken = len(job.archive().takes())
    assert 1 <= taken < len(IDS)
    assert job.crawl().code == 0
    sound(job, IDS)


def test_an_upload_that_is_too_slow_for_a_stop_is_left_to_the_next_run(proxied: tuple[Job, Proxy]) -> None:
    job, proxy = proxied
    with running(job.start(STOP_SECONDS=4, **SLOW)) as crawl:
        wait_for(job, "commits/0000000001.json")
        time.sleep(2)
        proxy.faults.add(Fault(slow(2_000), method="PUT", times=inf))
        crawl.terminate()
        began = time.monotonic()
        assert crawl.wait(30) == 6
        assert time.monotonic() - began < 8
        assert "STOP_SECONDS" in crawl.stderr.read().splitlines()[-1]
    proxy.faults.clear()
    assert job.crawl().code == 0
    sound(job, IDS)


@pytest.mark.parametrize(("method", "path"), [("PUT", "runs/"), ("DELETE", "lock.json")])
def test_a_store_that_hangs_after_the_last_commit_holds_no_stop_up(proxied, method: str, path: str) -> None:
    job, proxy = proxied
    proxy.faults.add(Fault(hang(), method=method, path=path, times=inf))
    with running(job.start(STOP_SECONDS=5, **SLOW)) as crawl:
        wait_for(job, "commits/0000000001.json")
        time.sleep(2)
        crawl.terminate()
        began = time.monotonic()
        assert crawl.wait(30) == 3
        assert time.monotonic() - began < 7
        assert crawl.stderr.read().splitlines()[-1].startswith("Ended early (shutdown) after ")
    proxy.faults.clear()
    assert job.crawl().code == 0
    sound(job, IDS)


def test_a_crawl_shows_that_it_lives_while_its_last_upload_is_under_way(proxied) -> None:
    job, proxy = proxied
    proxy.faults.add(Fault(delay(14), method="PUT", path="warcs/"))
    began = time.time()
    assert job.crawl(IDS[:2]).code == 0
    assert time.time() - began > 14
    assert (job.home / "disk" / "alive").stat().st_mtime >= began + 10


@contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """The process, ended for certain when its block ends."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()


def wait_for(job: Job, key: str, seconds: float = 30) -> None:
    """Until that object is there."""
    client, end = job.endpoint.client(), time.monotonic() + seconds
    while time.monotonic() < end:
        if client.list_objects_v2(Bucket=job.bucket, Prefix=f"news/{key}").get("KeyCount"):
            client.close()
            return
        time.sleep(0.1)
    raise AssertionError(f"{key} did not come")


def test_a_fleet_shares_a_bucket_and_ends_as_one(job: Job) -> None:
    ran = job.run("fleet", "-n", "2", "-aids=" + ",".join(map(str, IDS)), "-arequisites=0")
    assert ran.code == 0, ran.said
    assert ran.last.startswith(f"2 workers: {len(IDS)} takes")
    assert {id: len(takes) for id, takes in job.archive().takes().items()} == dict.fromkeys(IDS, 1)
    assert job.run("verify").code == 0
