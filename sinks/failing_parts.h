#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>

#include "runtime/clock.h"

namespace portcall::sinks {

// Which parts of a destination fail and why, for Sink::Trouble(). A part is named from its failure to its next success;
// one of which nothing is heard any more is forgotten, since its events may have been given up. Bounded: of very many,
// those that failed last are kept. One thread.
class FailingParts {
 public:
  // `noun`: what a part is called ("topic"). `forget_after`: longer than its events can wait between two attempts.
  FailingParts(std::string noun, runtime::SteadyTime::duration forget_after);

  void Failed(std::string_view part, std::string_view why, runtime::SteadyTime now);
  void Succeeded(std::string_view part);
  // "2 topics fail: a (why), b (why)"; empty: none fails.
  std::string Text(runtime::SteadyTime now) const;

 private:
  struct Part {
    std::string name, why;
    runtime::SteadyTime at;  // of its last failure
  };
  std::list<Part>::iterator Find(std::string_view part);

  const std::string noun_;
  const runtime::SteadyTime::duration forget_after_;
  std::list<Part> parts_;  // the one that failed last comes last
};

}  // namespace portcall::sinks
