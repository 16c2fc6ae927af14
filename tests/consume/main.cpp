// The program both consumers build: writes one entry and reads it back.
#include <fluxmap/fluxmap.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <string>

int main() {
  fluxmap::Database<std::string, int> database;
  auto handle = database.handle();
  boost::asio::io_context context;
  auto done = boost::asio::co_spawn(context, handle.insert("answer", 42), boost::asio::use_future);
  context.run();
  done.get();
  return handle.get(std::string("answer")) == 42 && database.size() == 1 ? 0 : 1;
}
