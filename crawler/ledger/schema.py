"""The tables of the SQLite ledger, and the sentences that write and read them."""

from __future__ import annotations

APPLICATION = 0x414E4150  # "ANAP" in the file's header: whose database it is
FORMAT = 6
HEADER = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT};"

# An id is `todo` (left) or settled; `holder` is the worker that has it on lease. `logged`: the log names it.
# `captured` (unix ms) stands only with an article's outcomes: what a refresh may take.
# `settled`: the commit that brought its last take; 0 if that was before we noted it.
# `digest`: of the payload that the validators were given with. `attempts`: failed ones, of the next take.
# `held`: the URLs of requisites that the archive has, as keys.
# `suspects`: ids whose workers died, how many of them, and whether they are on their way just now.
# `seekers`: workers that had to do with a search for ids, and which of them `holds` it until it is over; the
# one with no name, where it was left to whoever asks next.
# `queue`: segments whose commits ask for the right of way, as they came.
# `texts` stand in commit order: the first with a hash brought that text. A return to one stands there again.
TABLES = """
CREATE TABLE meta (archive TEXT);
INSERT INTO meta VALUES (NULL);

CREATE TABLE commits (n INTEGER PRIMARY KEY, segment TEXT NOT NULL);

CREATE TABLE workers (number INTEGER PRIMARY KEY, worker TEXT NOT NULL UNIQUE, seen REAL NOT NULL);

CREATE TABLE ids (
    id INTEGER PRIMARY KEY,
    todo INTEGER NOT NULL,
    logged INTEGER NOT NULL,
    holder INTEGER,
    takes INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT 'known',
    reason TEXT,
    captured INTEGER,
    settled INTEGER NOT NULL DEFAULT 0,
    version INTEGER,
    versions INTEGER NOT NULL DEFAULT 0,
    content_hash BLOB,
    found TEXT NOT NULL DEFAULT 'list',
    etag TEXT,
    last_modified TEXT,
    digest TEXT,
    attempts INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE suspects (id INTEGER PRIMARY KEY, deaths INTEGER NOT NULL, flying INTEGER NOT NULL DEFAULT 0);

CREATE TABLE texts (
    number INTEGER PRIMARY KEY,
    id INTEGER NOT NULL,
    content_hash BLOB NOT NULL,
    version INTEGER NOT NULL
);

CREATE TABLE payloads (
    number INTEGER PRIMARY KEY,
    n INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    length INTEGER NOT NULL,
    start INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    record_id BLOB NOT NULL,
    digest TEXT,
    url TEXT NOT NULL,
    date TEXT NOT NULL
);

CREATE TABLE held (key INTEGER PRIMARY KEY);

CREATE TABLE seekers (
    place TEXT NOT NULL,
    worker TEXT NOT NULL,
    holds INTEGER NOT NULL,
    PRIMARY KEY (place, worker)
) WITHOUT ROWID;

CREATE TABLE queue (place INTEGER PRIMARY KEY, segment TEXT NOT NULL UNIQUE, asked REAL NOT NULL);
"""

# To apply a commit takes none of them: a ledger that is being made gets them at the end, sorted.
# Partial ones are short where little is left, and an index over a constant is in the order of the key.
INDEXES = """
CREATE INDEX IF NOT EXISTS commits_segment ON commits (segment);
CREATE INDEX IF NOT EXISTS ids_todo ON ids (todo) WHERE todo = 1 AND holder IS NULL;
CREATE INDEX IF NOT EXISTS ids_held ON ids (holder) WHERE holder IS NOT NULL;
CREATE INDEX IF NOT EXISTS ids_unlogged ON ids (logged) WHERE logged = 0;
CREATE INDEX IF NOT EXISTS ids_settled ON ids (outcome) WHERE todo = 0;
CREATE INDEX IF NOT EXISTS ids_captured ON ids (captured, settled)
    WHERE todo = 0 AND holder IS NULL AND captured IS NOT NULL;
CREATE INDEX IF NOT EXISTS texts_id ON texts (id);
CREATE INDEX IF NOT EXISTS texts_content_hash ON texts (content_hash);
CREATE INDEX IF NOT EXISTS payloads_sha256 ON payloads (sha256);
CREATE INDEX IF NOT EXISTS payloads_url ON payloads (url);
"""

# From a format to the next. Some files of the first have digests as bytes; the second had the first of
# each text in a table of its own.
UPGRADES = {
    1: (
        "ALTER TABLE ids ADD COLUMN digest TEXT",
        "UPDATE payloads SET digest = labelled(digest) WHERE typeof(digest) = 'blob'",
    ),
    2: (
        "ALTER TABLE texts RENAME TO former",
        """CREATE TABLE texts (number INTEGER PRIMARY KEY, id INTEGER NOT NULL, content_hash BLOB NOT NULL,
            version INTEGER NOT NULL)""",
        "INSERT INTO texts (id, content_hash, version) SELECT id, content_hash, version FROM firsts",
        """INSERT INTO texts (id, content_hash, version) SELECT id, content_hash, version FROM former
            WHERE (id, content_hash) NOT IN (SELECT id, content_hash FROM firsts)""",
        "DROP TABLE former",
        "DROP TABLE firsts",
        "CREATE INDEX texts_id ON texts (id)",
        "CREATE INDEX texts_content_hash ON texts (content_hash)",
        "ALTER TABLE ids ADD COLUMN settled INTEGER NOT NULL DEFAULT 0",
        "DROP INDEX ids_captured",
        (
            "CREATE INDEX ids_captured ON ids (captured, settled)"
            " WHERE todo = 0 AND holder IS NULL AND captured IS NOT NULL"
        ),
        "ALTER TABLE ids ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0",
    ),
    3: ("CREATE TABLE held (key INTEGER PRIMARY KEY)",),  # no release before took any
    4: (
        """CREATE TABLE suspects (id INTEGER PRIMARY KEY, deaths INTEGER NOT NULL,
            flying INTEGER NOT NULL DEFAULT 0)""",
    ),
    5: (
        """CREATE TABLE seekers (place TEXT NOT NULL, worker TEXT NOT NULL, holds INTEGER NOT NULL,
            PRIMARY KEY (place, worker)) WITHOUT ROWID""",
        "CREATE TABLE queue (place INTEGER PRIMARY KEY, segment TEXT NOT NULL UNIQUE, asked REAL NOT NULL)",
    ),
}

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
    "held": "SELECT key FROM {0}.held",
}
UNLIKE = "SELECT EXISTS ({0} EXCEPT {1}) OR EXISTS ({1} EXCEPT {0})"

LOGGED_ONLY = """
UPDATE ids SET holder = NULL WHERE holder IS NOT NULL;
DELETE FROM workers;
DELETE FROM suspects;
DELETE FROM seekers;
DELETE FROM queue;
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
HELD = "INSERT INTO held VALUES (?) ON CONFLICT DO NOTHING"
CLAIMS = "CREATE TEMP TABLE IF NOT EXISTS claimed (key INTEGER PRIMARY KEY)"  # on disk where it grows large
CLAIM = """
INSERT INTO temp.claimed SELECT value FROM json_each(?)
WHERE NOT EXISTS (SELECT 1 FROM held WHERE key = value) ON CONFLICT DO NOTHING RETURNING key
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

SEEKERS = """
SELECT worker, holds, ifnull(seen BETWEEN ? AND ?, 0) FROM seekers LEFT JOIN workers USING (worker)
WHERE place = ?
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
