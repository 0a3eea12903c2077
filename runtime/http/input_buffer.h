#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace portcall::http {

// Bytes received and not yet parsed. Grows by doubling up to what it keeps, and beyond only as far as it must: its user
// bounds the size. Once empty it frees what it had grown by, so that an idle connection stays small.
class InputBuffer {
 public:
  std::string_view data() const { return {bytes_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }

  void Consume(std::size_t n) {
    begin_ += n;
    if (begin_ != end_) return;
    begin_ = end_ = 0;
    if (capacity_ <= kKept) return;
    bytes_.reset();
    capacity_ = 0;
  }

  // Room for at least `least` bytes behind the data, which it may move.
  boost::asio::mutable_buffer Prepare(std::size_t least) {
    if (capacity_ - end_ < least) MakeRoom(least);
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void Commit(std::size_t n) { end_ += n; }

  void Append(std::string_view more) {
    if (more.empty()) return;
    std::memcpy(Prepare(more.size()).data(), more.data(), more.size());
    Commit(more.size());
  }

 private:
  static constexpr std::size_t kInitial = 4096;
  static constexpr std::size_t kKept = 64UL * 1024;

  void MakeRoom(std::size_t least) {
    const std::size_t kept = size();
    if (capacity_ >= kept + least) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, kept);
    } else {
      capacity_ = std::max({kInitial, std::min(2 * capacity_, kKept), kept + least});
      auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
      if (kept > 0) std::memcpy(larger.get(), bytes_.get() + begin_, kept);
      bytes_ = std::move(larger);
    }
    begin_ = 0;
    end_ = kept;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace portcall::http
