#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "runtime/http/url.h"
#include "runtime/result.h"
#include "sinks/ci/ci_preset.h"
#include "store/event.h"

namespace portcall::sinks {

// A request as the HTTP client takes it: request line and fields, each ended by CRLF, and the body.
struct CiCall {
  std::string head, body;
};

// Makes a preset's requests for events. Whatever an event's names hold, each value arrives as that value: escaped for
// the path, the query, the form or the JSON it goes into, or refused. Pure; immutable.
class CiRequests {
 public:
  // kInvalid: a template in the words or variables; says which.
  static Result<CiRequests> Make(const config::Endpoint& endpoint, const http::Url& url);

  // The words that count for a repository: those of the first route that fits, over the endpoint's. None: the endpoint
  // has routes, and none fits.
  using Route = std::size_t;
  std::optional<Route> RouteOf(std::string_view repository) const;

  // What one of several parts of the system is called, where the event chooses among them: by its route, or by a word
  // that the preset would leave to one choice for all. Empty: a refusal is that of the whole.
  const std::string& part_noun() const { return part_noun_; }
  // Whether all requests carry the same credentials, so that their refusal is that of the whole, too.
  bool one_login() const { return one_login_; }
  // The part that the event goes to, for operators.
  std::string PartOf(const store::Event& event, Route route) const;

  // What has to be asked before the request can be made, as its word's value; empty: nothing.
  std::string Unresolved(const store::Event& event, Route route) const;
  // kInvalid: no repetition can help, because of what stands in the event.
  Result<CiCall> Lookup(const store::Event& event, Route route) const;
  // `looked_up` stands for the word that the preset looks up; empty: the word's own value.
  Result<CiCall> Request(const store::Event& event, Route route, const std::string& looked_up) const;

  // Everything that must not be shown, in the forms in which requests carry it.
  std::vector<std::string> Secrets() const;

 private:
  struct Word {
    bool literal = false;  // a secret: taken as it stands
    std::string text;
    Template value;
    std::string until;  // CiWord::until
  };
  using WordTable = std::map<std::string, Word, std::less<>>;
  class Facts;  // the values of words for one event
  class Draft;  // one request in the making

  const CiVariables& Where() const { return config_->as_inputs ? *preset_->inputs : preset_->variables; }
  Result<void> AddRoute(const Words& words);
  void NoteChoice(const CiWord& word, const Template& value);
  Result<void> AddVariables(const CiConfig& config);

  std::shared_ptr<const CiPreset> preset_;
  std::shared_ptr<const CiConfig> config_;
  std::string source_, host_, base_path_, base_query_, userinfo_;
  config::HeaderList headers_;
  std::vector<WordTable> routes_;
  std::vector<std::pair<std::string, Template>> variables_;
  std::vector<std::string> choices_;  // the words by which events choose a part
  std::string part_noun_;
  std::string login_;  // the secrets of the last route
  bool one_login_ = true;
};

}  // namespace portcall::sinks
