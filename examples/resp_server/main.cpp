// A server of the Redis protocol: redis-cli, redis-benchmark and every client library can talk to a fluxmap database.
// README.md in this directory says what it can do and what it cannot.
#include <cstdio>
#include <exception>

#include "options.hpp"
#include "server.hpp"

int main(int argc, char** argv) {
  try {
    const resp::Options options = resp::parse_options(argc, argv);
    if (options.help) {
      std::fputs(resp::k_usage, stdout);
      return 0;
    }
    resp::Server server(options);
    std::printf("listening on %s:%u\n", options.bind.c_str(), static_cast<unsigned>(server.port()));
    std::fflush(stdout);  // who started us waits for that line
    return server.run() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "resp_server: %s\n", error.what());
    return 2;
  }
}
