#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <utility>
#include <vector>

#include "runtime/mutex.h"
#include "runtime/result.h"
#include "runtime/task.h"

namespace portcall::runtime {

// One bound in bytes on what many hold in memory together (docs/delivery.md §9). It counts; whoever is refused says so.
// Callable from any thread; it outlives its shares.
class MemoryBudget {
 public:
  // What each may hold beside the budget: never refused, so that what is small goes on while it is used up.
  static constexpr std::uint64_t kFree = 64 * 1024;
  // How many may wait for room at a time; more are refused at once.
  static constexpr std::uint32_t kWaiters = 256;

  explicit MemoryBudget(std::uint64_t most) : most_(most) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  std::uint64_t most() const { return most_; }
  std::uint64_t held() const { return held_.load(std::memory_order_relaxed); }
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  std::uint32_t waiters() const { return waiters_.load(std::memory_order_relaxed); }  // for room
  void CountRefusal() { refused_.fetch_add(1, std::memory_order_relaxed); }

  // What is told to those who found no room.
  static Error Refusal() {
    return {Errc::kUnavailable, "requests and answers hold as much memory as they may (http.memory)"};
  }

  bool BeginWait();  // false: too many wait
  void EndWait() { waiters_.fetch_sub(1, std::memory_order_relaxed); }

  // Holds, in shares of its own, what it can do without.
  class Keeper {
   public:
    Keeper() = default;
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;
    virtual ~Keeper() = default;
    // Gives back `bytes` that count, or all that it can do without. On the thread of whoever needs room, one at a time.
    virtual void LetGo(std::uint64_t bytes) = 0;
  };
  void Add(Keeper& keeper);
  void Remove(Keeper& keeper);  // it is asked no more

 private:
  friend class MemoryShare;
  bool Take(std::uint64_t bytes, std::uint64_t most);
  void AskKeepers(std::uint64_t bytes);
  void GiveBack(std::uint64_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }

  const std::uint64_t most_;
  std::atomic<std::uint64_t> held_ = 0, refused_ = 0;
  std::atomic<std::uint32_t> waiters_ = 0;
  Mutex keepers_mutex_;
  std::vector<Keeper*> keepers_ GUARDED_BY(keepers_mutex_);
};

// What one of them holds; given back at its end. One thread at a time.
class MemoryShare {
 public:
  MemoryShare() = default;  // of no budget: nothing is counted, and nothing refused
  explicit MemoryShare(MemoryBudget* budget) : budget_(budget) {}
  MemoryShare(MemoryShare&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), counted_(std::exchange(other.counted_, 0)) {}
  MemoryShare& operator=(MemoryShare&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(counted_, other.counted_);
    return *this;
  }
  ~MemoryShare() { Release(); }

  // Makes it `bytes` in all, where it is less; keepers let go of what they have where that makes room. False: there is
  // none, and it is what it was.
  bool Grow(std::uint64_t bytes);
  // The same for who can do with less: leaves half of the budget to those who cannot, and keepers what they have.
  bool GrowIfAmple(std::uint64_t bytes);
  // Makes it `bytes` in all, where it is more.
  void Shrink(std::uint64_t bytes);
  void Release() { Shrink(0); }
  MemoryBudget* budget() const { return budget_; }
  std::uint64_t counted() const { return counted_; }  // without what is free

 private:
  MemoryBudget* budget_ = nullptr;
  std::uint64_t counted_ = 0;  // without what is free
};

// Grows the share, and waits for room where there is none. False, and the refusal is counted: none came in time, or too
// many wait already. False, too, once `gone` says that nobody wants it any more. On the caller's loop.
Task<bool> GrowInTime(MemoryShare& share, std::uint64_t bytes, std::chrono::milliseconds patience,
                      std::stop_token gone = {});

// The memory that this process may use: the machine's, or less where a control group (version 1 or 2) sets a limit.
// `root` is where /proc and /sys lie, for tests. 0: it cannot be told.
std::uint64_t UsableMemory(const std::filesystem::path& root = "/");

}  // namespace portcall::runtime
