#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "config/config.h"
#include "runtime/log.h"

namespace portcall::app {

// What parts of the file mean for what is started by them. Any thread.
runtime::LogOptions LogOptionsOf(const config::LogConfig& log);
std::filesystem::path DatabaseOf(const config::StorageConfig& storage);
// Where the events of this registry come from: host name and configured port, as Distribution has it.
std::string SourceAddress(const std::string& listen);

// What bodies and answers may hold in memory: as the file says, else an eighth of what there is, from 128 MiB to 2 GiB.
std::uint64_t MemoryFor(const config::Config& config);

}  // namespace portcall::app
