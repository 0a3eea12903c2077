#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "sinks/audit/log/audit_log.h"
#include "sinks/audit/log/housekeeping.h"
#include "sinks/audit/log/segments.h"
#include "tests/sinks/audit/events.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace portcall::sinks::audit {

// A folder with a key, and logs that are opened in it one after another.
class AuditFolder : public ::testing::Test {
 protected:
  AuditFolder() : log_({runtime::Level::kFatal, "text", {}}), key_(MakeKey(folder() / kPrivateKey)) {
    options_.folder = folder();
    options_.source = "registry.example.com";
    options_.checkpoint_records = 10;
    options_.checkpoint_interval = std::chrono::hours(1);
    options_.clock = &clock_;
    clock_.SetWall(RecordedAt(0));
  }

  std::filesystem::path folder() const { return dir_.path(); }
  static std::shared_ptr<const SigningKey> MakeKey(const std::filesystem::path& file) {
    auto key = SigningKey::Load(file, "registry.example.com", true);
    if (!key) throw std::runtime_error(key.error().detail);
    return std::make_shared<const SigningKey>(std::move(*key));
  }
  Result<std::unique_ptr<AuditLog>> TryOpen() { return AuditLog::Open(options_, key_, log_); }
  std::unique_ptr<AuditLog> Open() {
    auto opened = TryOpen();
    if (!opened) throw std::runtime_error(opened.error().detail);
    return std::move(*opened);
  }
  // Appends events in small writes, with what is due after each, and closes.
  void Fill(std::int64_t first, std::int64_t last, std::int64_t at_a_time = 5) {
    auto log = Open();
    for (std::int64_t from = first; from <= last; from += at_a_time) {
      const auto appended = log->Append(MakeEvents(from, std::min(last, from + at_a_time - 1)));
      ASSERT_TRUE(appended) << appended.error().detail;
      const auto ticked = log->Tick();
      ASSERT_TRUE(ticked) << ticked.error().detail;
    }
    ASSERT_TRUE(log->End());
  }
  // Writes and is gone, as a killed process is; what the database was told of it.
  std::string Crash(std::int64_t first, std::int64_t last) {
    auto log = Open();
    EXPECT_TRUE(log->Append(MakeEvents(first, last)));
    return log->MakeReceipt();
  }
  // Edits a record and makes the chain follow, then removes what would tell.
  void Forge() {
    auto lines = Lines(folder() / SegmentName(0));
    Edit(lines[2], "bob", "eve");
    Rechain(lines, 3);
    SaveLines(folder() / SegmentName(0), lines);
    std::filesystem::remove(folder() / kCheckpoints);
    std::filesystem::remove(folder() / kState);
  }
  std::filesystem::path Aside(const std::string& prefix) const {
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
      if (entry.path().filename().string().starts_with(prefix)) return entry.path();
    }
    return {};
  }
  static runtime::WallTime RecordedAt(std::uint64_t seq) {
    return runtime::WallTime(runtime::Nanos(MakeEvent(static_cast<std::int64_t>(seq))->recorded_at));
  }
  // Lets a day have passed since the records before this one, and not since itself.
  Housekeeping KeepFrom(std::uint64_t n) {
    clock_.SetWall(RecordedAt(n) + std::chrono::hours(24) + runtime::Nanos(1));
    return {.folder = folder(), .keep = std::chrono::hours(24), .clock = &clock_};
  }
  static void SaveLines(const std::filesystem::path& file, const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text.append(line).append("\n");
    WriteText(file, text);
  }
  // What somebody with write access would do who knows how the chain is made. The first line is the log's first.
  static void Rechain(std::vector<std::string>& lines, std::size_t from) {
    for (std::size_t i = std::max<std::size_t>(from, 1); i < lines.size(); ++i) {
      const Link link = *LinkOf(lines[i]);
      const std::string prev = HexOf(Hashing().Leaf(lines[i - 1]));
      const std::string rest = lines[i].substr(link.prev_at + 64);
      lines[i] = "{\"n\":" + std::to_string(i) + ",\"prev\":\"" + prev + rest;
    }
  }
  static void Edit(std::string& line, const std::string& from, const std::string& to) {
    line.replace(line.find(from), from.size(), to);
  }
  std::vector<std::string> NoteTexts() const {
    const std::string text = ReadText(folder() / kCheckpoints);
    std::vector<std::string> notes;
    std::size_t from = 0;
    while (const auto span = NextNote(text, from)) {
      notes.push_back(text.substr(span->begin, span->end - span->begin));
      from = span->end;
    }
    return notes;
  }
  void SaveNotes(const std::vector<std::string>& notes) {
    std::string text;
    for (const std::string& note : notes) text += (text.empty() ? "" : "\n") + note;
    WriteText(folder() / kCheckpoints, text);
  }
  std::vector<Segment> Segments() const {
    auto segments = ListSegments(folder());
    if (!segments) throw std::runtime_error(segments.error().detail);
    return std::move(*segments);
  }
  std::vector<std::string> Lines(const std::filesystem::path& file) const {
    std::istringstream text(ReadText(file));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }
  static std::vector<std::string> Lines(const Segment& segment) {
    std::vector<std::string> lines;
    auto reader = LineReader::Open(segment);
    std::string_view line;
    while (reader && reader->Next(line) == LineReader::Got::kLine) lines.emplace_back(line);
    return lines;
  }
  // Of all segments, compressed or not.
  std::vector<std::string> AllLines() const {
    std::vector<std::string> lines;
    for (const Segment& segment : Segments()) std::ranges::move(Lines(segment), std::back_inserter(lines));
    return lines;
  }
  std::vector<std::int64_t> Seqs() const {
    std::vector<std::int64_t> seqs;
    for (const std::string& line : AllLines()) seqs.push_back(LinkOf(line)->SeqNumber());
    return seqs;
  }

  portcall::testing::TempDir dir_;
  portcall::testing::FakeClock clock_;
  runtime::Log log_;
  std::shared_ptr<const SigningKey> key_;
  LogOptions options_;
};

}  // namespace portcall::sinks::audit
