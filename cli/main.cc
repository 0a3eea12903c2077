#include <unistd.h>

#include <csignal>
#include <exception>
#include <iostream>

#include "cli/command_line.h"

int main(int argc, char** argv) {
  // sendfile and writes to a closed peer must fail, not kill.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return portcall::cli::Run(argc, argv, portcall::cli::ReadEnvironment(environ), std::cout, std::cerr);
  } catch (const std::exception& e) {
    std::cerr << "portcall: " << e.what() << '\n';
    return 1;
  }
}
