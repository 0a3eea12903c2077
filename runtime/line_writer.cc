#include "runtime/line_writer.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/mutex.h"

namespace portcall::runtime {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t kEnough = 32 * 1024;
constexpr std::chrono::milliseconds kGather{10};
constexpr std::chrono::milliseconds kLook{50};  // how often the thread, waiting for room, checks `end`
constexpr std::chrono::seconds kPatience{1};
constexpr std::string_view kNotRead = "was not read";

std::size_t LinesIn(std::string_view text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

// As many whole lines as a pipe takes in one write; of a line longer than that, a part.
std::string_view FirstPart(std::string_view text) {
  if (text.size() <= PIPE_BUF) return text;
  const std::size_t end = text.rfind('\n', PIPE_BUF - 1);
  return text.substr(0, end == std::string_view::npos ? PIPE_BUF : end + 1);
}

}  // namespace

struct LineWriter::State : std::enable_shared_from_this<State> {
  State(int descriptor, std::size_t most, Notice make_notice)
      : fd(descriptor), max_bytes(most), notice(std::move(make_notice)) {}

  bool Started() REQUIRES(mutex);
  void Add(std::string_view line) REQUIRES(mutex);
  bool AwaitWritten(SteadyTime until) REQUIRES(mutex);

  // Called on the thread.
  void Run();
  void Gather() REQUIRES(mutex);
  void PutOut(std::string_view batch, std::size_t after);
  bool TellLoss();
  std::string_view Put(std::string_view text);
  bool AwaitRoom();

  const int fd;
  const std::size_t max_bytes;
  const Notice notice;

  Mutex mutex;
  CondVar arrived;  // wakes the thread
  CondVar went;     // wakes those who wait for the thread
  std::thread thread GUARDED_BY(mutex);
  std::string waiting GUARDED_BY(mutex);
  std::size_t dropped GUARDED_BY(mutex) = 0;    // lines lost after the last one in `waiting`
  std::uint64_t added GUARDED_BY(mutex) = 0;    // bytes taken since the start
  std::uint64_t settled GUARDED_BY(mutex) = 0;  // of those bytes, written or given up
  bool hurry GUARDED_BY(mutex) = false;
  bool ended GUARDED_BY(mutex) = false;
  std::optional<SteadyTime> end GUARDED_BY(mutex);  // nothing is written after it

  // Used by the thread only, hence without the mutex.
  std::size_t lost = 0;  // lines whose loss is not reported yet
  std::string why{kNotRead};
  bool torn = false;  // the last thing put out was a part of a line
};

bool LineWriter::State::Started() {
  if (thread.joinable()) return true;
  try {
    thread = std::thread([self = shared_from_this()] { self->Run(); });
    return true;
  } catch (const std::system_error&) {  // the system gives no thread now; the next line tries again
    return false;
  }
}

void LineWriter::State::Add(std::string_view line) {
  const std::size_t before = waiting.size();
  waiting += line;
  added += line.size();
  if (before == 0 || (before < kEnough && waiting.size() >= kEnough)) arrived.NotifyOne();
}

bool LineWriter::State::AwaitWritten(SteadyTime until) {
  const std::uint64_t goal = added;
  hurry = true;
  arrived.NotifyOne();
  while (settled < goal && went.WaitUntil(mutex, until)) {
  }
  return settled >= goal;
}

void LineWriter::State::Run() {
  while (true) {
    std::string batch;
    std::size_t after = 0;
    {
      const MutexLock lock(mutex);
      Gather();
      if (waiting.empty() && dropped == 0) break;
      batch.swap(waiting);
      after = std::exchange(dropped, 0);
    }
    PutOut(batch, after);
    const MutexLock lock(mutex);
    settled += batch.size();
    went.NotifyAll();
  }
  const MutexLock lock(mutex);
  ended = true;
  went.NotifyAll();
}

void LineWriter::State::Gather() {
  while (waiting.empty() && dropped == 0 && !end) arrived.Wait(mutex);
  const auto until = std::chrono::steady_clock::now() + kGather;
  while (waiting.size() < kEnough && !hurry && !end && arrived.WaitUntil(mutex, until)) {
  }
  hurry = false;
}

// Reports a loss before writing what came after it.
void LineWriter::State::PutOut(std::string_view batch, std::size_t after) {
  const std::string_view rest = TellLoss() ? Put(batch) : batch;
  lost += LinesIn(rest) + after;
  TellLoss();
}

bool LineWriter::State::TellLoss() {
  if (lost == 0) return true;
  if (!Put((torn ? "\n" : "") + notice(lost, why)).empty()) return false;
  lost = 0;
  why = kNotRead;
  return true;
}

// Returns the part of `text` that was not written.
std::string_view LineWriter::State::Put(std::string_view text) {
  while (!text.empty() && AwaitRoom()) {
    const std::string_view part = FirstPart(text);
    const ssize_t n = ::write(fd, part.data(), part.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) {
      why = "could not be written: " + std::generic_category().message(errno);
      break;
    }
    torn = part[static_cast<std::size_t>(n) - 1] != '\n';
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return text;
}

// False: `end` came first. A broken descriptor counts as having room, since only a write says what is wrong with it.
bool LineWriter::State::AwaitRoom() {
  while (true) {
    {
      const MutexLock lock(mutex);
      if (end && std::chrono::steady_clock::now() >= *end) return false;
    }
    pollfd ready{fd, POLLOUT, 0};
    if (::poll(&ready, 1, static_cast<int>(kLook.count())) > 0) return true;
  }
}

LineWriter::LineWriter(int fd, std::size_t max_bytes, Notice notice)
    : state_(std::make_shared<State>(fd, max_bytes, std::move(notice))) {}

LineWriter::~LineWriter() {
  std::thread thread;
  bool ended = false;
  {
    const MutexLock lock(state_->mutex);
    if (!state_->thread.joinable()) return;
    state_->end = std::chrono::steady_clock::now() + kPatience;
    state_->arrived.NotifyOne();
    while (!state_->ended && state_->went.WaitUntil(state_->mutex, *state_->end + 2 * kLook)) {
    }
    ended = state_->ended;
    thread.swap(state_->thread);
  }
  ended ? thread.join() : thread.detach();
}

void LineWriter::Write(std::string_view line) {
  const MutexLock lock(state_->mutex);
  if (!state_->Started() || state_->dropped > 0 || state_->waiting.size() + line.size() > state_->max_bytes) {
    ++state_->dropped;
    state_->arrived.NotifyOne();
    return;
  }
  state_->Add(line);
}

void LineWriter::WriteLast(std::string_view line) {
  {
    const MutexLock lock(state_->mutex);
    const SteadyTime until = std::chrono::steady_clock::now() + kPatience;
    if (state_->Started()) {
      state_->Add(line);
      state_->AwaitWritten(until);
      return;
    }
    state_->end = until;
  }
  state_->Put(line);
}

bool LineWriter::Flush() {
  const MutexLock lock(state_->mutex);
  return state_->AwaitWritten(std::chrono::steady_clock::now() + kPatience);
}

}  // namespace portcall::runtime
