#include "sinks/audit/log/export.h"

#include <optional>
#include <vector>

#include "config/glob.h"
#include "sinks/audit/log/segments.h"

namespace portcall::sinks::audit {
namespace {

constexpr std::uint64_t kProgressEvery = 1 << 12;
constexpr std::string_view kCsvHead =
    "n,seq,recorded,time,id,action,outcome,status,error,actor,verified,address,client,forwarded,user_agent,tls_subject,"
    "kind,repository,tag,digest,media_type,size,from,previous_digest,request_id,method,host,uri,registry,node,instance,"
    "count,note,prev\n";

// RFC 4180, and a quote before what a spreadsheet would take for a formula: a client chooses its user agent itself.
void AppendField(std::string& out, std::string_view text) {
  if (!out.empty() && out.back() != '\n') out += ',';
  const bool formula = !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  if (!formula && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += formula ? "\"'" : "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::string Digits(std::int64_t number) { return number == 0 ? std::string() : std::to_string(number); }

std::string CsvOf(const Record& record) {
  std::string row = std::to_string(record.n);
  const std::string fields[] = {std::to_string(record.seq),
                                record.recorded,
                                record.time,
                                record.id,
                                record.action,
                                record.outcome,
                                Digits(record.status),
                                record.error_code,
                                record.actor,
                                record.verified ? "true" : "false",
                                record.address,
                                record.client,
                                record.forwarded,
                                record.user_agent,
                                record.tls_subject,
                                record.kind,
                                record.repository,
                                record.tag,
                                record.digest,
                                record.media_type,
                                Digits(record.size),
                                record.from_repository,
                                record.previous_digest,
                                record.request_id,
                                record.method,
                                record.host,
                                record.uri,
                                record.source,
                                record.node,
                                record.instance,
                                Digits(record.count),
                                record.note,
                                record.prev};
  for (const std::string& field : fields) AppendField(row, field);
  return row + '\n';
}

class Exporter {
 public:
  Exporter(const ExportOptions& options, const std::function<bool(std::string_view)>& write)
      : options_(options), write_(write) {}

  Result<std::uint64_t> Run() {
    Result<std::vector<Segment>> segments = ListSegments(options_.folder);
    if (!segments) return segments.error();
    if (segments->empty()) return Error(Errc::kNotFound, options_.folder.string() + " holds no audit log");
    for (const Segment& segment : *segments) {
      std::error_code ignored;
      const auto size = std::filesystem::file_size(segment.file, ignored);
      if (!ignored) progress_.of_bytes += size;
    }
    going_ = options_.format != ExportFormat::kCsv || write_(kCsvHead);
    for (const Segment& segment : *segments) {
      if (!going_) break;
      if (auto read = Read(segment); !read) return read.error();
    }
    return written_;
  }

 private:
  Result<void> Read(const Segment& segment) {
    Result<LineReader> lines = LineReader::Open(segment);
    if (!lines) return lines.error();
    const std::uint64_t before = progress_.bytes;
    std::string_view line;
    LineReader::Got got = LineReader::Got::kEnd;
    for (std::uint64_t number = 1; going_ && (got = lines->Next(line)) == LineReader::Got::kLine; ++number) {
      if (!Take(line)) {
        return Error(Errc::kInvalid, segment.file.string() + ':' + std::to_string(number) +
                                         " is no record of an audit log; see 'portcall audit verify'");
      }
      if (++progress_.records % kProgressEvery == 0 && options_.progress) {
        progress_.bytes = before + lines->bytes_read();
        options_.progress(progress_);
      }
    }
    progress_.bytes = before + lines->bytes_read();
    if (got == LineReader::Got::kFailed) return Error(Errc::kUnavailable, lines->trouble());
    if (got != LineReader::Got::kDamaged) return {};
    return Error(Errc::kInvalid, segment.file.string() + ": " + lines->trouble());
  }

  // False: the line is no record.
  bool Take(std::string_view line) {
    const std::optional<Link> link = LinkOf(line);
    if (!link) return false;
    if (!options_.since.empty() && link->recorded < options_.since) return true;
    if (!options_.until.empty() && link->recorded >= options_.until) return true;
    const bool ecs = line.starts_with("{\"portcall\"");
    const bool as_it_stands = options_.format == (ecs ? ExportFormat::kEcs : ExportFormat::kJsonLines);
    const bool all = options_.repository.empty() && options_.actor.empty() && options_.action.empty();
    if (as_it_stands && all) return Write(std::string(line) + '\n');
    const std::optional<Record> record = ParseRecord(line);
    if (!record) return false;
    if (!Fits(*record)) return true;
    if (as_it_stands) return Write(std::string(line) + '\n');
    if (options_.format == ExportFormat::kCsv) return Write(CsvOf(*record));
    return Write(LineOf(*record, options_.format == ExportFormat::kEcs ? Format::kEcs : Format::kJsonLines) + '\n');
  }

  bool Fits(const Record& record) const {
    if (!options_.action.empty() && record.action != options_.action) return false;
    if (!options_.actor.empty() && record.actor != options_.actor) return false;
    return options_.repository.empty() || config::GlobMatches(options_.repository, record.repository);
  }

  bool Write(const std::string& text) {
    going_ = write_(text);
    if (going_) ++written_;
    return true;
  }

  const ExportOptions& options_;
  const std::function<bool(std::string_view)>& write_;
  VerifyProgress progress_;
  std::uint64_t written_ = 0;
  bool going_ = true;
};

}  // namespace

Result<std::uint64_t> Export(const ExportOptions& options, const std::function<bool(std::string_view)>& write) {
  return Exporter(options, write).Run();
}

}  // namespace portcall::sinks::audit
