#pragma once

#include "config/config.h"
#include "config/kind.h"
#include "config/reader/map_reader.h"

namespace portcall::config {

// One reader for each part of the file, given the whole file. They fill in what the file says and report the rest.
void ReadLog(MapReader& root, LogConfig& log);
void ReadStorage(MapReader& root, StorageConfig& storage);
void ReadHttp(MapReader& root, HttpConfig& http);
void ReadNotifications(MapReader& root, KindTable kinds, Config& config);  // after http
void ReadAuditPolicy(MapReader& root, KindTable kinds, Config& config);    // after notifications
void ReadHealth(MapReader& root, std::vector<HealthCheck>& health);
// version, catalog, tags, validation, and what other registries have: auth, proxy, middleware, redis, database, …
void ReadOthers(MapReader& root, Config& config);

}  // namespace portcall::config
