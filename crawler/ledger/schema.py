"""The tables of the SQLite ledger, and how a file of an older format comes to have them."""

from __future__ import annotations

APPLICATION = 0x414E4150  # "ANAP" in the file's header: whose database it is
FORMAT = 7
HEADER = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT};"

# An id is `todo` (left) or settled; `holder` is the worker that has it on lease. `logged`: the log names it.
# `captured` (unix ms) stands only with an article's outcomes: what a refresh may take.
# `settled`: the commit that brought its last take; 0 if that was before we noted it.
# `digest`: of the payload that the validators were given with. `attempts`: failed ones, of the next take.
# `held`: the URLs of requisites, as keys: the archive has it, or it has a `claimant`, which is to take it.
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

CREATE TABLE held (key INTEGER PRIMARY KEY, claimant TEXT);

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
    6: ("ALTER TABLE held ADD COLUMN claimant TEXT",),
}
