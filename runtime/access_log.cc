#include <unistd.h>

#include "runtime/line_writer.h"
#include "runtime/log.h"

namespace portcall::runtime {
namespace {

constexpr std::size_t kMaxBytes = 4 * 1024 * 1024;

std::string Notice(std::size_t lines, std::string_view why) {
  return "# " + std::to_string(lines) + " access lines were dropped: stdout " + std::string(why) + "\n";
}

}  // namespace

AccessLog::AccessLog() : writer_(std::make_unique<LineWriter>(STDOUT_FILENO, kMaxBytes, Notice)) {}

AccessLog::~AccessLog() = default;

bool AccessLog::Flush() { return writer_->Flush(); }

void AccessLog::Write(std::string line) {
  line.push_back('\n');
  writer_->Write(line);
}

}  // namespace portcall::runtime
