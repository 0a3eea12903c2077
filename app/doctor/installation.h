#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "app/client/answer.h"
#include "app/doctor/person.h"
#include "config/config.h"
#include "runtime/finding.h"

namespace portcall::app {

// What a doctor looks at: a configuration, and the server that runs with it, if one does.
struct Installation {
  config::ConfigPtr config;
  std::map<std::string, std::string> environment;

  // Of the server, as far as it could be seen.
  bool seen = true;            // false: the disk of the data folder does not answer, and the rest means nothing
  bool locked = false;         // the data folder's lock is held
  bool database_open = false;  // by some process
  bool answers = false;        // on the operators' socket
  std::string silence;         // why it does not
  pid_t pid = 0;               // 0: not known, as of a server in another container
  Answer endpoints;            // what it says of them; null where it does not answer
  Person server;               // who runs it, or would: the owner of the data folder
  Person me;

  // Others open the database as well: a shell, a copy that is being made.
  bool running() const { return locked || answers; }
  std::filesystem::path root() const { return config->storage.root_directory; }
};

// Finds the server. Waits for the disk of the data folder.
Installation FindInstallation(config::ConfigPtr config, std::map<std::string, std::string> environment);
// The same with what the server says; waits for that as well.
Installation Asked(Installation found);

// Who holds the lock on a file by flock(2), without asking for it, by the kernel's list of locks; 0: it is held, but
// not by whom. `root`: where /proc lies, for tests.
std::optional<pid_t> HolderOf(const std::filesystem::path& file, const std::filesystem::path& root = "/");

}  // namespace portcall::app
