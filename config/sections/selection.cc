#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/event_names.h"
#include "config/glob.h"
#include "config/reader/scalars.h"
#include "config/sections/endpoint.h"
#include "runtime/text.h"

namespace portcall::config {
namespace {

bool Holds(std::span<const std::string> list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

void ReadNames(MapReader& rules, std::string_view key, std::string_view what, std::span<const std::string_view> known,
               std::vector<std::string>& out) {
  rules.Read(key, out);
  for (const std::string& name : out) {
    if (std::ranges::find(known, name) != known.end()) continue;
    rules.Error(key,
                Quoted(name) + " is no " + std::string(what) + ": " + runtime::Joined(known) + DidYouMean(name, known));
  }
}

// Why `pattern` can match nothing: it holds a character that is not in `allowed`, which includes the wildcards.
std::string WhyNever(std::string_view pattern, std::string_view allowed, std::string_view what) {
  const std::size_t at = pattern.find_first_not_of(allowed);
  if (at == std::string_view::npos) return "";
  return Quoted(pattern) + " fits nothing: no " + std::string(what) + " holds " + Quoted(pattern.substr(at, 1)) +
         " (* fits within a path segment, ** across them, ? one character)";
}

std::string WhyBadTagGlob(std::string_view pattern) {
  if (std::string why = WhyBadGlob(pattern); !why.empty()) return why;
  return WhyNever(pattern, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-*?", "tag");
}

using WhyBad = std::string (*)(std::string_view);

void ReadGlobs(MapReader& rules, std::string_view key, WhyBad why_bad, std::vector<std::string>& out) {
  rules.Read(key, out);
  for (const std::string& pattern : out) {
    if (const std::string why = why_bad(pattern); !why.empty()) rules.Error(key, why);
  }
}

std::string WhyBadMediaType(std::string_view type) {
  const bool printable = std::ranges::all_of(type, [](char c) { return c > 0x20 && c < 0x7f; });
  return printable && !type.empty() ? "" : Quoted(type) + " is no media type";
}

void ReadRules(MapReader& rules, Selection& selection) {
  ReadNames(rules, "actions", "action", kActionNames, selection.actions);
  ReadNames(rules, "kinds", "kind", kKindNames, selection.kinds);
  ReadGlobs(rules, "repositories", WhyBadRepositoryGlob, selection.repositories);
  ReadGlobs(rules, "tags", WhyBadTagGlob, selection.tags);
  ReadGlobs(rules, "mediatypes", WhyBadMediaType, selection.media_types);
  ReadGlobs(rules, "actors", WhyBadGlob, selection.actors);
  rules.Finish();
}

bool SomeSystemAction(const Selection& selection) {
  return std::ranges::any_of(std::span(kActionNames).subspan(kRegistryActions),
                             [&](std::string_view action) { return Holds(selection.actions, action); });
}

// Refuses actions that the endpoint's kind or format has no form for.
void CheckActions(MapReader& only, const Endpoint& endpoint) {
  for (std::string_view action : std::span(kActionNames).subspan(kRegistryActions)) {
    if (!AsksFor(endpoint, action)) continue;
    const std::string why = endpoint.kind->WhyNot(endpoint, action);
    if (!why.empty()) only.Error("actions", std::string(action) + ": " + why);
  }
}

// Fills in the endpoint's defaults where the entry does not say what it takes.
void FillIn(const Endpoint& endpoint, Selection& only) {
  const Kind::Traits& traits = endpoint.kind->traits();
  // A refused request may be about any kind of thing, so all kinds stay allowed.
  if (!traits.event_kinds.empty() && only.kinds.empty() && !AsksFor(endpoint, "refused")) {
    only.kinds.assign(traits.event_kinds.begin(), traits.event_kinds.end());
    if (SomeSystemAction(only)) only.kinds.emplace_back("system");
  }
  if (!traits.audits || !only.actions.empty()) return;
  for (std::string_view action : kActionNames) {
    if (endpoint.kind->WhyNot(endpoint, action).empty()) only.actions.emplace_back(action);
  }
}

void ReadImages(MapReader& section, Endpoint& endpoint) {
  if (endpoint.kind->traits().one_line) return;
  section.Read("images", endpoint.images_only);
  if (!endpoint.images_only) return;
  const Selection &only = endpoint.only, &ignore = endpoint.ignore;
  const bool pushes = (only.actions.empty() || Holds(only.actions, "push")) && !Holds(ignore.actions, "push");
  const bool tags = (only.kinds.empty() || Holds(only.kinds, "tag")) && !Holds(ignore.kinds, "tag");
  if (!pushes || !tags) {
    section.Error("images", "true takes pushes of tags alone, which only or ignore keeps out: write images: false");
  }
}

}  // namespace

bool AsksFor(const Endpoint& endpoint, std::string_view action) { return Holds(endpoint.only.actions, action); }

std::string WhyBadRepositoryGlob(std::string_view pattern) {
  if (std::string why = WhyBadGlob(pattern); !why.empty()) return why;
  if (pattern.starts_with('/') || pattern.ends_with('/')) {
    return Quoted(pattern) + " fits nothing: a repository's name begins and ends without a slash";
  }
  return WhyNever(pattern, "abcdefghijklmnopqrstuvwxyz0123456789._-/*?", "repository's name");
}

void ReadSelections(MapReader& section, Endpoint& endpoint) {
  std::vector<std::string> types;
  ReadGlobs(section, "ignoredmediatypes", WhyBadMediaType, types);
  MapReader only = section.Sub("only"), ignore = section.Sub("ignore");
  ReadRules(only, endpoint.only);
  ReadRules(ignore, endpoint.ignore);
  for (std::string& type : endpoint.ignore.media_types) {
    if (!Holds(types, type)) types.push_back(std::move(type));
  }
  endpoint.ignore.media_types = std::move(types);

  const Selection& rules = endpoint.only;
  const bool nothing = !rules.actions.empty() && std::ranges::all_of(rules.actions, [&](const std::string& action) {
    return Holds(endpoint.ignore.actions, action);
  });
  if (nothing) ignore.Error("actions", "keeps out all that only.actions lets in");
  CheckActions(only, endpoint);
  FillIn(endpoint, endpoint.only);
  ReadImages(section, endpoint);
}

}  // namespace portcall::config
