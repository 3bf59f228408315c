-- A ledger as the first version wrote it: one cell made, one refused for now, one sent and not answered.
CREATE TABLE cells (
    digest TEXT PRIMARY KEY,
    request TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    cell TEXT NOT NULL REFERENCES cells (digest),
    begun REAL NOT NULL,
    remote_id TEXT,
    fetch_result TEXT,
    finished REAL,
    state TEXT,
    reason TEXT NOT NULL DEFAULT '',
    concern TEXT,
    status INTEGER,
    seconds REAL,
    seed INTEGER,
    answer TEXT NOT NULL DEFAULT '{}',
    reused_from TEXT
);
CREATE INDEX attempts_by_cell ON attempts (cell, id);
CREATE TABLE pictures (
    attempt INTEGER NOT NULL REFERENCES attempts (id),
    place INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    size INTEGER NOT NULL,
    format TEXT NOT NULL,
    PRIMARY KEY (attempt, place)
) WITHOUT ROWID;
CREATE TRIGGER finished_is_final BEFORE UPDATE ON attempts WHEN OLD.finished IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a finished attempt is never rewritten'); END;
CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'an attempt is never deleted'); END;
CREATE TRIGGER pictures_come_first BEFORE INSERT ON pictures
WHEN (SELECT finished FROM attempts WHERE id = NEW.attempt) IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a finished attempt is never rewritten'); END;
CREATE TRIGGER pictures_are_final BEFORE UPDATE ON pictures
BEGIN SELECT RAISE(ABORT, 'a picture is never rewritten'); END;
CREATE TRIGGER pictures_stay BEFORE DELETE ON pictures
BEGIN SELECT RAISE(ABORT, 'a picture is never deleted'); END;
CREATE TRIGGER cells_are_final BEFORE UPDATE ON cells
BEGIN SELECT RAISE(ABORT, 'a cell is never rewritten'); END;
CREATE TRIGGER cells_stay BEFORE DELETE ON cells
BEGIN SELECT RAISE(ABORT, 'a cell is never deleted'); END;
INSERT INTO cells VALUES
    ('aa', '{"endpoint":"text2img","parameters":{"prompt":"a house","seed":1},"repeat":0}'),
    ('bb', '{"endpoint":"text2img","parameters":{"prompt":"a house","seed":2},"repeat":0}'),
    ('cc', '{"endpoint":"text2img","parameters":{"prompt":"a house","seed":3},"repeat":0}');
INSERT INTO attempts (id, cell, begun, remote_id, fetch_result) VALUES
    (1, 'aa', 10.0, '71', 'https://host/fetch/71'),
    (2, 'bb', 11.0, NULL, NULL),
    (3, 'cc', 12.0, '73', NULL);
INSERT INTO pictures VALUES (1, 0, 'dd', 64, 32, 100, 'png');
UPDATE attempts SET finished = 20.0, state = 'made', seconds = 1.5, seed = 1, answer = '{"seed":1}' WHERE id = 1;
UPDATE attempts SET finished = 21.0, state = 'failed', reason = 'queue full', concern = 'later', status = 429 WHERE id = 2;
PRAGMA user_version = 1;
