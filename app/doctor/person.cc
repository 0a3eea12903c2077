#include "app/doctor/person.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>

#include "app/admin/user_names.h"
#include "runtime/text.h"

namespace portcall::app {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Split(const std::string& line, char at) {
  std::vector<std::string> parts;
  std::istringstream in(line);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

unsigned BitOf(Right right) { return right == Right::kRead ? 4 : right == Right::kWrite ? 2 : 1; }

bool MayByMode(const Person& person, const struct stat& status, Right right) {
  if (person.uid == 0) return true;
  const bool in_group =
      status.st_gid == person.gid || std::ranges::find(person.groups, status.st_gid) != person.groups.end();
  const unsigned shift = status.st_uid == person.uid ? 6 : in_group ? 3 : 0;
  return ((status.st_mode >> shift) & BitOf(right)) != 0;
}

std::string_view WordOf(Right right) {
  return right == Right::kRead ? "read" : right == Right::kWrite ? "write" : "enter";
}

std::string Why(const Person& person, const fs::path& path, Right right, const std::string& reason) {
  return person.name + " cannot " + std::string(WordOf(right)) + " " + path.string() + reason;
}

std::string Owner(const struct stat& status) {
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", status.st_mode & 07777U);
  return " (owner " + UserName(status.st_uid) + ", mode " + mode + ")";
}

// By the kernel's own word, which knows of more than modes.
std::string WhyMayINot(const Person& me, const fs::path& path, Right right) {
  const int wanted = right == Right::kRead ? R_OK : right == Right::kWrite ? W_OK : X_OK;
  if (::faccessat(AT_FDCWD, path.c_str(), wanted, AT_EACCESS) == 0) return {};
  return Why(me, path, right, ": " + std::string(std::strerror(errno)));
}

}  // namespace

Person Myself() {
  Person me{::geteuid(), ::getegid(), {}, UserName(::geteuid())};
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int found = groups.empty() ? 0 : ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(0, found)));
  me.groups = std::move(groups);
  return me;
}

std::optional<Person> RunnerOf(pid_t pid, const fs::path& root) {
  std::ifstream in(root / "proc" / std::to_string(pid) / "status");
  Person person;
  bool found = false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string title;
    std::uint32_t real = 0;
    words >> title >> real;
    if (title == "Uid:") found = static_cast<bool>(words >> person.uid);
    if (title == "Gid:") words >> person.gid;
    if (title != "Groups:") continue;
    if (words) person.groups.push_back(real);
    for (gid_t group = 0; words >> group;) person.groups.push_back(group);
  }
  if (!found) return std::nullopt;
  person.name = UserName(person.uid, root / "etc/passwd");
  return person;
}

Person UserOf(uid_t uid, gid_t gid, const fs::path& root) {
  Person person{uid, gid, {}, UserName(uid, root / "etc/passwd")};
  std::ifstream users(root / "etc/passwd");
  for (std::string line; std::getline(users, line);) {
    const auto parts = Split(line, ':');
    if (parts.size() < 4 || parts[2] != std::to_string(uid)) continue;
    person.gid = runtime::ParseNumber<gid_t>(parts[3]).value_or(gid);
    break;
  }
  std::ifstream groups(root / "etc/group");
  for (std::string line; std::getline(groups, line);) {
    const auto parts = Split(line, ':');
    if (parts.size() < 4) continue;
    const auto members = Split(parts[3], ',');
    const auto number = runtime::ParseNumber<gid_t>(parts[2]);
    if (number && std::ranges::find(members, person.name) != members.end()) person.groups.push_back(*number);
  }
  return person;
}

std::string WhyMayNot(const Person& person, const fs::path& path, const std::vector<Right>& rights) {
  const bool me = person.uid == ::geteuid();
  fs::path above;
  const fs::path whole = fs::absolute(path).lexically_normal();
  for (const fs::path& part : whole.parent_path()) {
    above /= part;
    struct stat status{};
    if (::stat(above.c_str(), &status) != 0) return above.string() + ": " + std::strerror(errno);
    if (!me && !MayByMode(person, status, Right::kEnter)) return Why(person, above, Right::kEnter, Owner(status));
  }
  struct stat status{};
  if (::stat(whole.c_str(), &status) != 0) return whole.string() + ": " + std::strerror(errno);
  struct statvfs volume{};
  const bool read_only = ::statvfs(whole.c_str(), &volume) == 0 && (volume.f_flag & ST_RDONLY) != 0;
  for (const Right right : rights) {
    if (right == Right::kWrite && read_only) return Why(person, whole, right, ": its volume is mounted read-only");
    if (me) {
      if (std::string why = WhyMayINot(person, whole, right); !why.empty()) return why;
    } else if (!MayByMode(person, status, right)) {
      return Why(person, whole, right, Owner(status));
    }
  }
  return {};
}

}  // namespace portcall::app
