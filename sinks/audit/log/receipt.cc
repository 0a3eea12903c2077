#include "sinks/audit/log/receipt.h"

#include <charconv>

namespace portcall::sinks::audit {
namespace {

constexpr std::string_view kCovered = "checkpoint ";  // an extension line, as C2SP tlog-checkpoint allows them

}  // namespace

std::string Receipt::Sign(const SigningKey& key) const {
  return key.Sign(checkpoint.Text() + std::string(kCovered) + std::to_string(covered) + '\n');
}

std::optional<Receipt> Receipt::Open(std::string_view note, const VerifierKey& key) {
  const std::optional<std::string> text = key.Open(note);
  const auto checkpoint = text ? Checkpoint::Parse(*text) : std::nullopt;
  if (!checkpoint) return std::nullopt;
  Receipt receipt{*checkpoint, 0};
  std::string_view line = *text;
  line.remove_suffix(1);
  line.remove_prefix(line.rfind('\n') + 1);
  if (!line.starts_with(kCovered)) return std::nullopt;
  line.remove_prefix(kCovered.size());
  const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), receipt.covered);
  if (error != std::errc() || stop != line.data() + line.size()) return std::nullopt;
  return receipt;
}

}  // namespace portcall::sinks::audit
