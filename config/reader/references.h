#pragma once

#include <map>
#include <string>

#include "config/reader/node.h"
#include "config/reader/report.h"

namespace portcall::config {

// Puts what `${file:PATH}` and `${env:NAME}` name in their places, in each value below `root` that is not literal;
// `$${` stands for `${`. A file's line breaks at its end do not count; a path without a slash in front is seen from the
// working folder. What was brought is not looked through again. Reports at the key, by path or name, what cannot be
// brought: missing, empty, unreadable, no regular file, more than 64 KiB, or no text. From then on the report hides
// what was brought.
void ResolveReferences(const std::map<std::string, std::string>& environment, Report& report, Value& root);

}  // namespace portcall::config
