#include "store/sqlite/settled_codec.h"

#include <algorithm>
#include <cstdint>

namespace portcall::store {
namespace {

constexpr unsigned kBits = 7;
constexpr std::uint64_t kMore = 1U << kBits;
constexpr std::int64_t kMillisecond = 1'000'000;  // ns

void Append(std::string& bytes, std::uint64_t number) {
  for (; number >= kMore; number >>= kBits) bytes.push_back(static_cast<char>((number & (kMore - 1)) | kMore));
  bytes.push_back(static_cast<char>(number));
}

// Negative numbers become odd ones.
std::uint64_t Folded(std::int64_t number) {
  return (static_cast<std::uint64_t>(number) << 1) ^ static_cast<std::uint64_t>(number >> 63);
}
std::int64_t Unfolded(std::uint64_t number) {
  return static_cast<std::int64_t>(number >> 1) ^ -static_cast<std::int64_t>(number & 1);
}

// Nothing: the bytes end within it, or it has more than 62 bits, as no sum of them may.
std::optional<std::uint64_t> Take(std::string_view& bytes) {
  constexpr unsigned kMost = 62;
  std::uint64_t number = 0;
  for (unsigned shift = 0; !bytes.empty() && shift < kMost; shift += kBits) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    number |= static_cast<std::uint64_t>(byte & (kMore - 1)) << shift;
    if (byte < kMore) return number >> kMost == 0 ? std::optional(number) : std::nullopt;
  }
  return std::nullopt;
}

// What lies beyond is damage, and must not overflow: seqs, and milliseconds whose nanoseconds fit.
constexpr std::int64_t kLargestStep = std::int64_t{1} << 42;
bool IsStep(std::int64_t number) { return number > -kLargestStep && number < kLargestStep; }

}  // namespace

std::string EncodeSettled(std::span<const SettledEvent> by_seq) {
  std::string bytes;
  if (by_seq.empty()) return bytes;
  Seq seq = by_seq.front().seq;
  const std::int64_t first = by_seq.front().at;
  std::int64_t before = 0;  // ms after the first
  for (const SettledEvent& event : by_seq) {
    const std::int64_t since = (event.at - first) / kMillisecond;
    Append(bytes, static_cast<std::uint64_t>(event.seq - seq));
    Append(bytes, Folded(since - before));
    Append(bytes, static_cast<std::uint64_t>(std::max<std::int64_t>(0, event.latency_us)));
    seq = event.seq;
    before = since;
  }
  return bytes;
}

Result<std::optional<SettledEvent>> FindSettled(std::string_view bytes, const SettledEvent& first, Seq seq) {
  std::optional<SettledEvent> found;
  SettledEvent event = first;
  std::int64_t since = 0;
  while (!bytes.empty()) {
    const auto ahead = Take(bytes), time = Take(bytes), latency = Take(bytes);
    if (!ahead || !time || !latency) return Error(Errc::kInternal, "the events of an attempt are damaged");
    event.seq += static_cast<Seq>(*ahead);
    since += Unfolded(*time);
    if (!IsStep(event.seq - first.seq) || !IsStep(since)) {
      return Error(Errc::kInternal, "the events of an attempt are damaged");
    }
    event.at = first.at + since * kMillisecond;
    event.latency_us = static_cast<std::int64_t>(*latency);
    if (event.seq == seq) found = event;
  }
  return found;
}

}  // namespace portcall::store
