#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "runtime/result.h"

namespace portcall::http {

// What a server shows of itself in a TLS handshake, whoever has signed it.
struct TlsSight {
  std::string subject, issuer;                     // of the certificate
  std::vector<std::string> names;                  // that it is valid for: hosts and addresses
  std::chrono::system_clock::time_point from, to;  // when it is valid
  std::string fingerprint;                         // SHA-256 of it, in hex
  int length = 0;                                  // certificates that were sent
  bool self_signed = false;                        // nobody else vouches for it
  bool own_root = false;                           // the chain ends with a root that was sent along
  bool ordered = true;                             // each was signed by the next one
  bool more_offered = false;                       // the last one says where its issuer's can be had
  std::string last_issuer;                         // of the last one
  std::string refused;                             // why the system's store does not trust it; empty: it does
  bool issuer_unknown = false;                     // that is why
  bool covers(const std::string& host) const;      // a name with a * for its first label, too
};

// Connects, shakes hands and closes, within `patience`; nothing else is sent. `name`: told by SNI, where it is no
// address. A server that wants a certificate of its clients sees one without. kUnavailable: nobody is there, or does
// not speak TLS; kTimeout. Blocks.
Result<TlsSight> LookAtTls(const boost::asio::ip::tcp::endpoint& at, const std::string& name,
                           std::chrono::milliseconds patience);

// The same of the certificates in a PEM file, as a server sends them. kInvalid. Blocks.
Result<TlsSight> LookAtChain(const std::string& file);

// Whether somebody accepts connections there. kUnavailable with the system's reason; kTimeout. Blocks.
Result<void> LookAtPort(const boost::asio::ip::tcp::endpoint& at, std::chrono::milliseconds patience);

}  // namespace portcall::http
