#include <algorithm>
#include <array>
#include <string>

#include "config/reader/disk_places.h"
#include "config/reader/scalars.h"
#include "config/sections/sections.h"
#include "runtime/time.h"

namespace portcall::config {
namespace {

constexpr std::array<std::string_view, 12> kDrivers{"filesystem", "s3",    "s3aws", "s3_v2", "azure", "azure_v2",
                                                    "gcs",        "swift", "oss",   "rados", "cos",   "inmemory"};
constexpr std::array<std::string_view, 6> kSettings{"cache", "delete", "redirect", "maintenance", "tag", "reserve"};

template <std::size_t N>
bool IsIn(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What a start would find. Relative paths are seen from where the server is started.
template <class Why>
void CheckPlace(MapReader& section, std::string_view key, const std::string& path, Why why) {
  if (!path.starts_with('/') || section.report().strictness() != Strictness::kCheck) return;
  const Obstacle found = why(path);
  if (found.why.empty()) return;
  found.only_this_user ? section.Warn(key, found.why) : section.Error(key, found.why);
}

// A key that is no setting names a storage driver. It is never ignored: images would end up in the wrong place.
void ReadDriver(MapReader& section, StorageConfig& storage) {
  std::string chosen;
  for (const Member& member : section.Members()) {
    std::string_view name = member.key;
    if (IsIn(kSettings, name)) continue;
    if (!IsIn(kDrivers, name)) {
      std::array<std::string_view, 7> words{};
      std::copy(kSettings.begin(), kSettings.end(), words.begin());
      words.back() = kDrivers.front();
      section.report().Error(member.place, section.PathOf(Quoted(name)),
                             "is neither a storage driver nor a setting" + DidYouMean(name, words));
    } else if (!chosen.empty()) {
      section.report().Error(member.place, section.PathOf(name),
                             "is a second storage driver beside " + chosen + "; keep one of them");
    } else if (name != "filesystem") {
      section.report().Error(member.place, section.PathOf(name),
                             name == "inmemory" ? "images would be lost at the next restart; use filesystem"
                                                : "this storage driver does not work here yet, only filesystem does");
    }
    if (chosen.empty()) chosen = name;
  }
  if (chosen.empty()) {
    section.Error("", "names no place for the images: write filesystem: {rootdirectory: /var/lib/registry}");
  }
  MapReader filesystem = section.Sub("filesystem");
  filesystem.Read("rootdirectory", storage.root_directory);
  if (storage.root_directory.empty()) filesystem.Error("rootdirectory", "is empty; write a folder's path");
  CheckPlace(filesystem, "rootdirectory", storage.root_directory, &WhyUnwritable);
  filesystem.Ignore("maxthreads", "file work has a pool of its own size");
  filesystem.Finish();
}

// Rounded up to whole hours, so that no upload is purged too early.
void ReadAge(MapReader& purging, std::chrono::hours& age) {
  Millis read = age;
  purging.Read("age", read);
  age = std::chrono::ceil<std::chrono::hours>(read);
  if (age != read) purging.Warn("age", "is rounded up to " + runtime::ShowDuration(age));
}

void ReadMaintenance(MapReader& section, StorageConfig& storage) {
  MapReader maintenance = section.Sub("maintenance");
  MapReader purging = maintenance.Sub("uploadpurging");
  purging.Read("enabled", storage.upload_purging);
  ReadAge(purging, storage.upload_age);
  purging.ReadAtLeast("interval", std::chrono::minutes(1), storage.upload_purge_interval);
  purging.Read("dryrun", storage.upload_purging_dry_run);
  purging.Finish();
  MapReader read_only = maintenance.Sub("readonly");
  read_only.Read("enabled", storage.read_only);
  read_only.Finish();
  maintenance.Finish();
}

void ReadImages(MapReader& root, StorageConfig& storage) {
  const Value* written = root.Get("storage");
  if (written == nullptr) {
    return root.Error("storage", "is missing: write storage: {filesystem: {rootdirectory: /var/lib/registry}}");
  }
  if (written->kind == Value::Kind::kScalar) {  // the short form, without settings
    if (written->text == "filesystem") return;
    return root.Error("storage", Quoted(written->text) + " is no storage driver that works here; filesystem does");
  }
  MapReader section = root.Sub("storage");
  if (!section.there()) return;
  ReadDriver(section, storage);
  MapReader deletes = section.Sub("delete");
  deletes.Read("enabled", storage.delete_enabled);
  deletes.Finish();
  section.ReadSize("reserve", 0, storage.reserve_bytes);
  ReadMaintenance(section, storage);
  section.Ignore("tag", "tags lie in the catalog, no lookups run");
}

}  // namespace

void ReadStorage(MapReader& root, StorageConfig& storage) {
  ReadImages(root, storage);
  MapReader store = root.Sub("store", UnknownKeys::kRefused);
  store.Read("path", storage.database);
  CheckPlace(store, "path", storage.database,
             [&](const std::string& path) { return WhyNoFile(path, storage.root_directory); });
  store.Finish();
}

}  // namespace portcall::config
