#pragma once

#include <filesystem>
#include <string>

namespace portcall::http {

// A folder with self-signed pairs for localhost and 127.0.0.1, removed at the end.
class Certificates {
 public:
  struct Pair {
    std::string certificate, key;
  };

  Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ~Certificates();

  // `days` from now until the certificate ends; negative: it has ended.
  Pair Make(const std::string& name, int days = 30);
  std::string Write(const std::string& name, const std::string& text);

 private:
  std::filesystem::path folder_;
};

}  // namespace portcall::http
