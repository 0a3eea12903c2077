#pragma once

#include <span>
#include <string_view>

namespace portcall::sinks {

// The files of this folder, compiled in, by name.
struct PresetFile {
  std::string_view name, text;
};
std::span<const PresetFile> PresetFiles();

}  // namespace portcall::sinks
