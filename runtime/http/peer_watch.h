#pragma once

#include <optional>
#include <stop_token>

#include "runtime/http/deadline.h"
#include "runtime/http/message.h"
#include "runtime/http/stream.h"

namespace portcall::http {

// Whether the peer of a connection still waits for its answer. Costs nothing unless somebody asks. Lives on one loop.
class PeerWatch final : public Asker, private Deadline {
 public:
  PeerWatch(asio::io_context& context, const ByteStream& stream) : Deadline(context), stream_(stream) {}

  std::stop_token Gone() override;
  void Tell();   // the connection is being ended
  void Start();  // of a request
  void End();    // its answer is there: nobody asks any more

 private:
  void OnDeadline() override;
  void LookLater();

  const ByteStream& stream_;
  std::optional<std::stop_source> source_;  // once somebody has asked
  bool gone_ = false;
};

}  // namespace portcall::http
