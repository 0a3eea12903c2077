#pragma once

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>

#include "registry/catalog/long_lists.h"
#include "runtime/memory_budget.h"
#include "runtime/result.h"
#include "runtime/task.h"

namespace portcall::registry {

// For whom a list is made.
struct ListAccount {
  runtime::MemoryShare* memory = nullptr;                         // counts what it takes; null: nobody counts
  std::stop_token gone = {};                                      // says that nobody waits for it any more
  std::chrono::milliseconds patience = std::chrono::seconds(10);  // to wait for a turn and for room
};

struct ListBounds {
  std::size_t entries = SIZE_MAX;
  std::size_t bytes = 0;         // the first entry may be larger
  std::size_t entry = SIZE_MAX;  // of one, about: what the list may come to is counted before it is made
};

// The entries of a JSON list, as text that grows. While it is short it is made beside all others; what is long waits
// for its turn and for room in memory, and counts from then on (docs/delivery.md §9). One thread at a time.
class ListText {
 public:
  static constexpr std::size_t kShort = runtime::MemoryBudget::kFree;

  ListText(std::string before, const ListBounds& bounds, ListAccount account);

  // False, and nothing was added: it is full, or cramped and needs room before it goes on.
  bool AddName(std::string_view name);
  bool AddJson(std::string_view json);
  bool full() const { return full_; }
  bool cramped() const { return cramped_; }
  bool gone() const { return account_.gone.stop_requested(); }
  std::size_t entries() const { return entries_; }
  std::size_t left() const { return bounds_.entries - entries_; }
  const std::string& last() const { return last_; }  // the name that was added last
  void Trim();                                       // gives back what it does not need after all; costs a copy

  // Waits for a turn, unless it has it, and for room for the list and for `beside` bytes. kUnavailable: neither came in
  // time, or nobody waits any more. On the caller's loop.
  Task<Result<void>> Widen(LongLists& lists, std::size_t beside = 0);
  // Counts `beside` bytes without a turn.
  Task<Result<void>> Count(std::size_t beside);

  // The whole text; the turn is over.
  std::string End(std::string_view after) &&;

 private:
  bool Fits(std::size_t more);
  void Separate();
  Task<Result<void>> Grow(std::size_t bytes, std::chrono::milliseconds patience);

  const ListBounds bounds_;
  const ListAccount account_;
  std::string text_, last_;
  std::size_t before_;         // bytes that are no entries
  std::size_t room_ = kShort;  // for the whole text
  std::size_t entries_ = 0;
  bool full_ = false, cramped_ = false;
  LongLists::Turn turn_;
};

}  // namespace portcall::registry
