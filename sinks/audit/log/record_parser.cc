#include <array>
#include <nlohmann/json.hpp>

#include "sinks/audit/log/record.h"

namespace portcall::sinks::audit {
namespace {

using Json = nlohmann::json;

template <class Member>
struct Place {
  const char* path;  // a JSON pointer
  Member Record::* member;
};

constexpr std::array<Place<std::string>, 28> kTexts{{
    {"/prev", &Record::prev},
    {"/recorded", &Record::recorded},
    {"/time", &Record::time},
    {"/id", &Record::id},
    {"/action", &Record::action},
    {"/outcome", &Record::outcome},
    {"/error", &Record::error_code},
    {"/actor/name", &Record::actor},
    {"/source/address", &Record::address},
    {"/source/client", &Record::client},
    {"/source/forwarded", &Record::forwarded},
    {"/source/userAgent", &Record::user_agent},
    {"/source/tlsSubject", &Record::tls_subject},
    {"/target/kind", &Record::kind},
    {"/target/repository", &Record::repository},
    {"/target/tag", &Record::tag},
    {"/target/digest", &Record::digest},
    {"/target/mediaType", &Record::media_type},
    {"/target/from", &Record::from_repository},
    {"/previousDigest", &Record::previous_digest},
    {"/request/id", &Record::request_id},
    {"/request/method", &Record::method},
    {"/request/host", &Record::host},
    {"/request/uri", &Record::uri},
    {"/registry", &Record::source},
    {"/node", &Record::node},
    {"/instance", &Record::instance},
    {"/note", &Record::note},
}};
constexpr std::array<Place<std::int64_t>, 3> kNumbers{
    {{"/seq", &Record::seq}, {"/target/size", &Record::size}, {"/count", &Record::count}}};

constexpr std::array<Place<std::string>, 28> kEcsTexts{{
    {"/portcall/prev", &Record::prev},
    {"/portcall/recorded", &Record::recorded},
    {"/@timestamp", &Record::time},
    {"/event/id", &Record::id},
    {"/event/action", &Record::action},
    {"/event/outcome", &Record::outcome},
    {"/event/code", &Record::error_code},
    {"/user/name", &Record::actor},
    {"/portcall/peer", &Record::address},
    {"/source/address", &Record::client},
    {"/portcall/forwarded", &Record::forwarded},
    {"/user_agent/original", &Record::user_agent},
    {"/tls/client/subject", &Record::tls_subject},
    {"/portcall/kind", &Record::kind},
    {"/container/image/name", &Record::repository},
    {"/container/image/tag/0", &Record::tag},
    {"/container/image/hash/all/0", &Record::digest},
    {"/portcall/mediaType", &Record::media_type},
    {"/portcall/from", &Record::from_repository},
    {"/portcall/previousDigest", &Record::previous_digest},
    {"/http/request/id", &Record::request_id},
    {"/http/request/method", &Record::method},
    {"/url/domain", &Record::host},
    {"/url/path", &Record::uri},
    {"/portcall/registry", &Record::source},
    {"/portcall/node", &Record::node},
    {"/portcall/instance", &Record::instance},
    {"/message", &Record::note},
}};
constexpr std::array<Place<std::int64_t>, 3> kEcsNumbers{
    {{"/portcall/seq", &Record::seq}, {"/portcall/size", &Record::size}, {"/portcall/count", &Record::count}}};

const Json* Find(const Json& json, const char* path) {
  const Json::json_pointer pointer(path);
  return json.contains(pointer) ? &json.at(pointer) : nullptr;
}

std::int64_t NumberAt(const Json& json, const char* path) {
  const Json* found = Find(json, path);
  return found != nullptr && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

bool FlagAt(const Json& json, const char* path) {
  const Json* found = Find(json, path);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

template <class Texts, class Numbers>
Record Read(const Json& json, const Texts& texts, const Numbers& numbers) {
  Record record;
  for (const auto& [path, member] : texts) {
    const Json* found = Find(json, path);
    if (found != nullptr && found->is_string()) record.*member = found->template get_ref<const std::string&>();
  }
  for (const auto& [path, member] : numbers) record.*member = NumberAt(json, path);
  return record;
}

}  // namespace

std::optional<Record> ParseRecord(std::string_view line) {
  const std::optional<Link> link = LinkOf(line);
  const Json json = link ? Json::parse(line, nullptr, false) : Json();
  if (!json.is_object()) return std::nullopt;
  const bool ecs = json.contains("portcall");
  Record record = ecs ? Read(json, kEcsTexts, kEcsNumbers) : Read(json, kTexts, kNumbers);
  record.n = link->n;
  record.status = static_cast<int>(NumberAt(json, ecs ? "/http/response/status_code" : "/status"));
  record.verified = FlagAt(json, ecs ? "/portcall/verified" : "/actor/verified");
  if (ecs) {
    if (record.address.empty()) std::swap(record.address, record.client);
    if (const std::int64_t port = NumberAt(json, "/url/port"); port != 0) record.host += ':' + std::to_string(port);
    const Json* query = Find(json, "/url/query");
    if (query != nullptr && query->is_string()) record.uri += '?' + query->get_ref<const std::string&>();
  }
  return record;
}

}  // namespace portcall::sinks::audit
