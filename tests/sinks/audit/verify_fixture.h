#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sinks/audit/log/verify.h"
#include "tests/sinks/audit/fixture.h"

namespace portcall::sinks::audit {

// A log of 45 records in one segment, with checkpoints at 10, 20, 30, 40 and 45, until a test changes it.
class VerifyTest : public AuditFolder {
 protected:
  VerifyTest() { Fill(1, 45); }

  std::filesystem::path File() const { return folder() / SegmentName(0); }
  std::filesystem::path Notes() const { return folder() / kCheckpoints; }
  void Save(const std::vector<std::string>& lines) { SaveLines(File(), lines); }
  // A file outside of the folder with the checkpoint that covers so many records.
  std::filesystem::path Anchor(std::uint64_t size) {
    for (const std::string& note : NoteTexts()) {
      if (Checkpoint::Parse(note)->size == size) WriteText(elsewhere_.File("anchor"), note);
    }
    return elsewhere_.File("anchor");
  }
  VerifyReport Check(VerifyOptions options = {}) {
    options.folder = folder();
    auto report = Verify(options);
    if (!report) throw std::runtime_error(report.error().detail);
    return std::move(*report);
  }
  VerifyReport CheckAgainst(const std::filesystem::path& anchor) {
    VerifyOptions options;
    options.key = key_->verifier();
    options.outside = {anchor};
    return Check(std::move(options));
  }
  static std::string First(const VerifyReport& report) { return report.sound() ? "" : report.findings[0].Text(); }
  std::string At(std::uint64_t line) const { return File().string() + ':' + std::to_string(line) + ' '; }

  portcall::testing::TempDir elsewhere_;
};

}  // namespace portcall::sinks::audit
