#pragma once

#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

#include "runtime/log.h"

namespace portcall::sinks::audit {

// What the process says on its error output while `run` logs.
inline std::string Said(const std::function<void(runtime::Log&)>& run) {
  std::FILE* const lines = std::tmpfile();
  const int standard = ::dup(STDERR_FILENO);
  ::dup2(::fileno(lines), STDERR_FILENO);
  runtime::Log log({runtime::Level::kInfo, "text", {}});
  run(log);
  log.Flush();
  ::dup2(standard, STDERR_FILENO);
  ::close(standard);
  std::string said(16'384, '\0');
  std::rewind(lines);
  said.resize(std::fread(said.data(), 1, said.size(), lines));
  std::fclose(lines);
  return said;
}

}  // namespace portcall::sinks::audit
