#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "runtime/bytes.h"

namespace portcall::runtime {
namespace {

// Random bits in batches: a call into OpenSSL's generator costs a hundred times a copy.
std::uint64_t RandomBits() {
  constexpr std::size_t kBatch = 128;
  thread_local std::array<std::uint64_t, kBatch> batch;
  thread_local std::size_t used = kBatch;
  if (used == kBatch) {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(batch.data()), sizeof batch) != 1) {
      throw std::runtime_error("OpenSSL has no random bytes");
    }
    used = 0;
  }
  return std::exchange(batch[used++], 0);
}

std::string Format(std::uint64_t high, std::uint64_t low) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(36, '-');
  std::size_t at = 0;
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (at == 8 || at == 13 || at == 18 || at == 23) ++at;
    const std::uint64_t half = nibble < 16 ? high : low;
    text[at++] = kDigits[half >> (60 - 4 * (nibble & 15)) & 15];
  }
  return text;
}

constexpr std::uint64_t kVariant = 0x8000'0000'0000'0000;
constexpr std::uint64_t kVariantMask = 0x3fff'ffff'ffff'ffff;

}  // namespace

std::string UuidV4() {
  const std::uint64_t high = (RandomBits() & ~std::uint64_t{0xf000}) | 0x4000;
  return Format(high, (RandomBits() & kVariantMask) | kVariant);
}

// RFC 9562 §6.2 method 3: the twelve bits after the milliseconds count their 4096ths, so that one number orders all
// ids of the process; a tie or a clock set back takes the next number.
std::string UuidV7() {
  static std::atomic<std::uint64_t> last{0};
  const auto nanos = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
  constexpr std::uint64_t kNanosPerMilli = 1'000'000;
  const std::uint64_t now = (nanos / kNanosPerMilli << 12) | (nanos % kNanosPerMilli * 4096 / kNanosPerMilli);
  std::uint64_t previous = last.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    next = std::max(now, previous + 1);
  } while (!last.compare_exchange_weak(previous, next, std::memory_order_relaxed));
  const std::uint64_t high = (next >> 12 << 16) | 0x7000 | (next & 0xfff);
  return Format(high, (RandomBits() & kVariantMask) | kVariant);
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return false;
    } else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
      return false;
    }
  }
  return true;
}

}  // namespace portcall::runtime
