#pragma once

#include "app/doctor/installation.h"
#include "app/doctor/looks.h"

namespace portcall::app {

// Of files and permissions. Each waits for its disk.
runtime::Findings LookAtDataFolder(const Installation& it);
runtime::Findings LookAtDatabaseFiles(const Installation& it);
// What other programs, or upgrades, have left beside the database.
runtime::Findings LookAtLeftovers(const Installation& it);
// A file that the configuration names, as `key`. `secret`: nobody else should read it.
runtime::Findings LookAtNamedFile(const Installation& it, const std::string& key, const std::string& file, bool secret);

std::vector<Look> FileLooks(const std::shared_ptr<const Installation>& it);

}  // namespace portcall::app
