#include "options.hpp"

#include <getopt.h>

#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

namespace resp {

const char* const k_usage =
    "usage: resp_server [options]\n"
    "\n"
    "A server of the Redis protocol over a fluxmap database of strings.\n"
    "\n"
    "  --port N          0: any that is free; it is printed (default 6379)\n"
    "  --bind ADDRESS    default 127.0.0.1\n"
    "  --dir DIRECTORY   where the database is kept (default resp-server-data)\n"
    "  --durability D    memory: nowhere; relaxed: an answer means that the operating system has it (default);\n"
    "                    full: that it is on the disk\n"
    "  --threads N       that serve connections (default 1)\n"
    "  --max-clients N   connections at a time (default 10000)\n"
    "  --max-bulk N      bytes of a key, a value or any other argument (default 64 MiB)\n"
    "  --max-args N      arguments of a command (default 1048576)\n"
    "  --max-query N     bytes of a command, and of all that a MULTI queues (default 256 MiB)\n"
    "  --max-queued N    commands that a MULTI queues (default 65536)\n"
    "  --max-memory N    bytes, above which writes that need more are refused (default 0: no limit)\n"
    "  --requirepass P   the password that clients must give (default: none); others can read it in the list of\n"
    "                    processes: --requirepass-file takes it from the first line of a file\n"
    "  --enable-debug-command  allows DEBUG, for tests of client libraries\n"
    "  --help            print this\n";

namespace {

template <class Number>
Number number(std::string_view option, std::string_view text, Number least, Number most) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
    throw std::runtime_error("--" + std::string(option) + " wants a number from " + std::to_string(least) + " to " +
                             std::to_string(most) + ", not '" + std::string(text) + "'");
  }
  return value;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line) || line.empty()) throw std::runtime_error("no password could be read from " + path);
  return line;
}

Durability durability(std::string_view text) {
  if (text == "memory") return Durability::memory;
  if (text == "relaxed") return Durability::relaxed;
  if (text == "full") return Durability::full;
  throw std::runtime_error("--durability is memory, relaxed or full, not '" + std::string(text) + "'");
}

}  // namespace

Options parse_options(int argc, char** argv) {
  constexpr int with = required_argument;
  constexpr std::array<option, 16> known{{{"port", with, nullptr, 'p'},
                                          {"bind", with, nullptr, 'b'},
                                          {"dir", with, nullptr, 'd'},
                                          {"durability", with, nullptr, 'D'},
                                          {"threads", with, nullptr, 't'},
                                          {"max-clients", with, nullptr, 'c'},
                                          {"max-bulk", with, nullptr, 'B'},
                                          {"max-args", with, nullptr, 'A'},
                                          {"max-query", with, nullptr, 'Q'},
                                          {"max-queued", with, nullptr, 'M'},
                                          {"max-memory", with, nullptr, 'm'},
                                          {"requirepass", with, nullptr, 'P'},
                                          {"requirepass-file", with, nullptr, 'F'},
                                          {"enable-debug-command", no_argument, nullptr, 'X'},
                                          {"help", no_argument, nullptr, 'h'},
                                          {nullptr, 0, nullptr, 0}}};
  constexpr std::size_t gigabytes = std::size_t{1} << 34;
  Options options;
  for (int index = 0;;) {
    const int found = ::getopt_long(argc, argv, "h", known.data(), &index);
    if (found == -1) break;
    const std::string_view value = optarg != nullptr ? optarg : "";
    const auto size = [&](std::size_t least, std::size_t most) {
      return number(known[static_cast<std::size_t>(index)].name, value, least, most);
    };
    switch (found) {
      case 'p':
        options.port = number<std::uint16_t>("port", value, 0, std::numeric_limits<std::uint16_t>::max());
        break;
      case 'b':
        options.bind = value;
        break;
      case 'd':
        options.directory = value;
        break;
      case 'D':
        options.durability = durability(value);
        break;
      case 't':
        options.threads = number("threads", value, 1U, 256U);
        break;
      case 'c':
        options.max_clients = size(1, 1'000'000);
        break;
      case 'B':
        options.request.bulk = size(1024, gigabytes);
        break;
      case 'A':
        options.request.arguments = size(16, std::size_t{1} << 24);
        break;
      case 'Q':
        options.max_query = size(1024, gigabytes);
        break;
      case 'M':
        options.max_queued = size(1, 1'000'000'000);
        break;
      case 'm':
        options.max_memory = size(0, std::size_t{1} << 50);
        break;
      case 'P':
        options.password = value;
        break;
      case 'F':
        options.password = first_line(std::string(value));
        break;
      case 'X':
        options.debug = true;
        break;
      case 'h':
        options.help = true;
        break;
      default:
        throw std::runtime_error("--help tells what there is");  // getopt has said what was wrong
    }
  }
  if (optind < argc) throw std::runtime_error("unknown argument '" + std::string(argv[optind]) + "'");
  return options;
}

}  // namespace resp
