#include "runtime/http/peer_watch.h"

namespace portcall::http {
namespace {

// A read that waits for the end would not see it behind bytes of a next request, so the kernel is asked now and then.
constexpr std::chrono::milliseconds kLook{200};

}  // namespace

std::stop_token PeerWatch::Gone() {
  if (!source_) {
    source_.emplace();
    if (gone_ || stream_.PeerClosed()) {
      Tell();
    } else {
      LookLater();
    }
  }
  return source_->get_token();
}

void PeerWatch::Tell() {
  gone_ = true;
  Clear();
  if (source_) source_->request_stop();
}

void PeerWatch::Start() {
  End();
  gone_ = false;
}

void PeerWatch::End() {
  Clear();
  source_.reset();
}

void PeerWatch::OnDeadline() {
  if (!source_) return;
  if (stream_.PeerClosed()) return Tell();
  LookLater();
}

void PeerWatch::LookLater() { Set(std::chrono::steady_clock::now() + kLook); }

}  // namespace portcall::http
