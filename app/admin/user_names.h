#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace portcall::app {

// The name of a user of this machine, "uid 1000" where /etc/passwd has none. A user that comes from elsewhere is not
// asked for: a directory server may never answer. Blocks on that file.
std::string UserName(std::uint32_t uid, const std::filesystem::path& passwd = "/etc/passwd");

}  // namespace portcall::app
