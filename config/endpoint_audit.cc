#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

#include "config/endpoint.h"
#include "config/values.h"

namespace portcall::config {
namespace {

constexpr std::uint64_t kLeastSegment = 4'096;

void ReadDirectory(Section& section, AuditConfig& audit) {
  section.Read("directory", audit.directory);
  if (audit.directory.empty()) {
    return section.Error("directory", "is missing: write directory: /var/lib/portcall/audit");
  }
  if (!audit.directory.starts_with('/')) {
    return section.Error("directory", Quoted(audit.directory) + " is not absolute: it begins with /");
  }
  audit.directory = std::filesystem::path(audit.directory).lexically_normal().string();
  if (audit.directory.size() > 1 && audit.directory.ends_with('/')) audit.directory.pop_back();
  if (audit.directory == "/") section.Error("directory", "is the root folder: name one for the audit log alone");
}

// The name that stands in the first line of every checkpoint and before its signature.
void ReadOrigin(Section& section, const Endpoint& endpoint, AuditConfig& audit) {
  audit.origin = endpoint.source.empty() ? endpoint.name : endpoint.source;
  section.Read("origin", audit.origin);
  const bool plain = std::ranges::all_of(audit.origin, [](char c) { return c > 0x20 && c < 0x7f && c != '+'; });
  if (audit.origin.empty() || audit.origin.size() > 255 || !plain) {
    section.Error("origin", Quoted(audit.origin) +
                                " cannot name a checkpoint: write origin: registry.example.com/audit (printable, "
                                "without blanks and +)");
  }
}

void ReadSegments(Section& section, AuditConfig& audit) {
  Section checkpoint = section.Sub("checkpoint");
  checkpoint.Read("records", 1, 1'000'000'000, audit.checkpoint_records);
  checkpoint.Read("interval", audit.checkpoint_interval);
  checkpoint.Finish();
  Section rotate = section.Sub("rotate");
  rotate.ReadSize("size", 0, audit.rotate_bytes);
  if (audit.rotate_bytes < kLeastSegment) rotate.Error("size", "is too small: at least 4KiB are needed");
  rotate.Read("interval", audit.rotate_interval);
  rotate.Finish();
  section.Read("compress", audit.compress);
  section.Read("keep", audit.keep, /*zero_counts=*/true);
}

}  // namespace

void ReadAudit(Section& section, Endpoint& endpoint) {
  endpoint.max_age = Millis(0);  // a record waits for its disk as long as it takes
  auto audit = std::make_shared<AuditConfig>();
  ReadDirectory(section, *audit);
  section.ReadChoice("format", {"jsonl", "ecs"}, audit->format);
  section.ReadFile("key", audit->key);
  ReadOrigin(section, endpoint, *audit);
  ReadSegments(section, *audit);
  std::string order = "strict";
  section.ReadChoice("order", {"strict"}, order);
  endpoint.order = Order::kStrict;
  endpoint.format = audit->format;
  endpoint.url = audit->directory;
  endpoint.audit = std::move(audit);
}

}  // namespace portcall::config
