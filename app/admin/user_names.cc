#include "app/admin/user_names.h"

#include <algorithm>
#include <string_view>

#include "runtime/files.h"

namespace portcall::app {

std::string UserName(std::uint32_t uid, const std::filesystem::path& passwd) {
  const std::string number = std::to_string(uid);
  const auto text = runtime::ReadWhole(passwd);
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  while (!rest.empty()) {  // name:password:uid:…
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (first == 0 || second == std::string_view::npos) continue;
    const std::string_view id = line.substr(second + 1, line.find(':', second + 1) - second - 1);
    if (id == number) return std::string(line.substr(0, first));
  }
  return "uid " + number;
}

}  // namespace portcall::app
