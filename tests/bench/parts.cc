// Our own code where a library has the same, each against that library in one run: parts ROUNDS SECONDS-A-ROUND.
// Rounds alternate and count this thread's time, because machines have moods.
#include "parts.h"

#include <time.h>

#include <cstdio>
#include <cstdlib>

namespace portcall::bench {
namespace {

double CoreSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double Rate(const std::function<std::size_t()>& work, int calls) {
  std::size_t done = 0;
  const double begun = CoreSeconds();
  for (int i = 0; i < calls; ++i) done += work();
  return static_cast<double>(done) / (CoreSeconds() - begun);
}

// How many calls fill a round.
int Calls(const std::function<std::size_t()>& work, double seconds) {
  for (int calls = 1;; calls *= 2) {
    const double begun = CoreSeconds();
    for (int i = 0; i < calls; ++i) work();
    if (CoreSeconds() - begun >= seconds / 2) return calls;
  }
}

void Measure(const Part& part, int rounds, double seconds) {
  const int ours = Calls(part.ours, seconds);
  const int theirs = Calls(part.theirs, seconds);
  for (int round = 0; round < rounds; ++round) {
    const double mine = Rate(part.ours, ours);
    const double other = Rate(part.theirs, theirs);
    std::printf("%s|%s|%g|%.0f|%.0f\n", part.name.c_str(), part.library.c_str(), part.wanted, mine, other);
  }
  std::fflush(stdout);
}

}  // namespace

int Main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 0.05;
  for (const auto& parts : {HttpParts(), DeadlineParts(), TextParts()}) {
    for (const Part& part : parts) Measure(part, rounds, seconds);
  }
  return 0;
}

}  // namespace portcall::bench

int main(int argc, char** argv) { return portcall::bench::Main(argc, argv); }
