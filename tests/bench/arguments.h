#pragma once

#include <map>
#include <string>
#include <string_view>

namespace portcall::bench {

// name=value words of a command line.
class Arguments {
 public:
  Arguments(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      std::string_view word(argv[i]);
      auto equals = word.find('=');
      if (equals != std::string_view::npos) values_.emplace(word.substr(0, equals), word.substr(equals + 1));
    }
  }
  std::string Text(const std::string& name, const std::string& otherwise = "") const {
    auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }
  double Number(const std::string& name, double otherwise) const {
    auto found = values_.find(name);
    return found == values_.end() ? otherwise : std::stod(found->second);
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace portcall::bench
