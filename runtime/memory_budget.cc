#include "runtime/memory_budget.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "runtime/cgroups.h"

namespace portcall::runtime {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

bool MemoryBudget::Take(std::uint64_t bytes) {
  std::uint64_t held = held_.load(std::memory_order_relaxed);
  do {
    if (held > most_ || bytes > most_ - held) return false;
  } while (!held_.compare_exchange_weak(held, held + bytes, std::memory_order_relaxed));
  return true;
}

bool MemoryBudget::BeginWait() {
  if (waiters_.fetch_add(1, std::memory_order_relaxed) < kWaiters) return true;
  EndWait();
  return false;
}

bool MemoryShare::Grow(std::uint64_t bytes) {
  const std::uint64_t counts = bytes > MemoryBudget::kFree ? bytes - MemoryBudget::kFree : 0;
  if (budget_ == nullptr || counts <= counted_) return true;
  if (!budget_->Take(counts - counted_)) return false;
  counted_ = counts;
  return true;
}

bool MemoryShare::GrowIfAmple(std::uint64_t bytes) {
  const bool ample = budget_ == nullptr || budget_->held() < budget_->most() / 2;
  return ample && Grow(bytes);
}

void MemoryShare::Release() {
  if (counted_ > 0) budget_->GiveBack(std::exchange(counted_, 0));
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
