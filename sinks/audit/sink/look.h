#pragma once

#include <filesystem>
#include <string>

namespace portcall::sinks::audit {

// What tells whether something was changed, without reading it.
std::string LookOfFolder(const std::filesystem::path& folder);  // changes when one of its entries does
std::string LookOfFile(const std::filesystem::path& file);      // where a link leads to one, that file's

}  // namespace portcall::sinks::audit
