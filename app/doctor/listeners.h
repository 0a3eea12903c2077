#pragma once

#include "app/doctor/installation.h"
#include "app/doctor/looks.h"
#include "runtime/http/tls_look.h"

namespace portcall::app {

// A configured address: free where nothing runs, else answered.
runtime::Findings LookAtAddress(const Installation& it, const std::string& key, const std::string& addr);
// What `http.tls` really shows, as the files have it where nothing runs.
runtime::Findings LookAtServerTls(const Installation& it);
// Of a chain as it was shown. `now` is the time that counts.
runtime::Findings JudgeChain(const http::TlsSight& sight, std::chrono::system_clock::time_point now);
// `http.host`, whether its name is known, and the certificate valid for it.
runtime::Findings LookAtHost(const Installation& it);

std::vector<Look> ListenerLooks(const std::shared_ptr<const Installation>& it);

}  // namespace portcall::app
