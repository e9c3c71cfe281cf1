"""The sentences that write and read the SQLite ledger; its tables: crawler.ledger.schema."""

from __future__ import annotations

ADD = """
INSERT INTO ids (id, todo, logged, found) SELECT id, 1, 0, ? FROM temp.added WHERE true ORDER BY id
ON CONFLICT DO NOTHING
"""

# What a ledger has from the log alone: `found` is as it heard of an id first, `digest` young.
FROM_LOG = {
    "commits": "SELECT n, segment FROM {0}.commits",
    "ids": """
        SELECT id, todo, takes, outcome, reason, captured, version, versions, content_hash, etag,
            last_modified
        FROM {0}.ids
    """,
    "texts": """
        SELECT id, content_hash, version,
            number IN (SELECT min(number) FROM {0}.texts GROUP BY content_hash)
        FROM {0}.texts
    """,
    "payloads": "SELECT n, sha256, length, start, bytes, record_id, url, date FROM {0}.payloads",
    "held": "SELECT key FROM {0}.held WHERE claimant IS NULL",
}
UNLIKE = "SELECT EXISTS ({0} EXCEPT {1}) OR EXISTS ({1} EXCEPT {0})"

LOGGED_ONLY = """
UPDATE ids SET holder = NULL WHERE holder IS NOT NULL;
DELETE FROM workers;
DELETE FROM suspects;
DELETE FROM seekers;
DELETE FROM queue;
DELETE FROM held WHERE claimant IS NOT NULL;
DELETE FROM ids WHERE logged = 0;
"""

KNOW = """
INSERT INTO ids (id, todo, logged, found) VALUES (:id, 1, 1, :found)
ON CONFLICT DO UPDATE SET logged = 1, todo = todo OR (:requeued AND takes = :take)
"""

# Outcomes without a text leave version and content_hash as they were, so a return of the text is `unchanged`.
SETTLE = """
INSERT INTO ids (id, todo, logged, found, takes, outcome, reason, captured, settled,
                 version, versions, content_hash, etag, last_modified, digest)
VALUES (:id, 0, 1, :found, :take, :outcome, :reason, :captured, :n,
        :version, coalesce(:version, 0), :content_hash, :etag, :last_modified, :digest)
ON CONFLICT DO UPDATE SET
    todo = 0, logged = 1, holder = NULL,
    takes = excluded.takes, outcome = excluded.outcome, reason = excluded.reason,
    captured = excluded.captured, settled = excluded.settled,
    version = CASE WHEN excluded.content_hash IS NULL THEN version ELSE excluded.version END,
    versions = max(versions, excluded.versions),
    content_hash = coalesce(excluded.content_hash, content_hash),
    etag = excluded.etag, last_modified = excluded.last_modified, digest = excluded.digest,
    attempts = 0
"""

UNSUSPECT = "DELETE FROM suspects WHERE id = :id"
TEXT = "INSERT INTO texts (id, content_hash, version) VALUES (:id, :content_hash, :version)"
PAYLOAD = """
INSERT INTO payloads (n, sha256, length, start, bytes, record_id, digest, url, date)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
HELD = """
INSERT INTO held (key) VALUES (?)
ON CONFLICT DO UPDATE SET claimant = NULL WHERE claimant IS NOT NULL
"""
STORED = """
SELECT sha256, length, segment, start, bytes, record_id, digest, url, date
FROM payloads JOIN commits USING (n)
"""
VALIDATED = f"""
{STORED} JOIN ids USING (digest)
WHERE ids.id = ? AND url = ? AND etag IS ? AND last_modified IS ? ORDER BY number LIMIT 1
"""

# INDEXED BY: an error, rather than a scan over all that is settled, should the index ever not fit.
_LEASE = (
    "SELECT ids.id, takes, found, attempts,"
    " coalesce((SELECT deaths FROM suspects WHERE suspects.id = ids.id), 0), etag, last_modified FROM "
)
LEASE_LEFT = f"{_LEASE} ids INDEXED BY ids_todo WHERE todo = 1 AND holder IS NULL ORDER BY id LIMIT ?"
LEASE_OLD = f"""
{_LEASE} ids INDEXED BY ids_captured WHERE todo = 0 AND holder IS NULL AND captured < ? AND settled <= ?
ORDER BY captured LIMIT ?
"""
COUNT_OLD = """
SELECT count(*) FROM ids INDEXED BY ids_captured WHERE todo = 0 AND holder IS NULL AND captured < ?
"""
LEASE_AMONG = f"""
{_LEASE} json_each(?) AS wanted CROSS JOIN ids ON ids.id = wanted.value
WHERE holder IS NULL AND (todo = 1 OR captured < ? AND settled <= ?) ORDER BY ids.id LIMIT ?
"""
TRIED = "UPDATE ids SET attempts = :attempts WHERE id = :id AND takes = :take - 1"  # else it is settled
HOLD = "UPDATE ids SET holder = ? WHERE id = ?"

SEEN = (
    "INSERT INTO workers (worker, seen) VALUES (?, ?) ON CONFLICT (worker) DO UPDATE SET seen = excluded.seen"
)
# Both ends: a clock that runs since the machine's start has begun anew, and a worker seen later is dead.
DEAD = "SELECT number FROM workers WHERE seen NOT BETWEEN ? AND ?"
LEASED = """
SELECT count(*) FROM workers JOIN ids INDEXED BY ids_held ON holder = number WHERE seen BETWEEN ? AND ?
"""
PRESENT = """
SELECT worker, seen, (SELECT count(*) FROM ids INDEXED BY ids_held WHERE holder = number)
FROM workers WHERE seen BETWEEN ? AND ? ORDER BY worker
"""
GONE = "DELETE FROM workers WHERE number = ?"
END = "UPDATE ids SET holder = NULL WHERE holder = ?"
# A first death may be anything's fault; from then on it counts only if the id was on its way.
DIED = """
INSERT INTO suspects (id, deaths) SELECT id, 1 FROM ids INDEXED BY ids_held WHERE holder = ?
ON CONFLICT DO UPDATE SET deaths = deaths + flying, flying = 0
"""
LANDED = """
UPDATE suspects SET flying = 0
WHERE flying = 1 AND id IN (SELECT id FROM ids INDEXED BY ids_held WHERE holder = ?)
"""
FLIES = "UPDATE suspects SET flying = ? WHERE id = ?"

CLAIM = """
INSERT INTO held (key, claimant) SELECT value, ? FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET claimant = excluded.claimant
    WHERE claimant <> excluded.claimant
    AND claimant NOT IN (SELECT worker FROM workers WHERE seen BETWEEN ? AND ?)
RETURNING key
"""
CLAIMED = "SELECT held.key FROM json_each(?) CROSS JOIN held ON held.key = value WHERE claimant <> ?"
UNCLAIM = "DELETE FROM held WHERE key = ? AND claimant = ?"

SEEKERS = """
SELECT worker, holds, ifnull(seen BETWEEN ? AND ?, 0) FROM seekers LEFT JOIN workers USING (worker)
WHERE place = ?
"""
SEARCHES = """
SELECT place, CASE WHEN seen BETWEEN ? AND ? THEN worker END FROM seekers LEFT JOIN workers USING (worker)
WHERE holds ORDER BY place
"""
SEEK = "INSERT OR REPLACE INTO seekers VALUES (?, ?, ?)"
UNSEEK = "DELETE FROM seekers WHERE place = ? AND worker = ?"
LEAVE = "INSERT INTO seekers SELECT place, '', 1 FROM seekers WHERE place = ? AND worker = ? AND holds"
SEARCHED = "UPDATE seekers SET holds = 0 WHERE place = ? AND worker = ?"

SLEPT = "DELETE FROM queue WHERE asked NOT BETWEEN ? AND ?"
ASK = """
INSERT INTO queue (segment, asked) VALUES (?, ?) ON CONFLICT (segment) DO UPDATE SET asked = excluded.asked
"""
AHEAD = """
SELECT count(*) FROM queue
WHERE asked BETWEEN ? AND ? AND place < coalesce((SELECT place FROM queue WHERE segment = ?), place + 1)
"""
THROUGH = "DELETE FROM queue WHERE segment = ?"

STANDING = """
SELECT takes, outcome, version, content_hash, versions, todo FROM ids WHERE id = ? AND logged = 1
"""
# By the id: a short text may be that of many ids.
VERSION = "SELECT version FROM texts INDEXED BY texts_id WHERE id = ? AND content_hash = ? LIMIT 1"
ORIGINAL = "SELECT id, version FROM texts WHERE content_hash = ? ORDER BY number LIMIT 1"
SETTLED = """
SELECT id, takes FROM ids INDEXED BY ids_settled
WHERE todo = 0 AND outcome = ?1 AND substr(coalesce(reason, ''), 1, length(?2)) = ?2
"""
COUNT_SETTLED = "SELECT outcome, count(*) FROM ids INDEXED BY ids_settled WHERE todo = 0 GROUP BY outcome"
COUNT_LEFT = """
SELECT (SELECT count(*) FROM ids INDEXED BY ids_todo WHERE todo = 1 AND holder IS NULL)
     + (SELECT count(*) FROM ids INDEXED BY ids_held WHERE holder IS NOT NULL AND todo = 1)
"""
COUNT_UNLOGGED = "SELECT count(*) FROM ids INDEXED BY ids_unlogged WHERE logged = 0"
DONE = """
SELECT count(*) FROM json_each(?) AS wanted CROSS JOIN ids ON ids.id = wanted.value
WHERE todo = 0 AND NOT ifnull(captured < ?, 0)
"""
LOGGED = "SELECT id FROM ids WHERE logged = 1 AND id IN (SELECT value FROM json_each(?))"
