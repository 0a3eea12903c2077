#include "runtime/memory_budget.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "runtime/cgroups.h"
#include "runtime/timer.h"

namespace portcall::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLook{50};  // between two looks for room

std::uint64_t MachineMemory(const fs::path& root) {
  std::ifstream in(root / "proc/meminfo");
  std::string name;
  std::uint64_t kibibytes = 0;
  while (in >> name) {
    if (name == "MemTotal:") return in >> kibibytes ? kibibytes * 1024 : 0;
    in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

std::uint64_t Counted(std::uint64_t bytes) { return bytes > MemoryBudget::kFree ? bytes - MemoryBudget::kFree : 0; }

}  // namespace

bool MemoryBudget::Take(std::uint64_t bytes, std::uint64_t most) {
  std::uint64_t held = held_.load(std::memory_order_relaxed);
  do {
    if (held > most || bytes > most - held) return false;
  } while (!held_.compare_exchange_weak(held, held + bytes, std::memory_order_relaxed));
  return true;
}

bool MemoryBudget::BeginWait() {
  if (waiters_.fetch_add(1, std::memory_order_relaxed) < kWaiters) return true;
  EndWait();
  return false;
}

void MemoryBudget::Add(Keeper& keeper) {
  const MutexLock lock(keepers_mutex_);
  keepers_.push_back(&keeper);
}

void MemoryBudget::Remove(Keeper& keeper) {
  const MutexLock lock(keepers_mutex_);
  std::erase(keepers_, &keeper);
}

// For room for `bytes`.
void MemoryBudget::AskKeepers(std::uint64_t bytes) {
  const MutexLock lock(keepers_mutex_);
  for (Keeper* keeper : keepers_) {
    const std::uint64_t wanted = held() + bytes;
    if (wanted <= most_) return;
    keeper->LetGo(wanted - most_);
  }
}

bool MemoryShare::Grow(std::uint64_t bytes) {
  const std::uint64_t counts = Counted(bytes);
  if (budget_ == nullptr || counts <= counted_) return true;
  const std::uint64_t more = counts - counted_, most = budget_->most();
  if (!budget_->Take(more, most)) {
    if (counts > most) return false;
    budget_->AskKeepers(more);
    if (!budget_->Take(more, most)) return false;
  }
  counted_ = counts;
  return true;
}

bool MemoryShare::GrowIfAmple(std::uint64_t bytes) {
  const std::uint64_t counts = Counted(bytes);
  if (budget_ == nullptr || counts <= counted_) return true;
  if (!budget_->Take(counts - counted_, budget_->most() / 2)) return false;
  counted_ = counts;
  return true;
}

void MemoryShare::Shrink(std::uint64_t bytes) {
  const std::uint64_t counts = Counted(bytes);
  if (counts < counted_) budget_->GiveBack(std::exchange(counted_, counts) - counts);
}

Task<bool> GrowInTime(MemoryShare& share, std::uint64_t bytes, std::chrono::milliseconds patience,
                      std::stop_token gone) {
  if (share.Grow(bytes)) co_return true;
  MemoryBudget& budget = *share.budget();
  bool grown = false;
  if (budget.BeginWait()) {
    Timer pause(co_await asio::this_coro::executor);
    for (auto waited = kLook; !grown && waited <= patience && !gone.stop_requested(); waited += kLook) {
      pause.expires_after(kLook);
      [[maybe_unused]] const auto [cancelled] = co_await pause.async_wait(nothrow);
      grown = share.Grow(bytes);
    }
    budget.EndWait();
  }
  if (!grown && !gone.stop_requested()) budget.CountRefusal();
  co_return grown;
}

std::uint64_t UsableMemory(const fs::path& root) {
  std::uint64_t memory = MachineMemory(root);
  for (const fs::path& folder : CgroupFolders("memory", root)) {
    for (const char* file : {"memory.max", "memory.limit_in_bytes"}) {
      memory = std::min(memory, NumberIn(folder / file).value_or(memory));
    }
  }
  return memory;
}

}  // namespace portcall::runtime
