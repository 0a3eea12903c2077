#include "sinks/audit/log/signed_checkpoints.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/files.h"
#include "sinks/audit/log/note_reader.h"
#include "sinks/audit/log/segments.h"

namespace portcall::sinks::audit {
namespace {

using Json = nlohmann::json;

std::optional<Checkpoint> Opened(std::string_view note, const VerifierKey& key) {
  const std::optional<std::string> text = key.Open(note);
  return text ? Checkpoint::Parse(*text) : std::nullopt;
}

// Another log's note, and no forgery of this one's.
bool IsForeign(std::string_view note, const VerifierKey& key, bool trusted) {
  if (key.IsNamedIn(note)) return false;
  const auto claimed = Checkpoint::Parse(note);
  return trusted || (claimed && claimed->origin != key.name());
}

void Take(std::string_view note, std::uint64_t line, const std::shared_ptr<const std::string>& file,
          const VerifierKey& key, VerifyReport& report, std::vector<SignedCheckpoint>& found) {
  if (const auto checkpoint = Opened(note, key)) {
    found.push_back({checkpoint->size, checkpoint->root, file, line, false});
  } else {
    report.Find({*file, line, std::nullopt, "this checkpoint was changed, or another key signed it"});
  }
}

// Takes all notes of `text` that `is_foreign` does not leave out.
template <class F>
void TakeNotes(std::string_view text, const std::string& file, const VerifierKey& key, VerifyReport& report,
               std::vector<SignedCheckpoint>& found, F is_foreign) {
  const auto name = std::make_shared<const std::string>(file);
  std::size_t from = 0, counted = 0;
  std::uint64_t line = 1;
  while (const std::optional<NoteSpan> span = NextNote(text, from)) {
    from = span->end;
    line += static_cast<std::uint64_t>(std::ranges::count(text.substr(counted, span->begin - counted), '\n'));
    counted = span->begin;
    const std::string_view note = text.substr(span->begin, span->end - span->begin);
    if (is_foreign(note)) continue;
    Take(note, line, name, key, report, found);
  }
}

void CollectTexts(const Json& json, std::string& notes) {
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    if (!NextNote(text, 0)) return;
    // A sentence may stand before the note, with a blank line between.
    const std::size_t blank = text.find("\n\n") + 2;
    const bool sentence = !std::string_view(text).substr(blank).starts_with("\xE2\x80\x94 ");
    notes += text.substr(sentence ? blank : 0) + '\n';
  }
  if (json.is_structured()) {
    for (const Json& member : json) CollectTexts(member, notes);
  }
}

// JSON may stand on one line each, or as one document.
std::string NotesInJson(const std::string& text) {
  std::string notes;
  const Json whole = Json::parse(text, nullptr, false);
  if (!whole.is_discarded()) {
    CollectTexts(whole, notes);
    return notes;
  }
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    CollectTexts(Json::parse(line, nullptr, false), notes);
  }
  return notes;
}

}  // namespace

Result<std::vector<SignedCheckpoint>> LoadOwn(const std::filesystem::path& folder, const VerifierKey& key,
                                              VerifyReport& report) {
  const std::string file = (folder / kCheckpoints).string();
  const auto name = std::make_shared<const std::string>(file);
  std::vector<SignedCheckpoint> found;
  Result<NoteReader> notes = NoteReader::Open(file);
  if (!notes && notes.error().code == Errc::kNotFound) return found;
  if (!notes && notes.error().code == Errc::kInvalid) {
    report.Find({file, 0, std::nullopt, notes.error().detail});
    return found;
  }
  if (!notes) return notes.error();
  while (true) {
    const auto note = notes->Next();
    if (!note) return note.error();
    if (!*note) break;
    Take((*note)->text, (*note)->line, name, key, report, found);
  }
  if (notes->left()) report.notes.push_back(file + " ends in an unfinished checkpoint");
  for (std::size_t i = 1; i < found.size(); ++i) {
    if (found[i].size >= found[i - 1].size) continue;
    report.Find({file, found[i].line, std::nullopt, "this checkpoint covers less than the one before"});
  }
  report.checkpoints = found.size();
  return found;
}

Result<std::vector<SignedCheckpoint>> LoadOutside(const std::filesystem::path& file, const VerifierKey& key,
                                                  VerifyReport& report) {
  Result<std::string> text = runtime::ReadWhole(file);
  if (!text) return text.error();
  const bool json = text->starts_with('{') || text->starts_with('[');
  const std::string notes = json ? NotesInJson(*text) : *text;
  std::vector<SignedCheckpoint> found;
  const std::size_t damaged = report.findings.size() + report.more;
  std::uint64_t foreign = 0;
  TakeNotes(notes, file.string(), key, report, found, [&](std::string_view note) {
    const bool is_foreign = IsForeign(note, key, /*trusted=*/!report.own_key);
    if (is_foreign) ++foreign;
    return is_foreign;
  });
  const std::string others = std::to_string(foreign) + " of other logs";
  if (found.empty() && damaged == report.findings.size() + report.more) {
    return Error(Errc::kInvalid,
                 file.string() + " holds no checkpoint of " + key.name() + (foreign == 0 ? "" : ", only " + others));
  }
  if (foreign > 0) report.notes.push_back(file.string() + ": checkpoints are left out, " + others);
  for (SignedCheckpoint& one : found) {
    one.outside = true;
    if (json) one.line = 0;
  }
  return found;
}

}  // namespace portcall::sinks::audit
