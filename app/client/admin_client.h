#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "runtime/result.h"

namespace portcall::app {

struct AdminReply {
  int status = 0;
  std::string body;
};

// Asks the server of one data folder, which listens on a Unix socket there. Blocks; a main thread's.
class AdminClient {
 public:
  explicit AdminClient(std::filesystem::path socket) : socket_(std::move(socket)) {}

  // The one of a configuration file. kInvalid, with what is wrong with the file on `err`, since a server may run with
  // an earlier state of it.
  static Result<AdminClient> Of(const std::string& config, const std::map<std::string, std::string>& environment,
                                std::ostream& err);

  // kUnavailable: no server runs there, or it is another user's; kTimeout.
  Result<AdminReply> Call(std::string_view method, const std::string& target, std::string_view body = {}) const;

 private:
  std::filesystem::path socket_;
};

}  // namespace portcall::app
