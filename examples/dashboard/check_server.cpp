// Starts the dashboard and asks it for everything, rightly and wrongly: check_server PROGRAM. Needs no sleep: it waits
// for answers, or asks again until they change; ctest's time limit ends what hangs.
#include <fluxmap/prometheus.hpp>

#include <exception>
#include <filesystem>
#include <iostream>
#include <list>
#include <stdexcept>

#include "child.hpp"
#include "http_client.hpp"

namespace {

using example::Child;
using example::HttpClient;
using example::Reply;

void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::uint16_t port_of(Child& dashboard) {
  const std::string line = dashboard.line();
  const std::string start = "dashboard: http://127.0.0.1:";
  require(line.starts_with(start) && line.ends_with("/"), "no address: " + line);
  return static_cast<std::uint16_t>(std::stoul(line.substr(start.size())));
}

// The number behind "name": in a JSON text.
double number(const std::string& json, const std::string& name) {
  const std::size_t at = json.find("\"" + name + "\":");
  require(at != std::string::npos, "no " + name + " in " + json);
  return std::stod(json.substr(at + name.size() + 3));
}

void check_answers(std::uint16_t port) {
  HttpClient client(port);  // one connection for all
  const Reply page = client.get("/");
  require(page.status == 200 && has(page.header, "text/html"), "the page: " + page.header);
  require(has(page.body, "<title>fluxmap dashboard</title>") && has(page.body, "class Plot"),
          "the page lacks its parts");
  require(has(page.header, "Content-Security-Policy: default-src 'none'"), "no policy: " + page.header);
  require(!has(page.body, " src=") && !has(page.body, "url(") && !has(page.body, "@import"), "the page loads more");

  Reply stats = client.get("/stats.json?whatever");
  require(stats.status == 200 && has(stats.header, "application/json"), "stats.json: " + stats.header);
  for (const auto& field : fluxmap::k_stats_fields) number(stats.body, std::string(field.name));
  const double commits = number(stats.body, "commits"), syncs = number(stats.body, "log_syncs");
  while (number(stats.body, "commits") == commits || number(stats.body, "log_syncs") == syncs ||
         number(stats.body, "conflicts") == 0) {
    stats = client.get("/stats.json");  // until they have moved
  }
  require(number(stats.body, "wrong") == 0, "a sum was wrong: " + stats.body);

  const Reply metrics = client.get("/metrics");
  require(metrics.status == 200 && has(metrics.header, fluxmap::k_prometheus_content_type),
          "metrics: " + metrics.header);
  for (const auto& field : fluxmap::k_stats_fields) {
    require(has(metrics.body, "\nfluxmap_" + std::string(field.metric) + " "),
            "no metric " + std::string(field.metric));
  }
  require(has(metrics.body, "\ndashboard_flush_seconds_bucket{le=\"+Inf\"} "), "no histogram");

  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");  // two at once
  const Reply head = client.receive(false);
  require(head.status == 200 && has(head.header, "Content-Length: " + std::to_string(page.body.size()) + "\r\n"),
          "HEAD: " + head.header);
  require(client.receive().status == 404, "an unknown path is there");
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  const Reply posted = client.receive();
  require(posted.status == 405 && has(posted.header, "Allow: GET, HEAD"), "POST: " + posted.header);
}

void check_refusals(std::uint16_t port) {
  const std::string host = "Host: a\r\n";
  const struct {
    int status;
    std::string request;
  } cases[] = {
      {400, "nonsense\r\n\r\n"},
      {400, "GET / HTTP/9.9\r\n" + host + "\r\n"},
      {400, "GET / HTTP/1.1\r\n\r\n"},  // which host?
      {400, "GET / HTTP/1.1\r\n" + host + host + "\r\n"},
      {400, "GET nowhere HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET / HTTP/1.1\r\nbad header\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\n" + host + "Content-Length: many\r\n\r\n"},
      {400, std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(64, '\xff') + "\r\n\r\n"},
      {431, "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"},
      {431, "GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n" + host + "\r\n"},
      {413, "GET / HTTP/1.1\r\n" + host + "Content-Length: 100000\r\n\r\n" + std::string(100'000, 'x')},
      {0, ""},                       // says nothing
      {0, "GET / HTTP/1.1\r\nHos"},  // and does not go on
  };
  for (const auto& one : cases) {
    HttpClient client(port);
    client.send(one.request);
    const Reply reply = client.receive();
    require(reply.status == one.status, one.request.substr(0, 60) + ": " + std::to_string(reply.status) +
                                            " instead of " + std::to_string(one.status));
  }
  require(HttpClient(port).get("/stats.json").status == 200, "it has not survived that");
}

void check_crowd(std::uint16_t port) {
  std::list<HttpClient> crowd;
  int served = 0;
  for (int i = 0; i < 80; ++i) crowd.emplace_back(port);  // more than there may be
  for (HttpClient& client : crowd) served += client.get("/stats.json").status == 200 ? 1 : 0;
  require(served > 32 && served <= 64, std::to_string(served) + " of 80 connections were served");
  crowd.clear();
  while (HttpClient(port).get("/stats.json").status != 200) {
  }
}

void check(const std::string& program) {
  std::filesystem::remove_all("data");
  {
    Child dashboard({program, "--port", "0", "--directory", "data", "--idle", "1"});
    const std::uint16_t port = port_of(dashboard);
    check_answers(port);
    check_refusals(port);
    dashboard.interrupt();
    require(dashboard.wait() == 0, "it did not end well when its connections were silent");
  }
  {
    Child dashboard({program, "--directory", "data", "--idle", "3600"});
    const std::uint16_t port = port_of(dashboard);
    check_crowd(port);
    HttpClient silent(port), halfway(port), user(port);
    halfway.send("GET / HT");
    const Reply stats = user.get("/stats.json");
    require(number(stats.body, "recovered_commits") + number(stats.body, "keys") > 1000, "nothing was recovered");
    Child second({program, "--directory", "data"});
    require(second.line().empty() && second.wait() == 1, "two have the directory open");
    Child third({program, "--port", std::to_string(port), "--seconds", "1"});
    require(third.line().empty() && third.wait() == 1, "two have the port");
    dashboard.interrupt();  // although connections are open
    require(has(dashboard.line(), " 0 wrong sums") && dashboard.wait() == 0, "it did not end well when interrupted");
  }
  Child timed({program, "--seconds", "1"});
  port_of(timed);
  require(timed.wait() == 0, "it did not end by itself");
  for (const char* option : {"--port", "--bogus", "--seconds"}) {
    Child confused({program, option, "65536x"});
    require(confused.wait() == 2, std::string(option) + " 65536x was understood");
  }
}

}  // namespace

int main(int argc, char* argv[]) {
  if (argc != 2) {
    std::cerr << "usage: check_server PROGRAM\n";
    return 2;
  }
  try {
    check(argv[1]);
    std::cout << "all answers are as they should be\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "check_server: " << error.what() << '\n';
    return 1;
  }
}
