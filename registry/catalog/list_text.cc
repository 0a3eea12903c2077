#include "registry/catalog/list_text.h"

#include <algorithm>
#include <utility>

#include "runtime/json.h"

namespace portcall::registry {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kFrame = 256;  // for what stands around the entries

}  // namespace

ListText::ListText(std::string before, const ListBounds& bounds, ListAccount account)
    : bounds_(bounds), account_(std::move(account)), text_(std::move(before)), before_(text_.size()) {}

bool ListText::Fits(std::size_t more) {
  const std::size_t bytes = text_.size() - before_;
  full_ = entries_ >= bounds_.entries || (entries_ > 0 && bytes + more > bounds_.bytes);
  if (full_) return false;
  const std::size_t size = text_.size() + more + kFrame;
  cramped_ = size > room_;
  if (cramped_) return false;
  if (size > text_.capacity()) text_.reserve(std::min(room_, std::max(size, 2 * text_.capacity())));
  return true;
}

void ListText::Separate() {
  if (entries_++ > 0) text_ += ',';
}

bool ListText::AddName(std::string_view name) {
  if (!Fits(name.size() + 3)) return false;  // quotes and a comma
  Separate();
  runtime::AppendJsonString(text_, name, runtime::JsonSpelling::kPlain);
  last_ = name;
  return true;
}

bool ListText::AddJson(std::string_view json) {
  if (!Fits(json.size() + 1)) return false;
  Separate();
  text_ += json;
  return true;
}

void ListText::Trim() {
  if (text_.capacity() > 2 * (text_.size() + kFrame)) text_.shrink_to_fit();
}

Task<Result<void>> ListText::Grow(std::size_t bytes, std::chrono::milliseconds patience) {
  if (account_.memory == nullptr || account_.memory->budget() == nullptr) co_return Result<void>();
  // What is larger than half of the budget would never find room in it.
  const std::uint64_t counts = std::min<std::uint64_t>(bytes, account_.memory->budget()->most() / 2);
  if (co_await runtime::GrowInTime(*account_.memory, counts, patience, account_.gone)) co_return Result<void>();
  co_return runtime::MemoryBudget::Refusal();
}

Task<Result<void>> ListText::Count(std::size_t beside) { return Grow(kShort + beside, account_.patience); }

Task<Result<void>> ListText::Widen(LongLists& lists, std::size_t beside) {
  const auto until = steady_clock::now() + account_.patience;
  if (!turn_) turn_ = co_await lists.Take(until, account_.gone);
  if (!turn_) {
    if (account_.memory != nullptr && account_.memory->budget() != nullptr && !gone()) {
      account_.memory->budget()->CountRefusal();
    }
    co_return Error(Errc::kUnavailable, "long lists are made one at a time, and too many are asked for");
  }
  // The entry that was too much for the room may be the first, and larger than the bound.
  const bool bounded = bounds_.entry < bounds_.bytes && left() < bounds_.bytes / bounds_.entry;
  const std::size_t most = bounded ? std::min(bounds_.bytes, text_.size() + left() * bounds_.entry) : bounds_.bytes;
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now());
  Result<void> grown = co_await Grow(most + before_ + kFrame + beside, std::max(rest, rest.zero()));
  if (!grown) co_return grown;
  cramped_ = false;
  room_ = SIZE_MAX;
  text_.reserve(most + before_ + kFrame);
  co_return Result<void>();
}

std::string ListText::End(std::string_view after) && {
  text_ += after;
  if (account_.memory != nullptr) account_.memory->Shrink(text_.capacity());
  turn_ = {};
  return std::move(text_);
}

}  // namespace portcall::registry
