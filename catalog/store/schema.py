"""The schema as a list of migrations. Migration N raises `user_version` from N to N + 1; none is ever edited."""

INITIAL_TABLES = """
CREATE TABLE volume(
  id INTEGER PRIMARY KEY,
  root INTEGER REFERENCES volume(id),          -- NULL: this is a root
  path BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('root', 'mount', 'blocked')),
  identity TEXT NOT NULL,
  away TEXT,                                   -- why it cannot be read now; NULL: it is present
  since REAL NOT NULL,
  scanned_at REAL
) STRICT;

CREATE TABLE directory(
  id INTEGER PRIMARY KEY,
  volume INTEGER NOT NULL REFERENCES volume(id),
  path BLOB NOT NULL UNIQUE
) STRICT;
CREATE INDEX directory_volume ON directory(volume);

CREATE TABLE content(
  id INTEGER PRIMARY KEY,
  sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
  bytes INTEGER NOT NULL,
  format TEXT, width INTEGER, height INTEGER,
  taken_at TEXT, camera TEXT, note TEXT,
  refs INTEGER NOT NULL DEFAULT 0              -- files that hold it and are not gone; kept by triggers
) STRICT;

CREATE TABLE file(
  id INTEGER PRIMARY KEY,
  directory INTEGER NOT NULL REFERENCES directory(id),
  name BLOB NOT NULL,
  size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
  content INTEGER REFERENCES content(id),
  state TEXT NOT NULL CHECK (state IN ('pending', 'ok', 'rejected', 'gone')),
  reason TEXT, detail TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  due REAL,                                    -- read it not before then; NULL: nothing to do
  first_seen REAL NOT NULL,
  last_verified REAL,
  UNIQUE (directory, name),
  CHECK ((state = 'rejected') = (reason IS NOT NULL)),
  CHECK (state != 'pending' OR due IS NOT NULL)
) STRICT;
CREATE INDEX file_due ON file(due) WHERE due IS NOT NULL;
CREATE INDEX file_content ON file(content);
CREATE INDEX file_inode ON file(inode);
CREATE INDEX file_rejected ON file(first_seen) WHERE state = 'rejected';
CREATE INDEX file_verified ON file(coalesce(last_verified, 0)) WHERE state IN ('ok', 'rejected');

CREATE TABLE history(
  id INTEGER PRIMARY KEY,
  file INTEGER NOT NULL REFERENCES file(id),
  content INTEGER NOT NULL REFERENCES content(id),
  size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  seen_at REAL NOT NULL,
  verdict TEXT NOT NULL
) STRICT;
CREATE INDEX history_file ON history(file);

CREATE TABLE model(
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  dims INTEGER NOT NULL,
  provider TEXT NOT NULL,
  cosine REAL NOT NULL,
  attested_at REAL NOT NULL
) STRICT;

CREATE TABLE vector(
  id INTEGER PRIMARY KEY,                      -- also the label in the index: never reused
  content INTEGER NOT NULL REFERENCES content(id),
  model INTEGER NOT NULL REFERENCES model(id),
  seq INTEGER NOT NULL,                        -- the change log: a follower reads what lies after its own
  live INTEGER NOT NULL CHECK (live IN (0, 1)),
  data BLOB NOT NULL,                          -- float16, little-endian, unit length
  UNIQUE (content, model)
) STRICT;
CREATE INDEX vector_seq ON vector(model, seq);
CREATE INDEX vector_live ON vector(model) WHERE live = 1;   -- to count them without touching their data

CREATE TABLE clock(seq INTEGER NOT NULL) STRICT;
INSERT INTO clock VALUES (0);

CREATE TABLE event(
  id INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  path BLOB,
  detail TEXT
) STRICT;

CREATE TABLE tally(                            -- counts by volume: `status` must not read ten million rows
  volume INTEGER NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  files INTEGER NOT NULL,
  PRIMARY KEY (volume, state, reason)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER file_in AFTER INSERT ON file BEGIN
  INSERT INTO tally VALUES (
    (SELECT volume FROM directory WHERE id = NEW.directory), NEW.state, coalesce(NEW.reason, ''), 1)
    ON CONFLICT DO UPDATE SET files = files + 1;
  UPDATE content SET refs = refs + 1 WHERE id = NEW.content AND NEW.state != 'gone';
END;

CREATE TRIGGER file_tally AFTER UPDATE OF state, reason, directory ON file
WHEN OLD.state != NEW.state OR OLD.reason IS NOT NEW.reason OR OLD.directory != NEW.directory BEGIN
  UPDATE tally SET files = files - 1
    WHERE volume = (SELECT volume FROM directory WHERE id = OLD.directory)
    AND state = OLD.state AND reason = coalesce(OLD.reason, '');
  INSERT INTO tally VALUES (
    (SELECT volume FROM directory WHERE id = NEW.directory), NEW.state, coalesce(NEW.reason, ''), 1)
    ON CONFLICT DO UPDATE SET files = files + 1;
END;

CREATE TRIGGER file_refs AFTER UPDATE OF state, content ON file
WHEN OLD.content IS NOT NEW.content OR (OLD.state = 'gone') != (NEW.state = 'gone') BEGIN
  UPDATE content SET refs = refs + 1 WHERE id = NEW.content AND NEW.state != 'gone';
  UPDATE content SET refs = refs - 1 WHERE id = OLD.content AND OLD.state != 'gone';
END;

-- A vector lives as long as any file holds its content; each turn is one entry of the change log.
CREATE TRIGGER content_turn AFTER UPDATE OF refs ON content
WHEN (OLD.refs = 0) != (NEW.refs = 0) AND EXISTS (SELECT 1 FROM vector WHERE content = NEW.id) BEGIN
  UPDATE clock SET seq = seq + 1;
  UPDATE vector SET live = (NEW.refs > 0), seq = (SELECT seq FROM clock) WHERE content = NEW.id;
END;
"""

VERDICT_AND_LABEL_TABLES = """
ALTER TABLE content ADD COLUMN suspect TEXT;   -- why a picture that decodes may be damaged all the same
ALTER TABLE content ADD COLUMN picture BLOB;   -- digest of the decoded pixels: the same under other metadata
ALTER TABLE content ADD COLUMN detail REAL;    -- fine detail: low for a blurred picture
ALTER TABLE content ADD COLUMN blocks BLOB;    -- short sums of blocks: how much of the bytes stands after a change
ALTER TABLE content ADD COLUMN proof INTEGER NOT NULL DEFAULT 0;  -- version of the validators that passed it
CREATE INDEX content_suspect ON content(id) WHERE suspect IS NOT NULL;

ALTER TABLE history ADD COLUMN evidence TEXT;
CREATE INDEX history_rot ON history(file) WHERE verdict IN ('rot', 'rot?');

-- A scrub met other bytes under an unchanged signature: read again, and judged as rot. A new signature ends it.
ALTER TABLE file ADD COLUMN betrayed INTEGER NOT NULL DEFAULT 0 CHECK (betrayed IN (0, 1));

-- The brake: a scan missed `missed` of `known` files, and the volume is held until they are back or the loss is
-- accepted. `accepted`: how many the owner gave up; the next scan of the whole volume may declare so many gone.
ALTER TABLE volume ADD COLUMN missed INTEGER;
ALTER TABLE volume ADD COLUMN known INTEGER;
ALTER TABLE volume ADD COLUMN accepted INTEGER;

CREATE TABLE label(                            -- the owner's choices: nobody can compute them again
  content INTEGER PRIMARY KEY REFERENCES content(id),
  value TEXT NOT NULL CHECK (value IN ('keep', 'delete')),
  source TEXT NOT NULL,
  at REAL NOT NULL,
  held_out REAL                                -- p_delete by weights that never saw this label nor its like
) STRICT;

ALTER TABLE content ADD COLUMN traits BLOB;    -- what the file tells without pixels, float16 (models.traits)
ALTER TABLE content ADD COLUMN words TEXT;     -- and what its name says (models.wording): stored together

CREATE TABLE wording(                          -- a text tower's vectors of names, float16 of unit length
  model INTEGER NOT NULL REFERENCES model(id),
  tower TEXT NOT NULL,                         -- its text half, which can be changed without the rest (models.tower)
  words TEXT NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (model, tower, words)
) STRICT;

CREATE TABLE head(                             -- every head that was ever trained
  id INTEGER PRIMARY KEY,
  model INTEGER NOT NULL REFERENCES model(id),
  made_at REAL NOT NULL,
  role TEXT CHECK (role = 'current'),
  seq INTEGER NOT NULL DEFAULT 0,              -- the change log is scored up to here
  data BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX head_role ON head(role) WHERE role IS NOT NULL;

-- No index by rank and no foreign keys: a new head writes every row anew, and they would cost it four times as long,
-- where a ranked list sorts a million rows in 0.3 s.
CREATE TABLE score(
  content INTEGER PRIMARY KEY,
  head INTEGER NOT NULL,
  p_delete REAL NOT NULL
) STRICT;

-- Scored by the head in use without the vector of its name, which that head wants. A table of its own: a column, and an
-- index of it, would cost a head that wants no names, too.
CREATE TABLE bare(content INTEGER PRIMARY KEY) STRICT;

CREATE TABLE apart(                            -- pairs that the owner says are no duplicates; one < other
  one INTEGER NOT NULL REFERENCES content(id),
  other INTEGER NOT NULL REFERENCES content(id),
  at REAL NOT NULL,
  PRIMARY KEY (one, other),
  CHECK (one < other)
) STRICT, WITHOUT ROWID;

CREATE TABLE intake(                           -- images read by volume and day: a broken ingest shows as a rate
  volume INTEGER NOT NULL,
  day INTEGER NOT NULL,                        -- days since the epoch, UTC
  files INTEGER NOT NULL,
  damaged INTEGER NOT NULL,
  PRIMARY KEY (volume, day)
) STRICT, WITHOUT ROWID;

-- A first reading, or new bytes: what is read again and found the same (moved, chmod, another model) is no intake,
-- nor is what rotted where it lay. A death in the decoder leaves no content behind, and counts as it is told.
CREATE TRIGGER file_intake AFTER UPDATE OF state ON file
WHEN OLD.state = 'pending' AND OLD.betrayed = 0
  AND (NEW.state = 'ok' OR NEW.state = 'rejected' AND NEW.reason IN
    ('empty', 'truncated', 'damaged', 'bad checksum', 'wrong type for its name', 'crashes the decoder'))
  AND (OLD.content IS NOT NEW.content OR NEW.reason = 'crashes the decoder') BEGIN
  INSERT INTO intake VALUES (
    (SELECT volume FROM directory WHERE id = NEW.directory),
    CAST(coalesce(iif(OLD.content IS NEW.content, NULL, NEW.last_verified), unixepoch()) / 86400 AS INTEGER),
    1, NEW.state = 'rejected')
    ON CONFLICT DO UPDATE SET files = files + 1, damaged = damaged + excluded.damaged;
END;

CREATE INDEX event_kind ON event(kind, at);

-- Each start of the writer is a branch of the change log, as PostgreSQL has its timelines. Once an older copy of
-- this file is put back, ids and places are given out again: the branch tells which of both an index was made from.
CREATE TABLE timeline(
  id INTEGER PRIMARY KEY,
  token TEXT NOT NULL UNIQUE,
  seq INTEGER NOT NULL,                        -- where it began
  at REAL NOT NULL
) STRICT;

ALTER TABLE model ADD COLUMN role TEXT CHECK (role IN ('current', 'next'));
ALTER TABLE model ADD COLUMN folder TEXT;      -- where its bundle lay: it answers until the next one is ready
CREATE UNIQUE INDEX model_role ON model(role) WHERE role IS NOT NULL;
UPDATE model SET role = 'current' WHERE id = (SELECT id FROM model ORDER BY attested_at DESC LIMIT 1);
"""

# Times beyond 64 bits are stored as TEXT (filesystem.stat_signature). INTEGER and ANY columns of a STRICT table store
# numbers alike, so no row is touched: 1 ms at ten million rows, where ADD COLUMN takes 7 s, since it checks every row.
UNBOUNDED_TIMES = """
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'time_ns INTEGER', 'time_ns ANY') WHERE name IN ('file', 'history');
PRAGMA writable_schema = RESET;
"""

# One row: the limits and decoders that the rejected files were last compared with. Whatever a lower limit or an older
# decoder rejected is read again.
READ_LIMITS = """
CREATE TABLE read_limits(
  max_megapixels REAL NOT NULL,
  memory_mb INTEGER NOT NULL,
  seconds REAL NOT NULL,
  decoders TEXT NOT NULL
) STRICT;
"""
# Files that a pattern of `ignore` excludes: they leave like files that are gone, and are counted apart.
IGNORED_FILES = "CREATE INDEX file_ignored ON file(directory) WHERE state = 'gone' AND detail = 'ignored';"
MIGRATIONS: tuple[str, ...] = (
    *(INITIAL_TABLES, VERDICT_AND_LABEL_TABLES, UNBOUNDED_TIMES, READ_LIMITS, IGNORED_FILES),
)
