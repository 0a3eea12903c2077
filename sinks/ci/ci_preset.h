#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "runtime/result.h"
#include "sinks/ci/ci_config.h"
#include "sinks/formats/template.h"

namespace portcall::sinks {

// How a CI system wants its request, read from a data file: one of ours (sinks/ci/presets/, compiled in) or a user's
// own. docs/ci.md describes the file. Everything here is immutable once loaded.

// What the user has to say, or may.
struct CiWord {
  // How a value stands in a path: one segment with its slashes escaped, several segments, or Jenkins' folders, where
  // a/b means a/job/b.
  enum class Shape { kSegment, kPath, kFolders };
  std::string name, help;
  std::string fallback;  // a template over event words; empty: none
  std::string with;      // another word that has to be there where this one is; empty: none
  bool required = false;
  bool secret = false;  // taken as it stands, and shown nowhere
  Shape shape = Shape::kSegment;
  std::size_t most = 0;  // bytes, 0: any
  std::string until;     // each of the value's names, which have commas between them, ends before this; empty: none
};

// Names with templates over the preset's words and the event's. What is made of the preset's words alone, all of them
// empty, is left out.
using CiEntries = std::vector<std::pair<std::string, Template>>;

// A JSON value whose texts are templates.
struct CiNode {
  enum class Kind { kText, kNumber, kFlag, kMap, kList };
  Kind kind = Kind::kText;
  Template text;
  std::int64_t number = 0;         // or the flag
  std::vector<std::string> names;  // of a map's items
  std::vector<CiNode> items;
};

struct CiRequest {
  enum class Body { kNone, kForm, kJson };
  std::vector<std::string> when;  // words that must be there for this request; the first that fits is made
  std::string method = "POST";    // GET: without a body
  Template path;                  // below the path of the endpoint's URL
  CiEntries query, headers, form;
  Body body = Body::kNone;
  CiNode json;
};

struct CiAuth {
  Template bearer, user, password;                                  // empty: not used
  std::vector<std::pair<std::string, Template>> signature_headers;  // header: sha256=<hex HMAC of the body>, by secret
};

// Where the user's variables and the event's id go.
struct CiVariables {
  enum class Place { kJson, kForm, kQuery };
  enum class Shape {
    kMap,   // {NAME: value}, or one field for each
    kList,  // [{key: NAME, value: value}]
    kText,  // one form field that holds {NAME: value} as JSON
  };
  Place place = Place::kJson;
  Shape shape = Shape::kMap;
  std::vector<std::string> at;  // members that lead to them in the body; of kText: the field
  Template name;                // of a form's field or a query's parameter; {{name}} alone unless told otherwise
  std::string names =
      "any";  // the grammar of a name: any, identifier ([A-Za-z_][A-Za-z0-9_]*), lower ([a-z][a-z0-9_-]*)
  std::vector<std::string> reserved;  // names that the system takes for something else
  std::size_t most = 100;             // with the event's id
  std::string event_id = "REGISTRY_EVENT_ID";
  std::vector<std::pair<std::string, std::string>> defaults;  // where the user names none
};

// What a success has to say. An answer that is no JSON comes from somebody else, such as a proxy's page.
struct CiAnswer {
  bool json = false;            // JSON, or nothing
  std::vector<std::string> at;  // not empty: JSON with `equals` there, where `*` stands for any member
  std::string equals, complaint;
  bool any() const { return json || !at.empty(); }
};

// A refusal that says in JSON that some builds were started: settled, because a repetition would start those again.
struct CiPartly {
  int status = 0;               // 0: there is none
  std::vector<std::string> at;  // `equals` stands there for what was started; `*`, for any member, is among it
  std::string equals;
};

// A redirect that means success: one to what was queued before, for example.
struct CiRedirect {
  int status = 0;  // 0: there is none
  std::string to;  // Location holds this
};

// A word that the system wants as a number and the user knows as a name: asked for once, and kept.
struct CiLookup {
  std::string word;  // empty: none
  Template path;
  std::vector<std::string> take;  // where the number stands in the answer
};

struct CiPreset {
  static constexpr std::size_t kMostBytes = 256 * 1024;  // of a file
  std::string name, about;
  std::string url;  // where the system has one for everybody; else empty
  std::vector<CiWord> words;
  std::vector<CiRequest> requests;
  CiAuth auth;
  CiVariables variables;
  std::optional<CiVariables> inputs;  // where they go instead when the user writes `inputs`; none: not there
  std::vector<int> success;           // statuses that mean that the build was accepted
  CiRedirect redirect;
  CiPartly partly;
  CiAnswer answer;
  // Where another 2xx says, in JSON, why the system starts nothing on purpose: settled, too. Empty: nowhere.
  std::vector<std::string> filtered;
  CiLookup lookup;
  // Texts of refusals that time or an operator heals, so they are not the event's fault; and what there is to do.
  std::vector<std::pair<std::string, std::string>> waits;
  std::map<int, std::string> hints;  // what a refusing status means there

  config::Millis timeout{30'000};  // of an endpoint that names none

  bool reads_answer() const { return answer.any() || !filtered.empty() || partly.status != 0; }
  const CiWord* FindWord(std::string_view word) const;
};

// The word that every preset knows: the name under which the event's id goes along.
inline constexpr std::string_view kEventIdWord = "eventid";

// By name, or by the path of a file (what has a '/' or ends in .yml or .yaml). kInvalid: no such preset (names the
// nearest), or every fault of the file with its line, one to a line.
Result<std::shared_ptr<const CiPreset>> LoadCiPreset(std::string_view name_or_path);
// The preset that `text` describes; `source` is named in its faults.
Result<std::shared_ptr<const CiPreset>> ParseCiPreset(const std::string& text, std::string_view source);
std::vector<std::string_view> CiPresetNames();

// What an endpoint gets wrong about its preset, each as a sentence that fits a configuration's error: words that are
// missing or unknown, templates, limits. Never the value of a secret.
std::vector<std::string> CheckCi(const CiPreset& preset, const CiConfig& config, bool has_url);

// The first route whose glob fits, or null.
const CiRoute* FindRoute(const CiConfig& config, std::string_view repository);

}  // namespace portcall::sinks
