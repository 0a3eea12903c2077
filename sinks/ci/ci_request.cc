#include "sinks/ci/ci_request.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/http/message.h"
#include "runtime/json.h"
#include "runtime/text.h"
#include "runtime/version.h"
#include "sinks/facts.h"
#include "sinks/http/answer.h"
#include "sinks/http/credentials.h"

namespace portcall::sinks {
namespace {

using Json = nlohmann::ordered_json;
using runtime::HasControl;

void AddPair(std::string& query, std::string_view name, std::string_view value) {
  if (!query.empty()) query += '&';
  query.append(http::PercentEncode(name)).append("=").append(http::PercentEncode(value));
}

// A word's value as part of a path.
Result<std::string> EscapedForPath(std::string_view word, std::string_view value, CiWord::Shape shape) {
  if (value.empty()) return Error(Errc::kInvalid, std::string(word) + " is empty, and the request's path needs it");
  if (shape == CiWord::Shape::kSegment) return http::PercentEncode(value);
  std::string path;
  while (true) {
    const std::size_t slash = value.find('/');
    const std::string_view segment = value.substr(0, slash);
    if (segment.empty()) {
      return Error(Errc::kInvalid, std::string(word) + " begins or ends with a slash, or has two in a row");
    }
    path += http::PercentEncode(segment);
    if (slash == std::string_view::npos) return path;
    path += shape == CiWord::Shape::kFolders ? "/job/" : "/";
    value.remove_prefix(slash + 1);
  }
}

// Names with commas between them, each without what begins with `until`.
std::string CutNames(std::string_view names, std::string_view until) {
  std::string cut;
  while (true) {
    const std::size_t comma = names.find(',');
    const std::string_view name = names.substr(0, comma);
    cut += name.substr(0, name.find(until));
    if (comma == std::string_view::npos) return cut;
    cut += ',';
    names.remove_prefix(comma + 1);
  }
}

// Servers and proxies resolve these, escaped or not, and so would reach another resource.
bool HasDotSegment(std::string_view path) {
  while (!path.empty()) {
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(std::min(path.size(), segment.size() + 1));
  }
  return false;
}

}  // namespace

class CiRequests::Facts {
 public:
  Facts(const CiRequests& requests, const store::Event& event, Route route, std::string_view looked_up)
      : requests_(requests), words_(requests.routes_[route]), event_(event), looked_up_(looked_up) {}

  std::string operator()(std::string_view word) const {
    if (!looked_up_.empty() && word == requests_.preset_->lookup.word) return std::string(looked_up_);
    if (requests_.preset_->FindWord(word) == nullptr) return FactOf(event_, requests_.source_, word);
    const auto at = words_.find(word);
    if (at == words_.end()) return {};
    if (at->second.literal) return at->second.text;
    std::string value =
        at->second.value.Render([this](std::string_view of) { return FactOf(event_, requests_.source_, of); });
    return at->second.until.empty() ? value : CutNames(value, at->second.until);
  }

  std::string Render(const Template& text) const {
    return text.Render([this](std::string_view word) { return (*this)(word); });
  }
  bool LeftOut(const Template& text) const {
    const auto words = text.words();
    return !words.empty() && std::ranges::all_of(words, [this](std::string_view word) {
      return requests_.preset_->FindWord(word) != nullptr && (*this)(word).empty();
    });
  }

 private:
  const CiRequests& requests_;
  const WordTable& words_;
  const store::Event& event_;
  const std::string_view looked_up_;
};

class CiRequests::Draft {
 public:
  Draft(const CiRequests& requests, const Facts& facts) : requests_(requests), facts_(facts) {}

  Result<CiCall> Make(const CiRequest& request) {
    auto path = PathOf(request.path);
    if (!path) return Error(path.error());
    std::string query = requests_.base_query_;
    AddEntries(query, request.query);
    if (Place() == CiVariables::Place::kQuery) AddVariables(query);
    MakeBody(request);
    return Finish(request.method, *path, query, request.headers);
  }

  // A GET of what the preset looks up.
  Result<CiCall> MakeLookup(const CiRequest& request) {
    auto path = PathOf(requests_.preset_->lookup.path);
    if (!path) return Error(path.error());
    return Finish("GET", *path, requests_.base_query_, request.headers);
  }

 private:
  CiVariables::Place Place() const { return requests_.Where().place; }

  Result<std::string> PathOf(const Template& path) const {
    std::optional<Error> wrong;
    const std::string rendered = path.Render([&](std::string_view word) -> std::string {
      const CiWord* known = requests_.preset_->FindWord(word);
      auto escaped = EscapedForPath(word, facts_(word), known == nullptr ? CiWord::Shape::kSegment : known->shape);
      if (escaped) return *std::move(escaped);
      wrong = escaped.error();
      return {};
    });
    if (wrong) return *std::move(wrong);
    if (HasDotSegment(rendered)) return Error(Errc::kInvalid, "the request's path would hold the segment . or ..");
    return requests_.base_path_ + rendered;
  }

  void AddEntries(std::string& pairs, const CiEntries& entries) const {
    for (const auto& [name, value] : entries) {
      if (!facts_.LeftOut(value)) AddPair(pairs, name, facts_.Render(value));
    }
  }

  void AddVariables(std::string& pairs) const {
    const Template& pattern = requests_.Where().name;
    for (const auto& [name, value] : requests_.variables_) {
      AddPair(pairs, pattern.Render([&name](std::string_view) { return name; }), facts_.Render(value));
    }
  }

  Json VariablesAsJson() const {
    const bool listed = requests_.Where().shape == CiVariables::Shape::kList;
    Json json = listed ? Json::array() : Json::object();
    for (const auto& [name, value] : requests_.variables_) {
      if (listed) {
        json.push_back({{"key", name}, {"value", facts_.Render(value)}});
      } else {
        json[name] = facts_.Render(value);
      }
    }
    return json;
  }

  Json JsonOf(const CiNode& node) const {
    switch (node.kind) {
      case CiNode::Kind::kNumber:
        return node.number;
      case CiNode::Kind::kFlag:
        return node.number != 0;
      case CiNode::Kind::kText:
        return facts_.Render(node.text);
      case CiNode::Kind::kList: {
        Json list = Json::array();
        for (const CiNode& item : node.items) list.push_back(JsonOf(item));
        return list;
      }
      case CiNode::Kind::kMap:
        break;
    }
    Json map = Json::object();
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const CiNode& item = node.items[i];
      if (item.kind != CiNode::Kind::kText || !facts_.LeftOut(item.text)) map[node.names[i]] = JsonOf(item);
    }
    return map;
  }

  void MakeBody(const CiRequest& request) {
    const CiVariables& variables = requests_.Where();
    if (request.body == CiRequest::Body::kForm) {
      type_ = "application/x-www-form-urlencoded";
      AddEntries(body_, request.form);
      if (variables.shape == CiVariables::Shape::kText) {
        AddPair(body_, variables.at.front(), runtime::Dump(VariablesAsJson()));
      } else if (Place() == CiVariables::Place::kForm) {
        AddVariables(body_);
      }
    } else if (request.body == CiRequest::Body::kJson) {
      type_ = "application/json";
      Json json = JsonOf(request.json);
      if (Place() == CiVariables::Place::kJson) PutVariables(json);
      body_ = runtime::Dump(json);
    }
  }

  void PutVariables(Json& json) const {
    Json* at = &json;
    for (const std::string& name : requests_.Where().at) {
      if (!at->is_object()) *at = Json::object();
      at = &(*at)[name];
    }
    Json made = VariablesAsJson();
    if (at->is_object()) {
      at->update(made);
    } else {
      *at = std::move(made);
    }
  }

  Result<CiCall> Finish(std::string_view method, const std::string& path, const std::string& query,
                        const CiEntries& headers) {
    CiCall call;
    call.head.append(method).append(" ").append(path);
    if (!query.empty()) call.head.append("?").append(query);
    call.head.append(" HTTP/1.1\r\nHost: ").append(requests_.host_).append("\r\n");
    for (const auto& [name, value] : requests_.headers_) AddHeader(name, value);
    for (const auto& [name, value] : headers) {
      if (!facts_.LeftOut(value)) AddDefault(name, facts_.Render(value));
    }
    AddAuth();
    if (!type_.empty()) AddDefault("Content-Type", type_);
    AddDefault("User-Agent", std::string(runtime::kUserAgent));
    if (wrong_) return *std::move(wrong_);
    call.head += fields_;
    call.body = std::move(body_);
    return call;
  }

  void AddAuth() {
    const CiAuth& auth = requests_.preset_->auth;
    const std::string bearer = facts_.Render(auth.bearer), user = facts_.Render(auth.user);
    if (!bearer.empty()) AddDefault("Authorization", "Bearer " + bearer);
    if (!user.empty()) {
      AddDefault("Authorization", "Basic " + BasicCredentials(user + ":" + facts_.Render(auth.password)));
    }
    if (!requests_.userinfo_.empty()) AddDefault("Authorization", "Basic " + BasicCredentials(requests_.userinfo_));
    for (const auto& [name, secret] : auth.signature_headers) {
      if (facts_.LeftOut(secret)) continue;
      AddDefault(name, BodySignature(facts_.Render(secret), body_));
    }
  }

  void AddHeader(const std::string& name, const std::string& value) {
    if (!wrong_ && (HasControl(value) || HasControl(name))) {
      wrong_ = Error(Errc::kInvalid, "the value of header " + name + " would hold a control character");
    }
    fields_.append(name).append(": ").append(value).append("\r\n");
    named_.push_back(name);
  }
  // Skipped when the name is taken: the user's own header wins, and among ours the first.
  void AddDefault(const std::string& name, const std::string& value) {
    const auto same = [&name](const std::string& there) { return http::EqualsIgnoreCase(there, name); };
    if (std::ranges::none_of(named_, same)) AddHeader(name, value);
  }

  const CiRequests& requests_;
  const Facts& facts_;
  std::string body_, type_, fields_;
  std::vector<std::string> named_;
  std::optional<Error> wrong_;
};

Result<CiRequests> CiRequests::Make(const config::Endpoint& endpoint, const http::Url& url) {
  CiRequests made;
  made.config_ = endpoint.As<CiConfig>();
  made.preset_ = made.config_->definition;
  made.source_ = endpoint.source;
  made.host_ = url.host_header();
  made.userinfo_ = url.userinfo;
  const std::size_t question = url.target.find('?');
  made.base_path_ = url.target.substr(0, question);
  while (made.base_path_.ends_with('/')) made.base_path_.pop_back();
  if (question != std::string::npos) made.base_query_ = url.target.substr(question + 1);
  made.headers_ = endpoint.headers;

  if (made.config_->routes.empty()) {
    if (auto added = made.AddRoute({}); !added) return Error(added.error());
  }
  for (const CiRoute& route : made.config_->routes) {
    if (auto added = made.AddRoute(route.words); !added) return Error(added.error());
  }
  if (made.choices_.empty()) {
    if (made.config_->routes.size() > 1) made.part_noun_ = "route";
  } else {
    made.part_noun_ = made.choices_ == std::vector<std::string>{"project"} ? "project" : "target";
  }
  if (auto added = made.AddVariables(*made.config_); !added) return Error(added.error());
  return made;
}

Result<void> CiRequests::AddRoute(const Words& words) {
  WordTable table;
  std::string login;
  for (const CiWord& word : preset_->words) {
    Word value{word.secret, word.fallback, {}, word.until};
    for (const Words* from : {&config_->words, &words}) {
      if (const auto at = from->find(word.name); at != from->end()) value.text = at->second;
    }
    if (word.secret) login.append(value.text) += '\n';
    if (!word.secret) {
      auto parsed = Template::Parse(value.text, EventWords());
      if (!parsed) return Error(Errc::kInvalid, word.name + ": " + parsed.error().detail);
      value.value = *std::move(parsed);
      NoteChoice(word, value.value);
    }
    table.emplace(word.name, std::move(value));
  }
  one_login_ = one_login_ && (routes_.empty() || login == login_);
  login_ = std::move(login);
  routes_.push_back(std::move(table));
  return {};
}

// A word that is made of the event by the preset itself describes it, as the text of a build does.
void CiRequests::NoteChoice(const CiWord& word, const Template& value) {
  const auto fallback = Template::Parse(word.fallback, EventWords());
  if (value.words().empty() || !fallback || !fallback->words().empty()) return;
  if (std::ranges::find(choices_, word.name) == choices_.end()) choices_.push_back(word.name);
}

std::string CiRequests::PartOf(const store::Event& event, Route route) const {
  const Facts facts(*this, event, route, {});
  std::string part;
  for (const std::string& word : choices_) {
    part.append(part.empty() ? "" : ", ").append(choices_.size() > 1 ? word + " " : "").append(facts(word));
  }
  if (config_->routes.size() < 2) return part;
  const std::string& glob = config_->routes[route].repositories;
  return part.empty() ? glob : part + " by the route " + glob;
}

Result<void> CiRequests::AddVariables(const CiConfig& config) {
  const auto add = [this](const std::string& name, std::string_view text) -> Result<void> {
    auto parsed = Template::Parse(text, EventWords());
    if (!parsed) return Error(Errc::kInvalid, "variables: " + name + ": " + parsed.error().detail);
    variables_.emplace_back(name, *std::move(parsed));
    return {};
  };
  for (const auto& [name, text] : config.variables.empty() ? Where().defaults : config.variables) {
    if (auto added = add(name, text); !added) return added;
  }
  const auto chosen = config.words.find(std::string(kEventIdWord));
  return add(chosen == config.words.end() ? Where().event_id : chosen->second, "{{id}}");
}

std::optional<CiRequests::Route> CiRequests::RouteOf(std::string_view repository) const {
  if (config_->routes.empty()) return 0;
  const CiRoute* route = FindRoute(*config_, repository);
  if (route == nullptr) return std::nullopt;
  return static_cast<Route>(route - config_->routes.data());
}

std::string CiRequests::Unresolved(const store::Event& event, Route route) const {
  if (preset_->lookup.word.empty()) return {};
  const std::string value = Facts(*this, event, route, {})(preset_->lookup.word);
  return runtime::IsDigits(value) ? std::string() : value;
}

Result<CiCall> CiRequests::Lookup(const store::Event& event, Route route) const {
  const Facts facts(*this, event, route, {});
  return Draft(*this, facts).MakeLookup(preset_->requests.back());
}

Result<CiCall> CiRequests::Request(const store::Event& event, Route route, const std::string& looked_up) const {
  const Facts facts(*this, event, route, looked_up);
  for (const CiRequest& request : preset_->requests) {
    const auto there = [&facts](const std::string& word) { return !facts(word).empty(); };
    if (std::ranges::all_of(request.when, there)) return Draft(*this, facts).Make(request);
  }
  return Error(Errc::kInternal, "the preset has no request for these words");
}

std::vector<std::string> CiRequests::Secrets() const {
  std::vector<std::string> secrets;
  for (const WordTable& table : routes_) {
    const auto plain = [&table](std::string_view name) {
      const auto at = table.find(name);
      return at == table.end() ? std::string() : at->second.text;
    };
    for (const auto& [name, word] : table) {
      if (word.literal && !word.text.empty()) secrets.push_back(word.text);
    }
    const std::string pair = preset_->auth.user.Render(plain) + ":" + preset_->auth.password.Render(plain);
    if (pair.size() > 1) secrets.push_back(BasicCredentials(pair));
  }
  return secrets;
}

}  // namespace portcall::sinks
