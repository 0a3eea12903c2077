#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "tests/support/temp_dir.h"

namespace portcall::testing {

// A certificate authority for one test, with everything as PEM files in its own folder.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name = "Portcall Test CA");
  ~CertificateAuthority();

  struct Leaf {
    std::string certificate, key;  // paths
  };
  // `alt_name` as OpenSSL writes it: DNS:registry.example or IP:127.0.0.1. A negative `valid_for` has expired.
  Leaf Issue(const std::string& alt_name, std::chrono::seconds valid_for = std::chrono::hours(24));
  std::string file() const { return folder_.File("ca.pem"); }

 private:
  struct Impl;
  TempDir folder_;
  std::unique_ptr<Impl> impl_;
  long issued_ = 1;
};

}  // namespace portcall::testing
