#include "sinks/ci/ci_preset.h"

#include <algorithm>
#include <array>

#include "config/glob.h"
#include "config/reader/scalars.h"
#include "runtime/named_file.h"
#include "runtime/text.h"
#include "sinks/ci/presets/presets.h"

namespace portcall::sinks {
namespace {

bool IsPath(std::string_view name) {
  return name.find('/') != std::string_view::npos || name.ends_with(".yml") || name.ends_with(".yaml");
}

Result<std::shared_ptr<const CiPreset>> LoadFile(const std::string& path) {
  const Result<std::string> text = runtime::ReadNamed(path, CiPreset::kMostBytes);
  if (!text) return Error(Errc::kInvalid, path + ": " + text.error().detail);
  return ParseCiPreset(*text, path);
}

}  // namespace

const CiWord* CiPreset::FindWord(std::string_view word) const {
  const auto at = std::ranges::find(words, word, &CiWord::name);
  return at == words.end() ? nullptr : &*at;
}

Result<std::shared_ptr<const CiPreset>> LoadCiPreset(std::string_view name_or_path) {
  if (IsPath(name_or_path)) return LoadFile(std::string(name_or_path));
  for (const PresetFile& file : PresetFiles()) {
    if (file.name == name_or_path) return ParseCiPreset(std::string(file.text), std::string(file.name) + ".yml");
  }
  const std::vector<std::string_view> names = CiPresetNames();
  return Error(Errc::kInvalid, "there is no preset " + config::Quoted(name_or_path) + "; it may be " +
                                   runtime::Joined(names) + ", or the path of a file" +
                                   config::DidYouMean(name_or_path, names));
}

std::vector<std::string_view> CiPresetNames() {
  std::vector<std::string_view> names;
  for (const PresetFile& file : PresetFiles()) names.push_back(file.name);
  std::ranges::sort(names);  // files have github-workflow.yml before github.yml
  return names;
}

const CiRoute* FindRoute(const CiConfig& config, std::string_view repository) {
  const auto at = std::ranges::find_if(config.routes, [repository](const CiRoute& route) {
    return config::GlobMatches(route.repositories, repository);
  });
  return at == config.routes.end() ? nullptr : &*at;
}

}  // namespace portcall::sinks
