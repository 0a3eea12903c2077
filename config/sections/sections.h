#pragma once

#include "config/config.h"
#include "config/kind.h"
#include "config/reader/map_reader.h"

namespace portcall::config {

// One reader for each part of the file, given the whole file. They fill in what the file says and report the rest.
void ReadLog(Section& root, LogConfig& log);
void ReadStorage(Section& root, StorageConfig& storage);
void ReadHttp(Section& root, HttpConfig& http);
void ReadNotifications(Section& root, KindTable kinds, Config& config);  // http was read
void ReadAuditPolicy(Section& root, KindTable kinds, Config& config);    // notifications were read
void ReadHealth(Section& root, std::vector<HealthCheck>& health);
// version, catalog, tags, validation, and what other registries have: auth, proxy, middleware, redis, database, …
void ReadOthers(Section& root, Config& config);

}  // namespace portcall::config
