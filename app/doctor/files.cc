#include "app/doctor/files.h"

#include <sys/stat.h>

#include <memory>
#include <system_error>

#include "app/admin/user_names.h"
#include "app/doctor/volume.h"
#include "app/server/data_lock.h"
#include "app/server/options.h"
#include "config/reader/disk_places.h"
#include "sinks/inspection.h"
#include "store/blobs/fs/filesystem.h"
#include "store/database_file.h"

namespace portcall::app {
namespace {

namespace fs = std::filesystem;
using runtime::Findings;
using runtime::Fine;
using runtime::Note;
using runtime::Problem;
using runtime::Warning;

constexpr unsigned kForOthers = 0007, kWriteForOthers = 0002;

std::optional<struct stat> StatusOf(const fs::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? std::optional(status) : std::nullopt;
}

std::string Mode(const struct stat& status) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", status.st_mode & 07777U);
  return text;
}

std::string Owned(const struct stat& status) { return "owner " + UserName(status.st_uid) + ", mode " + Mode(status); }

std::string GiveTo(const Person& person, const fs::path& path, const char* mode) {
  return "chown " + person.name + " " + path.string() + " && chmod " + mode + " " + path.string() +
         ", and see that the folders above can be entered";
}

// Files that the server has made, or will.
void LookAtOne(const Installation& it, const fs::path& path, const char* mode, Findings& found) {
  const auto status = StatusOf(path);
  if (!status) return;
  const bool folder = S_ISDIR(status->st_mode);
  std::vector<Right> rights{Right::kRead, Right::kWrite};
  if (folder) rights.push_back(Right::kEnter);
  if (const std::string why = WhyMayNot(it.server, path, rights); !why.empty()) {
    found.push_back(Problem(path.string(), why, GiveTo(it.server, path, mode)));
  } else if ((status->st_mode & kWriteForOthers) != 0) {
    found.push_back(
        Warning(path.string(), "everybody may write it (" + Owned(*status) + ")", "chmod o-w " + path.string()));
  } else {
    found.push_back(Fine(path.string(), Owned(*status)));
  }
}

std::string OnWhat(const fs::path& folder) {
  const auto volume = VolumeOf(folder);
  return volume ? "on " + volume->place + " (" + volume->type + "), " + ShowBytes(volume->free) + " of " +
                      ShowBytes(volume->size) + " free"
                : "on a volume that cannot be asked";
}

Findings LookAtMe(const Installation& it) {
  if (it.me.uid == it.server.uid) return {Fine("user", "the server runs as " + it.server.name + ", as this does")};
  const std::string who = it.running()
                              ? "the server runs as " + it.server.name
                              : "the data folder belongs to " + it.server.name + ", as whom the server would run";
  return {Note("user", who + ", and this runs as " + it.me.name,
               "rights are judged for " + it.server.name + " by owner, group and mode; run this as " + it.server.name +
                   " for what else may keep it out")};
}

}  // namespace

Findings LookAtDataFolder(const Installation& it) {
  const fs::path root = it.root();
  const auto status = StatusOf(root);
  if (!status) {
    const config::Obstacle obstacle = config::WhyUnwritable(root.string());
    if (!obstacle.why.empty()) {
      return {Problem("data folder", root.string() + " is not there, and cannot be made: " + obstacle.why,
                      "make it, and chown it to the server's user")};
    }
    return {Note("data folder", root.string() + " is not there", "nothing: the first start makes it")};
  }
  if (!S_ISDIR(status->st_mode)) {
    return {
        Problem("data folder", root.string() + " is no folder", "set storage.filesystem.rootdirectory to a folder")};
  }
  Findings found;
  const std::string why = WhyMayNot(it.server, root, {Right::kRead, Right::kWrite, Right::kEnter});
  if (!why.empty()) {
    found.push_back(Problem("data folder", why, GiveTo(it.server, root, "0755")));
  } else if ((status->st_mode & kWriteForOthers) != 0) {
    found.push_back(Warning("data folder", root.string() + ": everybody may write it (" + Owned(*status) + ")",
                            "chmod o-w " + root.string()));
  } else {
    found.push_back(Fine("data folder", root.string() + ", " + Owned(*status) + ", " + OnWhat(root)));
  }
  for (const fs::path& inside : store::FoldersOf(root)) LookAtOne(it, inside, "0755", found);
  return found;
}

Findings LookAtDatabaseFiles(const Installation& it) {
  const fs::path database = DatabaseOf(it.config->storage);
  Findings found;
  if (const auto fit = store::CheckDatabasePlace(database); !fit) {
    found.push_back(Problem("database", fit.error().detail, "do that, and start the server again"));
    return found;
  }
  const fs::path folder = fs::absolute(database).parent_path();
  if (StatusOf(folder) && folder != fs::absolute(it.root())) LookAtOne(it, folder, "0755", found);
  for (const char* suffix : {"", "-wal", "-shm", ".spare"}) {
    LookAtOne(it, database.string() + suffix, "0640", found);
  }
  LookAtOne(it, DataLock::FileOfDatabase(database), "0644", found);
  LookAtOne(it, DataLock::FileOfFolder(it.root()), "0644", found);
  return found;
}

Findings LookAtLeftovers(const Installation& it) {
  const fs::path database = DatabaseOf(it.config->storage);
  const std::string name = database.filename().string();
  Findings found;
  std::error_code ec;
  for (fs::directory_iterator entry(fs::absolute(database).parent_path(), ec), end; !ec && entry != end;
       entry.increment(ec)) {
    const std::string one = entry->path().filename().string();
    if (!one.starts_with(name)) continue;
    if (one.find(".other") != std::string::npos) {
      found.push_back(Note(entry->path().string(), "a file that had the name of the database's log was put aside",
                           "delete it: it is nobody's (docs/delivery.md)"));
    } else if (one.find(".backup-v") != std::string::npos) {
      const bool cut = one.ends_with(".part");
      found.push_back(Note(entry->path().string(),
                           cut ? "a copy that an upgrade did not finish" : "a copy from before an upgrade",
                           cut ? "nothing: the next upgrade makes it anew"
                               : "delete it when nobody goes back to the program of before"));
    } else if (one.ends_with("-wal.tmp") && !it.running()) {
      found.push_back(Note(entry->path().string(), "a log that was being put back when the server ended",
                           "nothing: the next start removes it"));
    }
  }
  if (ec && ec != std::errc::no_such_file_or_directory) {
    found.push_back(Warning(fs::absolute(database).parent_path().string(), "cannot be listed: " + ec.message(),
                            "run this as " + it.server.name + ", or as root"));
  }
  if (found.empty()) found.push_back(Fine("leftovers", "none beside the database"));
  return found;
}

Findings LookAtNamedFile(const Installation& it, const std::string& key, const std::string& file, bool secret) {
  const std::string what = key + " " + file;
  const auto status = StatusOf(file);
  if (!status) {
    return {Problem(what, "cannot be reached: " + std::generic_category().message(errno),
                    "put the file there, or name another one")};
  }
  if (const std::string why = WhyMayNot(it.server, file, {Right::kRead}); !why.empty()) {
    return {Problem(what, why,
                    secret ? GiveTo(it.server, file, "0600")
                           : "chmod a+r " + file +
                                 ", and see that the folders above "
                                 "can be entered")};
  }
  if (secret && (status->st_mode & kForOthers) != 0) {
    return {Warning(what, "everybody may read this secret (" + Owned(*status) + ")", "chmod o= " + file)};
  }
  if ((status->st_mode & kWriteForOthers) != 0) {
    return {Warning(what, "everybody may write it (" + Owned(*status) + ")", "chmod o-w " + file)};
  }
  return {Fine(what, Owned(*status))};
}

std::vector<Look> FileLooks(const std::shared_ptr<const Installation>& it) {
  std::vector<Look> looks;
  const auto add = [&looks](std::string what, std::function<Findings()> see) {
    looks.push_back({"files", std::move(what), kUsualPatience, std::move(see)});
  };
  add("user", [it] { return LookAtMe(*it); });
  add("data folder", [it] { return LookAtDataFolder(*it); });
  add("database's files", [it] { return LookAtDatabaseFiles(*it); });
  add("leftovers", [it] { return LookAtLeftovers(*it); });
  const auto named = [&](const std::string& key, const std::string& file, bool secret = false) {
    if (!file.empty()) add(key, [it, key, file, secret] { return LookAtNamedFile(*it, key, file, secret); });
  };
  const config::Config& config = *it->config;
  named("configuration", config.path);
  named("http.tls.certificate", config.http.tls.certificate);
  named("http.tls.key", config.http.tls.key, /*secret=*/true);
  for (const std::string& ca : config.http.tls.client_cas) named("http.tls.clientcas", ca);
  for (const config::Endpoint& endpoint : config.endpoints) {
    if (endpoint.disabled) continue;
    named(endpoint.name + " tls.ca", endpoint.ca);
    named(endpoint.name + " tls.certificate", endpoint.certificate);
    named(endpoint.name + " tls.key", endpoint.key, /*secret=*/true);
    for (const std::string& file : sinks::SecretFilesOf(endpoint)) named(endpoint.name + " key", file, /*secret=*/true);
  }
  return looks;
}

}  // namespace portcall::app
