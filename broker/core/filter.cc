#include "broker/core/filter.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "config/glob.h"
#include "sinks/updaters.h"

namespace portcall::broker {
namespace {

using store::Action;

using config::kRegistryActions;  // fingerprints of earlier versions know no other actions
constexpr std::array<std::string_view, 4> kImageTypes{
    "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"};
constexpr std::array<std::string_view, 2> kConfigTypes{"application/vnd.docker.container.image.v1+json",
                                                       "application/vnd.oci.image.config.v1+json"};

// Helm's charts, and what Flux's OCIRepository takes (fluxcd/pkg, oci/client.go).
constexpr std::array<std::string_view, 2> kChartTypes{"application/vnd.cncf.helm.config.v1+json",
                                                      "application/vnd.cncf.flux.config.v1+json"};

// sha256-<64 digits>, alone or with an ending: where cosign and registries without a referrers API put what belongs to
// an image.
bool NamesAnAttachment(std::string_view tag) {
  constexpr std::size_t kDigits = 64;
  if (!tag.starts_with("sha256-") && !tag.starts_with("sha512-")) return false;
  tag.remove_prefix(7);
  if (tag.size() < kDigits || tag.substr(0, kDigits).find_first_not_of("0123456789abcdef") != tag.npos) return false;
  const std::string_view ending = tag.substr(kDigits);
  return ending.empty() || ending == ".sig" || ending == ".att" || ending == ".sbom";
}

// Whether it may be a new image, as far as the columns tell: a push of an image or an index under a tag.
bool MayBeNewImage(const store::Event& event) {
  return event.action == Action::kPush && event.kind == store::Kind::kTag &&
         std::ranges::find(kImageTypes, event.media_type) != kImageTypes.end() && !NamesAnAttachment(event.tag);
}

// The rest, which only the body tells: it is no other artifact, and the tag did not point to this digest before.
bool IsNewImage(const store::Event& event, bool charts) {
  const store::Details details = store::DecodeDetails(event.details);
  if (!details.subject.empty() || details.previous_digest == event.digest) return false;
  const auto is_among = [&](const auto& types) {
    return std::ranges::find(types, details.artifact_type) != types.end();
  };
  return details.artifact_type.empty() || is_among(kConfigTypes) || (charts && is_among(kChartTypes));
}

bool Fits(const std::vector<std::string>& globs, std::string_view text) {
  return std::ranges::any_of(globs, [&](const std::string& glob) { return config::GlobMatches(glob, text); });
}

template <std::size_t kCount, class Of>
std::bitset<kCount> Bits(const std::vector<std::string>& names, Of of) {
  std::bitset<kCount> bits;
  for (const std::string& name : names) {
    if (const auto value = of(name)) bits.set(static_cast<std::size_t>(*value));
  }
  return bits;
}

// The actions that an endpoint gets when its entry names none.
std::bitset<store::kActions> UsualActions() {
  std::bitset<store::kActions> actions;
  for (std::size_t i = 0; i < kRegistryActions; ++i) actions.set(i);
  return actions;
}

// The last digit of `text` is bit 0. Bits for which `text` is too short stay as they are.
template <std::size_t kCount>
void ReadBits(std::string_view text, std::bitset<kCount>& bits) {
  for (std::size_t i = 0; i < std::min(text.size(), kCount); ++i) bits.set(i, text[text.size() - 1 - i] == '1');
}

}  // namespace

Filter::Filter(const config::Endpoint& endpoint, std::int64_t cursor) : cursor_(cursor) {
  const auto actions = [](const std::string& name) { return store::ActionOf(name); };
  const auto kinds = [](const std::string& name) { return store::KindOf(name); };
  const config::Selection &only = endpoint.only, &ignore = endpoint.ignore;
  const auto wanted = only.actions.empty() ? UsualActions() : Bits<store::kActions>(only.actions, actions);
  ignored_actions_ = ~wanted | Bits<store::kActions>(ignore.actions, actions);
  if (!only.kinds.empty()) ignored_kinds_ = ~Bits<store::kKinds>(only.kinds, kinds);
  ignored_kinds_ |= Bits<store::kKinds>(ignore.kinds, kinds);
  images_only_ = endpoint.images_only;
  charts_ = endpoint.images_only && sinks::IsForUpdaters(endpoint.format);
  only_types_.insert(only.media_types.begin(), only.media_types.end());
  ignored_types_.insert(ignore.media_types.begin(), ignore.media_types.end());
  only_repositories_ = only.repositories;
  ignored_repositories_ = ignore.repositories;
  only_tags_ = only.tags;
  ignored_tags_ = ignore.tags;
  only_actors_ = only.actors;
  ignored_actors_ = ignore.actors;
  routes_ = endpoint.routes;
  Compile();
  Write();
}

Filter::Filter(std::string fingerprint, std::int64_t cursor) : cursor_(cursor), fingerprint_(std::move(fingerprint)) {
  std::string_view rest = fingerprint_;
  const auto line = [&rest] {
    const std::string_view first = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), first.size() + 1));
    return first;
  };
  const std::string_view actions = line();
  if (actions.size() < store::kActions) {
    for (std::size_t i = kRegistryActions; i < store::kActions; ++i) ignored_actions_.set(i);
  }
  ReadBits(actions.size() < store::kActions
               ? actions.substr(actions.size() - std::min(actions.size(), kRegistryActions))
               : actions,
           ignored_actions_);
  while (!rest.empty()) {
    const std::string_view rule = line();
    if (rule.starts_with('+')) {
      ReadRule(rule);
    } else {
      ignored_types_.emplace(rule);
    }
  }
  Compile();
}

void Filter::ReadRule(std::string_view rule) {
  const std::string_view name = rule.substr(0, rule.find(' '));
  const std::string value(rule.substr(std::min(rule.size(), name.size() + 1)));
  const std::pair<std::string_view, Globs*> kGlobs[] = {{"+only.repository", &only_repositories_},
                                                        {"+ignore.repository", &ignored_repositories_},
                                                        {"+route", &routes_},
                                                        {"+only.tag", &only_tags_},
                                                        {"+ignore.tag", &ignored_tags_},
                                                        {"+only.actor", &only_actors_},
                                                        {"+ignore.actor", &ignored_actors_}};
  for (const auto& [key, globs] : kGlobs) {
    if (key == name) globs->push_back(value);
  }
  if (name == "+kinds") ReadBits(value, ignored_kinds_);
  if (name == "+images") images_only_ = true;
  if (name == "+charts") charts_ = true;
  if (name == "+only.type") only_types_.insert(value);
  if (name == "+ignore.type") ignored_types_.insert(value);
}

void Filter::Compile() {
  for (Globs* globs : {&only_repositories_, &ignored_repositories_, &routes_, &only_tags_, &ignored_tags_,
                       &only_actors_, &ignored_actors_}) {
    std::ranges::sort(*globs);
    globs->erase(std::ranges::unique(*globs).begin(), globs->end());
    simple_ = simple_ && globs->empty();
  }
  simple_ = simple_ && !images_only_ && only_types_.empty() && ignored_types_.empty();
}

// Earlier versions wrote only the first line and lines without a plus, so the form of those must not change.
void Filter::Write() {
  fingerprint_ = ignored_actions_.to_string();
  const auto write = [this](std::string_view rule, const auto& values) {
    for (const std::string& value : values) fingerprint_.append("\n").append(rule).append(value);
  };
  for (const std::string& type : std::set<std::string>(ignored_types_.begin(), ignored_types_.end())) {
    fingerprint_ += (type.starts_with('+') ? "\n+ignore.type " : "\n") + type;
  }
  if (ignored_kinds_.any()) fingerprint_ += "\n+kinds " + ignored_kinds_.to_string();
  if (images_only_) fingerprint_ += "\n+images";
  if (charts_) fingerprint_ += "\n+charts";
  write("+only.type ", std::set<std::string>(only_types_.begin(), only_types_.end()));
  write("+only.repository ", only_repositories_);
  write("+ignore.repository ", ignored_repositories_);
  write("+route ", routes_);
  write("+only.tag ", only_tags_);
  write("+ignore.tag ", ignored_tags_);
  write("+only.actor ", only_actors_);
  write("+ignore.actor ", ignored_actors_);
}

std::string_view Filter::WhyNot(const store::Event& event) const {
  if (event.retrial) return event.retrial->cursor == cursor_ ? std::string_view() : "sent again to another endpoint";
  if (ignored_actions_[static_cast<std::size_t>(event.action)]) return "actions";
  if (ignored_kinds_[static_cast<std::size_t>(event.kind)]) return "kinds";
  return WhyNotRest(event);
}

std::string_view Filter::WhyNotType(const store::Event& event) const {
  const bool has_type = event.action < Action::kDelete;
  if (!has_type) return {};
  if (!only_types_.empty() && !only_types_.contains(event.media_type)) return "only.mediatypes";
  return ignored_types_.contains(event.media_type) ? "ignore.mediatypes" : std::string_view();
}

// What events of the system have none of.
std::string_view Filter::WhyNotNamed(const store::Event& event) const {
  if (const std::string_view rule = WhyNotType(event); !rule.empty()) return rule;
  if (!only_tags_.empty() && !Fits(only_tags_, event.tag)) return "only.tags";
  if (Fits(ignored_tags_, event.tag)) return "ignore.tags";
  if (!only_repositories_.empty() && !Fits(only_repositories_, event.repository)) return "only.repositories";
  if (Fits(ignored_repositories_, event.repository)) return "ignore.repositories";
  return !routes_.empty() && !Fits(routes_, event.repository) ? "routes" : std::string_view();
}

std::string_view Filter::WhyNotRest(const store::Event& event) const {
  if (images_only_ && !MayBeNewImage(event)) return "images";
  if (event.kind != store::Kind::kSystem) {
    if (const std::string_view rule = WhyNotNamed(event); !rule.empty()) return rule;
  }
  if (!only_actors_.empty() && !Fits(only_actors_, event.actor)) return "only.actors";
  if (Fits(ignored_actors_, event.actor)) return "ignore.actors";
  return images_only_ && !IsNewImage(event, charts_) ? "images" : std::string_view();
}

}  // namespace portcall::broker
