#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace portcall::app {

// Somebody by whose rights files are judged.
struct Person {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // others
  std::string name;           // for messages
};

Person Myself();
// Who runs a process; nothing: it is not to be seen. `root`: where /proc and /etc lie, for tests.
std::optional<Person> RunnerOf(pid_t pid, const std::filesystem::path& root = "/");
// A user by his number, with the groups that /etc/passwd and /etc/group give him, else with `gid` alone.
Person UserOf(uid_t uid, gid_t gid, const std::filesystem::path& root = "/");

enum class Right { kRead, kWrite, kEnter };  // kEnter: to reach what lies in a folder
// Why `person` has not these rights to what is at `path`, the folders above it included; empty: he has. Of somebody
// else than this process's user that is judged by owner, group and mode alone. It waits for the disk.
std::string WhyMayNot(const Person& person, const std::filesystem::path& path, const std::vector<Right>& rights);

}  // namespace portcall::app
