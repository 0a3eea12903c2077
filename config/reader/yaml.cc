#include "config/reader/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

namespace portcall::config {
namespace {

constexpr int kMaxDepth = 64;
constexpr int kMaxNodes = 20'000;
constexpr std::size_t kMaxKeys = 1'000;  // of one map, since they are searched linearly

struct Refused {
  Place place;
  std::string message;
};

// Of what aliases add; a file without them is bounded by its own size.
constexpr std::size_t kMaxAliased = 4 << 20;

struct Extent {
  int nodes = 1, height = 1;
  std::size_t bytes = 0;  // of texts
};

Extent Measure(const Value& node) {
  Extent total;
  total.bytes = node.text.size();
  auto add = [&total](const Value& child) {
    Extent extent = Measure(child);
    total.nodes += extent.nodes;
    total.bytes += extent.bytes;
    total.height = std::max(total.height, extent.height + 1);
  };
  for (const Value& item : node.items) add(item);
  for (const Member& member : node.members) {
    add(member.value);
    total.bytes += member.key.size();
  }
  return total;
}

// Turns yaml-cpp's events into nodes. Events are used, not its own tree, because that tree keeps duplicate keys
// unseen and expands aliases without a bound.
class Builder : public YAML::EventHandler {
 public:
  Builder(std::shared_ptr<const std::string> source, bool with_lines, Report& report)
      : source_(std::move(source)), with_lines_(with_lines), report_(report) {}

  Value TakeRoot() { return std::move(root_); }
  Place At(const YAML::Mark& mark) const {
    return with_lines_ ? Place{source_, mark.line + 1, mark.column + 1} : Place{source_, 0, 0};
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { Add(Make(Value::Kind::kNull, mark), anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refused{At(mark), "an alias stands inside the value that it names"};
    Extent extent = Measure(found->second);
    Count(mark, extent.nodes);
    aliased_ += extent.bytes;
    if (aliased_ > kMaxAliased)
      throw Refused{At(mark), "aliases stand for more text than any configuration needs (4 MiB)"};
    if (static_cast<int>(open_.size()) + extent.height > kMaxDepth) TooDeep(mark);
    Attach(found->second);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Value node = Make(Value::Kind::kScalar, mark);
    node.text = value;
    node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    Add(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Make(Value::Kind::kList, mark), mark, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Make(Value::Kind::kMap, mark), mark, anchor);
  }
  void OnMapEnd() override {
    Merge(open_.back().node);
    Close();
  }

 private:
  struct Frame {
    Value node;
    YAML::anchor_t anchor;
    std::optional<Member> pending;  // the key whose value comes next
  };

  Value Make(Value::Kind kind, const YAML::Mark& mark) {
    Count(mark, 1);
    Value node;
    node.kind = kind;
    node.place = At(mark);
    return node;
  }
  void Count(const YAML::Mark& mark, int nodes) {
    nodes_ += nodes;
    if (nodes_ > kMaxNodes) throw Refused{At(mark), "more values than any configuration needs (20000)"};
  }
  [[noreturn]] void TooDeep(const YAML::Mark& mark) const {
    throw Refused{At(mark), "nested deeper than any configuration needs (64 levels)"};
  }
  void Open(Value node, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (static_cast<int>(open_.size()) >= kMaxDepth) TooDeep(mark);
    open_.push_back({std::move(node), anchor, std::nullopt});
  }
  void Close() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    Add(std::move(frame.node), frame.anchor);
  }
  void Add(Value node, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = node;
    Attach(std::move(node));
  }
  void Attach(Value node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = open_.back();
    if (frame.node.kind == Value::Kind::kList) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.pending) {
      if (node.kind != Value::Kind::kScalar) {
        throw Refused{node.place, "a key must be a word, not a list or a map; are quotes missing around {{…}}?"};
      }
      frame.pending = Member{std::move(node.text), node.place, {}};
    } else {
      frame.pending->value = std::move(node);
      Insert(frame.node, *frame.pending);
      frame.pending.reset();
    }
  }
  void Insert(Value& map, Member& member) {
    Member* twice = map.Find(member.key);
    if (twice == nullptr) {
      if (map.members.size() >= kMaxKeys) throw Refused{member.place, "more keys than any map here needs (1000)"};
      map.members.push_back(std::move(member));
      return;
    }
    std::string first = with_lines_ ? " (first in line " + std::to_string(twice->place.line) + ")" : "";
    report_.Error(member.place, Path(), "this key stands twice in the same map" + first + "; keep one of them");
    *twice = std::move(member);
  }
  std::string Path() const {
    std::string path;
    for (const Frame& frame : open_) {
      if (frame.node.kind == Value::Kind::kList) {
        path += "[" + std::to_string(frame.node.items.size()) + "]";
      } else if (frame.pending) {
        path += (path.empty() ? "" : ".") + frame.pending->key.substr(0, 60);
      }
    }
    return path;
  }
  // `<<: *defaults`: the members of another map, where the map has none of its own.
  void Merge(Value& map) {
    Member* merge = map.Find("<<");
    if (merge == nullptr) return;
    Value from = std::move(merge->value);
    map.members.erase(map.members.begin() + (merge - map.members.data()));
    std::vector<Value> sources = from.kind == Value::Kind::kList ? std::move(from.items) : std::vector<Value>{from};
    for (Value& source : sources) {
      if (source.kind != Value::Kind::kMap) throw Refused{from.place, "<< takes a map or a list of maps"};
      for (Member& member : source.members) {
        if (map.Find(member.key) == nullptr) map.members.push_back(std::move(member));
      }
    }
  }

  std::shared_ptr<const std::string> source_;
  bool with_lines_;
  Report& report_;
  Value root_;
  std::vector<Frame> open_;
  std::map<YAML::anchor_t, Value> anchors_;
  int nodes_ = 0;
  std::size_t aliased_ = 0;  // bytes
};

// yaml-cpp takes some control characters for the end of the text, and would silently read half a file.
std::optional<std::size_t> FindControl(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f) return i;
  }
  return std::nullopt;
}

// The library's wording where it is good; never the text that it quotes, which may be half of a secret.
std::string Explain(const YAML::ParserException& e, std::string_view text, const Place& place) {
  std::size_t line_start = 0;
  for (int line = 1; line < place.line && line_start != std::string_view::npos; ++line) {
    line_start = text.find('\n', line_start);
    if (line_start != std::string_view::npos) ++line_start;
  }
  if (line_start < text.size()) {
    std::string_view line = text.substr(line_start, text.find('\n', line_start) - line_start);
    std::string_view indent = line.substr(0, line.find_first_not_of(" \t"));
    if (indent.find('\t') != std::string_view::npos) return "not YAML: a tab indents this line; YAML takes spaces only";
  }
  std::string_view what = e.msg;
  if (what.starts_with("the referenced anchor")) {
    return "not YAML: an alias (*name) without its anchor (&name); put quotes around a value that begins with *";
  }
  if (what == "unknown token") return "not YAML: a value cannot begin with @, ` or %; put quotes around it";
  if (what == "illegal map value") {
    return "not YAML: a colon in the wrong place; is one missing after the key above, or are quotes around the value?";
  }
  if (what.starts_with("unknown escape")) return "not YAML: unknown escape after \\ in \"…\"; use '…' instead";
  if (what.starts_with("invalid unicode")) return "not YAML: an escape names no Unicode character";
  if (what.starts_with("bad YAML version")) return "not YAML: the %YAML line names no version that exists";
  return "not YAML: " + std::string(what);
}

}  // namespace

bool ParseYaml(const std::string& text, std::string_view source, bool with_lines, Report& report, Value& root) {
  auto shared_source = std::make_shared<const std::string>(source);
  if (auto bad = FindControl(text)) {
    auto begin = text.begin(), end = begin + static_cast<std::ptrdiff_t>(*bad);
    int line = 1 + static_cast<int>(std::count(begin, end, '\n'));
    std::size_t line_start = text.rfind('\n', *bad);
    int column = static_cast<int>(line_start == std::string::npos ? *bad + 1 : *bad - line_start);
    report.Error(with_lines ? Place{shared_source, line, column} : Place{shared_source, 0, 0}, "",
                 "not text: it holds a control character (a YAML file is UTF-8)");
    return false;
  }
  Builder builder(shared_source, with_lines, report);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder)) {
      root = builder.TakeRoot();
      if (parser) {
        Builder rest(shared_source, with_lines, report);
        if (parser.HandleNextDocument(rest)) {
          report.Warn(rest.TakeRoot().place, "", "only the first YAML document counts; what follows --- is not read");
        }
      }
    }
    return true;
  } catch (const Refused& refused) {
    report.Error(refused.place, "", refused.message);
  } catch (const YAML::ParserException& e) {
    Place place = builder.At(e.mark);
    report.Error(place, "", Explain(e, text, place));
  } catch (const YAML::Exception&) {
    report.Error({shared_source, 0, 0}, "", "not YAML");
  }
  return false;
}

}  // namespace portcall::config
