#include "sinks/audit/log/file_range.h"

#include <cstddef>

namespace portcall::sinks::audit {

Result<std::string> ReadRange(const runtime::Fd& file, std::uint64_t begin, std::uint64_t end,
                              const std::filesystem::path& path) {
  std::string text(end - begin, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    Result<std::size_t> n = runtime::ReadAt(file, {text.data() + filled, text.size() - filled}, begin + filled, path);
    if (!n) return n.error();
    if (*n == 0) break;
    filled += *n;
  }
  text.resize(filled);
  return text;
}

}  // namespace portcall::sinks::audit
