#include "runtime/http/stream.h"

#include <boost/asio/error.hpp>

namespace portcall::http {

Task<IoResult> ByteStream::Handshake() { co_return IoResult{}; }

Task<IoResult> ByteStream::SendFile(int, std::uint64_t, std::uint64_t) {
  co_return IoResult{asio::error::operation_not_supported, 0};
}

}  // namespace portcall::http
