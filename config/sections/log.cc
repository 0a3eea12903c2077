#include <array>

#include "config/reader/scalars.h"
#include "config/sections/sections.h"

namespace portcall::config {
namespace {

void ReadLevel(MapReader& section, std::string_view key, std::string& level) {
  constexpr std::array<std::string_view, 4> kLevels{"error", "warn", "info", "debug"};
  std::string text = level;
  section.Read(key, text);
  if (text == "trace") text = "debug";  // GitLab's finest level
  for (std::string_view known : kLevels) {
    if (text == known) {
      level = text;
      return;
    }
  }
  section.Doubt(key, Quoted(text) + " is no level: error, warn, info or debug" + DidYouMean(text, kLevels));
}

}  // namespace

void ReadLog(MapReader& root, LogConfig& log) {
  if (root.Has("loglevel")) {
    root.Warn("loglevel", "is an old name: write log: {level: …}");
    ReadLevel(root, "loglevel", log.level);
  }
  MapReader section = root.Sub("log");
  ReadLevel(section, "level", log.level);
  section.ReadChoice("formatter", {"text", "json", "logstash"}, log.formatter);
  if (const Value* fields = section.Get("fields")) {
    MapReader names = section.Sub("fields");
    for (const Member& member : fields->members) {
      std::string value;
      names.Read(member.key, value);
      log.fields[member.key] = value;
    }
  }
  MapReader access = section.Sub("accesslog");
  bool disabled = false;
  access.Read("disabled", disabled);
  log.access_log = !disabled;
  access.Ignore("formatter", "access lines are in the combined log format");
  access.Finish();
  section.Ignore("hooks", "no mails are sent; the log's lines say everything");
  section.Ignore("output", "the log goes to stderr, access lines go to stdout");
  section.Accept("reportcaller");
  section.Finish();
}

}  // namespace portcall::config
