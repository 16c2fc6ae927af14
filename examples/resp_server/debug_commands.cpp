// DEBUG, where the command line allows it: replies of every kind, for those who test client libraries.
#include <array>
#include <string_view>

#include "arguments.hpp"
#include "command.hpp"
#include "help.hpp"

namespace resp {
namespace {

struct Example {
  std::string_view name;
  void (*reply)(Reply&);
};

constexpr Example k_examples[] = {
    {"string", [](Reply& reply) { reply.bulk("Hello World"); }},
    {"integer", [](Reply& reply) { reply.integer(12345); }},
    {"double", [](Reply& reply) { reply.decimal("3.141"); }},
    {"null", [](Reply& reply) { reply.null(); }},
    {"array",
     [](Reply& reply) {
       reply.array(3);
       for (int i = 0; i < 3; ++i) reply.integer(i);
     }},
    {"set",
     [](Reply& reply) {
       reply.set(3);
       for (int i = 0; i < 3; ++i) reply.integer(i);
     }},
    {"map",
     [](Reply& reply) {
       reply.map(3);
       for (int i = 0; i < 3; ++i) {
         reply.integer(i);
         reply.boolean(i == 1);
       }
     }},
    {"attrib",
     [](Reply& reply) {
       if (reply.protocol() >= 3) {
         reply.attributes(1);
         reply.bulk("key-popularity");
         reply.array(2);
         reply.bulk("key:123");
         reply.integer(90);
       }
       reply.bulk("Some real reply following the attribute");
     }},
    {"push",
     [](Reply& reply) {
       reply.push(2);
       reply.bulk("server-cpu-usage");
       reply.integer(42);
     }},
    {"verbatim", [](Reply& reply) { reply.verbatim("This is a verbatim\nstring"); }},
    {"bignum", [](Reply& reply) { reply.big_number("1234567999999999999999999999999999999"); }},
    {"true", [](Reply& reply) { reply.boolean(true); }},
    {"false", [](Reply& reply) { reply.boolean(false); }},
};

void protocol(Call& call) {
  for (const Example& example : k_examples) {
    if (!is_keyword(call.args[2], example.name)) continue;
    if (example.name == "push" && call.reply.protocol() < 3)
      return call.reply.error("ERR RESP2 is not supported by this command");
    return example.reply(call.reply);
  }
  call.reply.error(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|null|array|set|map|attrib|push|verbatim|true|false");
}

// What has expired is never seen, whether it has been removed or not: so there is nothing to be switched.
void set_active_expire(Call& call) { call.reply.ok(); }

void help(Call& call) {
  reply_help(call, "DEBUG",
             {"PROTOCOL <type>", "    A reply of this type: string, integer, double, null, array, set, map, attrib,",
              "    push, verbatim, bignum, true, false.", "SET-ACTIVE-EXPIRE <0|1>",
              "    Accepted; changes nothing that could be seen."});
}

constexpr std::array k_commands{
    Command{"debug", -2, Kind::container, nullptr, k_admin | k_protected},
    Command{"debug|protocol", 3, Kind::plain, protocol, k_admin | k_protected},
    Command{"debug|set-active-expire", 3, Kind::plain, set_active_expire, k_admin | k_protected},
    Command{"debug|help", 2, Kind::plain, help, k_admin | k_protected},
};

}  // namespace

const std::span<const Command> k_debug_commands = k_commands;

}  // namespace resp
