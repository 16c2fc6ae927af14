// Replies in RESP2 and RESP3, appended to one buffer, so that all replies to a pipeline leave in one write. The buffer
// keeps its memory. A place in it can be gone back to: a transaction that runs again replies again.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace resp {

class Reply {
 public:
  void ok() { out_ += "+OK\r\n"; }
  void simple(std::string_view text) { line('+', text); }
  // `text` begins with the code: "ERR …". What would end the line early is replaced.
  void error(std::string_view text) {
    const std::size_t begin = out_.size() + 1;
    line('-', text);
    for (std::size_t at = begin; at < out_.size() - 2; ++at) {
      if (out_[at] == '\r' || out_[at] == '\n') out_[at] = ' ';
    }
  }
  template <std::integral Integer>
  void integer(Integer value) {
    number(':', value);
  }
  void bulk(std::string_view bytes) {
    number('$', bytes.size());
    out_ += bytes;
    out_ += "\r\n";
  }
  // Text for people; RESP3 marks it as such.
  void verbatim(std::string_view text) {
    if (protocol_ < 3) return bulk(text);
    number('=', text.size() + 4);
    out_ += "txt:";
    out_ += text;
    out_ += "\r\n";
  }
  void null() { out_ += protocol_ < 3 ? "$-1\r\n" : "_\r\n"; }
  void null_array() { out_ += protocol_ < 3 ? "*-1\r\n" : "_\r\n"; }
  void array(std::size_t items) { number('*', items); }
  void map(std::size_t pairs) {
    if (protocol_ < 3) return array(2 * pairs);
    number('%', pairs);
  }
  void set(std::size_t items) { number(protocol_ < 3 ? '*' : '~', items); }
  void push(std::size_t items) { number(protocol_ < 3 ? '*' : '>', items); }
  // In front of a reply, about which it says something; RESP2 has no such thing.
  void attributes(std::size_t pairs) { number('|', pairs); }
  void boolean(bool value) {
    if (protocol_ < 3) return integer(value ? 1 : 0);
    out_ += value ? "#t\r\n" : "#f\r\n";
  }
  void decimal(std::string_view number) {
    if (protocol_ < 3) return bulk(number);
    line(',', number);
  }
  void big_number(std::string_view number) {
    if (protocol_ < 3) return bulk(number);
    line('(', number);
  }
  // An array whose length is known only after its items, which have been appended since `begin`.
  void array_since(std::size_t begin, std::size_t items) {
    const std::string text = out_.substr(begin);
    out_.resize(begin);
    array(items);
    out_ += text;
  }

  int protocol() const noexcept { return protocol_; }
  void set_protocol(int protocol) noexcept { protocol_ = protocol; }

  std::string_view bytes() const noexcept { return out_; }
  std::size_t size() const noexcept { return out_.size(); }
  void go_back(std::size_t size) { out_.resize(size); }
  void clear() {
    out_.clear();
    if (out_.capacity() > k_kept) out_.shrink_to_fit();
  }

 private:
  static constexpr std::size_t k_kept = std::size_t{1} << 18;

  void line(char kind, std::string_view text) {
    out_ += kind;
    out_ += text;
    out_ += "\r\n";
  }
  template <std::integral Integer>
  void number(char kind, Integer value) {
    std::array<char, 24> digits;
    digits[0] = kind;
    char* const end = std::to_chars(digits.data() + 1, digits.data() + digits.size() - 2, value).ptr;
    end[0] = '\r';
    end[1] = '\n';
    out_.append(digits.data(), end + 2);
  }

  std::string out_;
  int protocol_ = 2;
};

}  // namespace resp
