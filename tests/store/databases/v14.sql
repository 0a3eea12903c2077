-- A database as the schema of version 14 kept it. Never changed: it stands for those that exist.
PRAGMA application_id=1349481076;
PRAGMA user_version=14;
BEGIN TRANSACTION;
CREATE TABLE attempts (
  id INTEGER PRIMARY KEY, cursor INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, events INTEGER NOT NULL,
  attempt INTEGER NOT NULL, delivered INTEGER NOT NULL, status INTEGER NOT NULL, latency_us INTEGER NOT NULL,
  error TEXT NOT NULL, settled BLOB NOT NULL DEFAULT x'') STRICT;
INSERT INTO "attempts" VALUES(1,1,7,1000,1,5,0,503,1234,'503',x'');
INSERT INTO "attempts" VALUES(2,1,1,1000,2,1,1,200,1000,'',x'0000640102c801');
CREATE TABLE attempts_size (id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL) STRICT;
INSERT INTO "attempts_size" VALUES(1,170);
CREATE TABLE blob_links (repository INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repository, digest))
  STRICT, WITHOUT ROWID;
INSERT INTO "blob_links" VALUES(1,'sha256:b');
CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "blobs" VALUES('sha256:b',42);
CREATE TABLE cursors (
  id INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, kind INTEGER NOT NULL, from_seq INTEGER NOT NULL,
  through INTEGER NOT NULL, settled_through INTEGER NOT NULL, matched INTEGER NOT NULL, settled INTEGER NOT NULL,
  selection TEXT NOT NULL, fingerprint TEXT NOT NULL, receipt TEXT NOT NULL DEFAULT '', holder INTEGER NOT NULL DEFAULT 1, settlements INTEGER NOT NULL DEFAULT 0, pace TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO "cursors" VALUES(1,'hook',0,0,12,9,12,8,'','0','17 records',1,3,'');
INSERT INTO "cursors" VALUES(2,'gone',2,0,8,5,8,5,'','0','',1,0,'');
CREATE TABLE dead (
  id INTEGER PRIMARY KEY AUTOINCREMENT, cursor INTEGER NOT NULL, attempts INTEGER NOT NULL, died_at INTEGER NOT NULL,
  bytes INTEGER NOT NULL, endpoint TEXT NOT NULL, seq INTEGER NOT NULL, recorded_at INTEGER NOT NULL,
  action INTEGER NOT NULL, kind INTEGER NOT NULL, size INTEGER NOT NULL, source TEXT NOT NULL,
  repository TEXT NOT NULL, tag TEXT NOT NULL, event_id TEXT NOT NULL, digest TEXT NOT NULL,
  media_type TEXT NOT NULL, actor TEXT NOT NULL, details TEXT NOT NULL, reason TEXT NOT NULL, answer TEXT NOT NULL,
  through INTEGER NOT NULL, events INTEGER NOT NULL, retrial TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO "dead" VALUES(1,1,3,50,400,'hook',3,77,0,1,1,'','library/app','v3','id-3','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','','alice','{}','rejected','400',0,1,'');
INSERT INTO "dead" VALUES(2,1,0,60,380,'hook',4,0,0,0,0,'','','','','','','','','expired','',6,3,'');
CREATE TABLE dead_size (id INTEGER PRIMARY KEY CHECK (id = 1), bytes INTEGER NOT NULL) STRICT;
INSERT INTO "dead_size" VALUES(1,780);
CREATE TABLE dropped (cursor INTEGER PRIMARY KEY, endpoint TEXT NOT NULL) STRICT;
CREATE TABLE endpoints (
  name TEXT PRIMARY KEY, paused INTEGER NOT NULL, reason TEXT NOT NULL, fingerprint TEXT NOT NULL, since INTEGER NOT NULL DEFAULT 0)
  STRICT, WITHOUT ROWID;
INSERT INTO "endpoints" VALUES('ci',1,'410 Gone','f1',0);
INSERT INTO "endpoints" VALUES('hook',0,'','f2',0);
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, recorded_at INTEGER NOT NULL, action INTEGER NOT NULL, kind INTEGER NOT NULL,
  size INTEGER NOT NULL, source TEXT NOT NULL, repository TEXT NOT NULL, tag TEXT NOT NULL, id TEXT NOT NULL,
  digest TEXT NOT NULL, media_type TEXT NOT NULL, actor TEXT NOT NULL, details TEXT NOT NULL, block INTEGER NOT NULL GENERATED ALWAYS AS (seq >> 13) VIRTUAL, retrial TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO "events" VALUES(3,1700000003000000000,0,1,1234,'','library/app','v3','0193f0a0-0000-7000-8000-000000000003','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','application/vnd.oci.image.manifest.v1+json','alice','{"request_id":"r1"}','');
INSERT INTO "events" VALUES(4,1700000004000000000,0,1,1234,'','library/other','v4','0193f0a0-0000-7000-8000-000000000004','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','application/vnd.oci.image.manifest.v1+json','alice','{"request_id":"r1"}','');
INSERT INTO "events" VALUES(5,1700000005000000000,0,1,1234,'','library/app','v5','0193f0a0-0000-7000-8000-000000000005','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','application/vnd.oci.image.manifest.v1+json','alice','{"request_id":"r1"}','');
INSERT INTO "events" VALUES(6,1700000006000000000,0,1,1234,'','library/other','v6','0193f0a0-0000-7000-8000-000000000006','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','application/vnd.oci.image.manifest.v1+json','alice','{"request_id":"r1"}','');
INSERT INTO "events" VALUES(7,1700000007000000000,0,1,1234,'','library/app','v7','0193f0a0-0000-7000-8000-000000000007','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','application/vnd.oci.image.manifest.v1+json','alice','{"request_id":"r1"}','');
INSERT INTO "events" VALUES(8,1700000008000000000,0,1,1234,'','library/other','v8','0193f0a0-0000-7000-8000-000000000008','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','application/vnd.oci.image.manifest.v1+json','alice','{"request_id":"r1"}','');
INSERT INTO "events" VALUES(9,1700000009000000000,0,1,1234,'relay','library/app','v9','0193f0a0-0000-7000-8000-000000000009','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','application/vnd.oci.image.manifest.v1+json','alice','{"request_id":"r1"}','');
INSERT INTO "events" VALUES(10,1700000010000000000,0,1,1234,'','library/other','v10','0193f0a0-0000-7000-8000-000000000010','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','application/vnd.oci.image.manifest.v1+json','alice','{"request_id":"r1"}','');
INSERT INTO "events" VALUES(11,1700000011000000000,0,1,1234,'','library/app','v11','0193f0a0-0000-7000-8000-000000000011','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','application/vnd.oci.image.manifest.v1+json','alice','{"request_id":"r1"}','');
INSERT INTO "events" VALUES(12,1700000012000000000,0,1,1234,'','library/other','v12','0193f0a0-0000-7000-8000-000000000012','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','application/vnd.oci.image.manifest.v1+json','alice','{"request_id":"r1"}','{"cursor":1,"recorded_at":77,"seqs":[2]}');
CREATE TABLE log_sums (through INTEGER PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;
INSERT INTO "log_sums" VALUES(12,0);
CREATE TABLE manifests (
  id INTEGER PRIMARY KEY, repository INTEGER NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL,
  subject TEXT NOT NULL, artifact_type TEXT NOT NULL, annotations TEXT NOT NULL, bytes BLOB NOT NULL,
  UNIQUE (repository, digest)) STRICT;
INSERT INTO "manifests" VALUES(1,1,'sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','application/vnd.oci.image.manifest.v1+json','','','',X'7B7D0A');
CREATE TABLE filters (
  cursor INTEGER NOT NULL, after_seq INTEGER NOT NULL, fingerprint TEXT NOT NULL, PRIMARY KEY (cursor, after_seq))
  STRICT, WITHOUT ROWID;
INSERT INTO "filters" VALUES(1,0,'0');
CREATE TABLE marks (at INTEGER PRIMARY KEY, passed_through INTEGER NOT NULL) STRICT;
INSERT INTO "marks" VALUES(1700000000000000000,2);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('epoch','6a3f7a52-0f5e-4a7e-9a53-0d1d3f3f6c11');
CREATE TABLE parked (
  cursor INTEGER NOT NULL, lane TEXT NOT NULL, next_seq INTEGER NOT NULL, attempts INTEGER NOT NULL,
  due INTEGER NOT NULL, recorded_at INTEGER NOT NULL, reason TEXT NOT NULL, age INTEGER NOT NULL,
  probes INTEGER NOT NULL, started INTEGER NOT NULL, refused INTEGER NOT NULL, streak INTEGER NOT NULL,
  PRIMARY KEY (cursor, lane)) STRICT, WITHOUT ROWID;
INSERT INTO "parked" VALUES(1,'
library/app',7,5,2000,1000,'503',900,2,0,0,0);
CREATE TABLE repositories (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, place TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO "repositories" VALUES(1,'library/app','libraryapp');
INSERT INTO "repositories" VALUES(2,'library/other','libraryother');
CREATE TABLE tags (
  repository INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repository, name))
  STRICT, WITHOUT ROWID;
INSERT INTO "tags" VALUES(1,'v1','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee');
INSERT INTO "tags" VALUES(1,'v2','sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee');
CREATE TABLE uploads (uuid TEXT PRIMARY KEY, repository TEXT NOT NULL, started_at INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
INSERT INTO "uploads" VALUES('u1','library/app',1700000000000000000);
CREATE INDEX manifests_subject ON manifests (repository, subject) WHERE subject <> '';
CREATE INDEX tags_digest ON tags (repository, digest);
CREATE INDEX blob_links_digest ON blob_links (digest);
CREATE INDEX uploads_started ON uploads (started_at);
CREATE INDEX dead_endpoint ON dead (endpoint, id);
CREATE INDEX dead_ranges ON dead (cursor, id) WHERE through <> 0;
CREATE INDEX attempts_seq ON attempts (cursor, seq);
CREATE INDEX attempts_settled ON attempts (cursor, seq) WHERE settled<>x'';
CREATE INDEX dead_seq ON dead (seq);
CREATE INDEX dead_event ON dead (event_id);
CREATE INDEX parked_next ON parked (cursor, next_seq);
CREATE INDEX events_lane ON events (block, source, repository);
CREATE INDEX events_tag ON events (block, source, repository, tag) WHERE tag <> '';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',12);
INSERT INTO "sqlite_sequence" VALUES('cursors',2);
INSERT INTO "sqlite_sequence" VALUES('dead',2);
COMMIT;
