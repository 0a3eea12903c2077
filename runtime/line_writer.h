#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace portcall::runtime {

// Lines on their way to a descriptor that may not take them: a pipe that nobody reads, a stopped terminal, a full disk.
// Write() never waits. A thread, started by the first line, writes what has gathered in 10 ms or 32 KiB, in order, and
// whole lines at a time where PIPE_BUF allows, so that other processes can share the pipe. Callable from any thread.
//
// Lines that find no room or cannot be written are lost. As soon as the descriptor takes lines again, one line in their
// place says how many and why. The descriptor's flags are not changed, since others share them: the thread polls before
// it writes. Another process may still take the room in between, and a write to a hung file system blocks, so the
// destructor leaves a thread behind that does not come back.
//
// Not a library's asynchronous logger: those block or overwrite silently when full, and cannot be left in a write.
class LineWriter {
 public:
  // Makes the line that reports a loss; `why`: "was not read" or "could not be written: …". Called on the thread, which
  // may outlive the LineWriter, so it must own what it uses.
  using Notice = std::function<std::string(std::size_t lines, std::string_view why)>;

  // Keeps at most `max_bytes` waiting, and as many again in the write under way.
  LineWriter(int fd, std::size_t max_bytes, Notice notice);
  ~LineWriter();  // waits like Flush(); writes nothing afterwards
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  void Write(std::string_view line);  // with its newline
  // For the last lines before an abort: ignores `max_bytes`, then waits like Flush().
  void WriteLast(std::string_view line);
  // Waits, at most for a second, until all earlier lines are written or lost; false: some still wait.
  bool Flush();

 private:
  struct State;                   // shared with the thread, which may outlive this
  std::shared_ptr<State> state_;  // never null
};

}  // namespace portcall::runtime
