#pragma once

#include <filesystem>

namespace portcall::app {

// Where the server of a data folder listens for operators.
inline std::filesystem::path OperatorsSocket(const std::filesystem::path& data_folder) {
  return data_folder / "portcall.sock";
}

}  // namespace portcall::app
