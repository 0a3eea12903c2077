#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace portcall::runtime {

// Lines on their way to a descriptor that may not take them: a pipe that nobody reads, a stopped terminal, a full disk.
// Who writes never waits. A thread, started by the first line, puts out what has gathered in 10 ms or 32 KiB, in
// order, whole lines to a write where PIPE_BUF allows, so that others may share the pipe. Callable from any thread.
//
// What finds no room, or cannot be written, is lost; one line tells how much and why, where it is missing, as soon as
// the descriptor takes lines again. The descriptor's flags stay as they are, since others share them: the thread polls
// before it writes. Another process may still take the room in between, and a write to a hung file system blocks, so at
// the end a thread that does not come back is left behind.
//
// No library's asynchronous logger: theirs block or overwrite silently when full, and cannot be ended in a write.
class LineWriter {
 public:
  // Makes the line that tells of a loss; `why`: "was not read" or "could not be written: …". Called on the thread, and
  // may be destroyed there after the destructor: it owns what it uses.
  using Notice = std::function<std::string(std::size_t lines, std::string_view why)>;

  // At most `max_bytes` wait, and as many are under way.
  LineWriter(int fd, std::size_t max_bytes, Notice notice);
  ~LineWriter();  // as Flush with a second's patience; writes nothing later
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  void Write(std::string_view line);  // with its newline
  // For the few lines that come before an abort: past the bound, and then as Flush.
  void WriteLast(std::string_view line);
  // Waits, at most for a second, until everything is written that was before; false: it is not.
  bool Flush();

 private:
  struct State;                   // shared with the thread, which may outlive this
  std::shared_ptr<State> state_;  // never null
};

}  // namespace portcall::runtime
