#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/endian/conversion.hpp>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>

#include "runtime/bytes.h"
#include "runtime/text.h"

namespace portcall::runtime {
namespace {

// Random bits in batches: a call into OpenSSL's generator, or the kernel's, costs many times what an id does.
class RandomBits {
 public:
  using result_type = std::uint64_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()() {
    if (used_ == batch_.size()) {
      if (RAND_bytes(reinterpret_cast<unsigned char*>(batch_.data()), sizeof batch_) != 1) {
        throw std::runtime_error("OpenSSL has no random bytes");
      }
      used_ = 0;
    }
    return std::exchange(batch_[used_++], 0);
  }

 private:
  std::array<std::uint64_t, 128> batch_{};
  std::size_t used_ = batch_.size();
};

boost::uuids::uuid RandomUuid() {
  thread_local RandomBits bits;
  return boost::uuids::basic_random_generator<RandomBits>(bits)();
}

}  // namespace

std::string UuidV4() { return boost::uuids::to_string(RandomUuid()); }

// RFC 9562 §6.2 method 3: the twelve bits after the milliseconds count 4096ths of one, so that these 60 bits order all
// ids of the process. On a tie, or when the clock was set back, they are the last id's plus one.
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
  boost::uuids::uuid id = RandomUuid();  // has the variant, and random bits after the first eight bytes
  boost::endian::store_big_u64(id.data, (next >> 12 << 16) | 0x7000 | (next & 0xfff));
  return boost::uuids::to_string(id);
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsHexDigit(text[i])) return false;
  }
  return true;
}

std::optional<std::int64_t> UuidV7Millis(std::string_view id) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max() / 1'000'000 - 86'400'000;
  if (!IsUuid(id) || id[14] != '7') return std::nullopt;
  const auto millis = ParseNumber<std::int64_t>(std::string(id.substr(0, 8)).append(id.substr(9, 4)), 16);
  return millis && *millis <= kLast ? millis : std::nullopt;
}

}  // namespace portcall::runtime
