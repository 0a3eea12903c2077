#include "sinks/audit/log/segments.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <system_error>

namespace portcall::sinks::audit {
namespace {

constexpr std::string_view kPrefix = "audit-", kSuffix = ".jsonl", kCompressed = ".gz";
constexpr std::size_t kDigits = 20;

std::optional<Segment> SegmentOf(const std::filesystem::path& file) {
  const std::string full = file.filename().string();
  std::string_view name = full;
  Segment segment;
  segment.file = file;
  if (name.ends_with(kCompressed)) {
    segment.compressed = true;
    name.remove_suffix(kCompressed.size());
  }
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), segment.first);
  if (name.size() != kDigits || error != std::errc() || stop != name.data() + name.size()) return std::nullopt;
  return segment;
}

}  // namespace

std::string SegmentName(std::uint64_t first) {
  char name[64];
  std::snprintf(name, sizeof name, "audit-%020llu.jsonl", static_cast<unsigned long long>(first));
  return name;
}

Result<std::vector<Segment>> ListSegments(const std::filesystem::path& folder,
                                          std::vector<std::filesystem::path>* strange) {
  std::vector<Segment> segments;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    std::optional<Segment> segment = SegmentOf(entries->path());
    if (!segment) continue;
    std::error_code gone;  // it may have been compressed meanwhile
    const auto type = entries->symlink_status(gone).type();
    if (type == std::filesystem::file_type::regular || type == std::filesystem::file_type::not_found || gone) {
      segments.push_back(std::move(*segment));
    } else if (strange != nullptr) {
      strange->push_back(entries->path());
    }
  }
  if (error) {
    const bool missing = error == std::errc::no_such_file_or_directory;
    return Error(missing ? Errc::kNotFound : Errc::kUnavailable, folder.string() + ": " + error.message());
  }
  std::ranges::sort(segments, [](const Segment& a, const Segment& b) {
    return a.first != b.first ? a.first < b.first : a.compressed < b.compressed;
  });
  const auto same = [](const Segment& a, const Segment& b) { return a.first == b.first; };
  segments.erase(std::unique(segments.begin(), segments.end(), same), segments.end());
  return segments;
}

}  // namespace portcall::sinks::audit
