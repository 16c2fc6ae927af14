// Errors: one enumeration, one category, one exception that names the key of a conflict.
#pragma once

#include <fluxmap/config.hpp>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <string>
#include <type_traits>
#include <utility>

namespace fluxmap::inline FLUXMAP_ABI {

// What can go wrong. The numbers are part of the interface: they are never changed, only added to.
//
// The errors of a call are these, and sometimes those of the operating system. Plain functions and awaitables throw
// them, as boost::system::system_error with a text that says more; a completion token gets the error_code, or, where
// its signature begins with std::exception_ptr, the exception. The exceptions of a call are what else it throws; a
// token without room for them gets errc::user_exception, or not_enough_memory for std::bad_alloc.
enum class errc {
  // Something this transaction read was overwritten by one that committed first. Retry it.
  serialization_conflict = 1,
  // The transaction has been committed, rolled back or moved from.
  transaction_inactive,
  // A write in a transaction that was begun with read_only = true.
  read_only,
  // The write would exceed max_memory and nothing may or can be evicted.
  memory_limit,
  // A write or sync of the log failed; the database refuses commits until it is opened anew.
  log_failed,
  // The log or a checkpoint is damaged; the text names the file and the offset.
  log_corrupt,
  // Another process, or another Database, has the directory open.
  already_open,
  // Bytes do not decode as the Key and Value types asked for.
  decode_failed,
  // An option is outside its range, or an executor cannot be told what another thread has done; the text says which.
  invalid_option,
  // The database has been closed or destroyed, or was opened by a process of which this one is a child by fork().
  closed,
  // A comparator, copy, move or codec of the user's threw, and the completion token used has no room for an exception.
  // Awaitables, plain functions, `transaction` and `update` hand the exception on as it is instead.
  user_exception,
  // A key to be written that Key cannot hold (it is never cut), or that is not equal to itself (a NaN); or a bound of a
  // range that Key cannot hold, under a comparator that does not tell where it lies. At an opening: the directory, of
  // 0.1.0, holds a key that is not equal to itself.
  invalid_key,
};

namespace detail {

// The fixed id makes the category compare equal across shared libraries that each have a copy of it.
class ErrorCategory final : public boost::system::error_category {
 public:
  constexpr ErrorCategory() noexcept : boost::system::error_category(0x666c75786d617031ULL) {}

  const char* name() const noexcept override { return "fluxmap"; }

  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::serialization_conflict:
        return "serialization conflict: something the transaction read was overwritten by one that committed first";
      case errc::transaction_inactive:
        return "the transaction is no longer active";
      case errc::read_only:
        return "a read-only transaction cannot write";
      case errc::memory_limit:
        return "the memory limit is reached";
      case errc::log_failed:
        return "a write or sync of the log failed";
      case errc::log_corrupt:
        return "the log is damaged";
      case errc::already_open:
        return "the directory is open already";
      case errc::decode_failed:
        return "stored bytes do not decode as the requested types";
      case errc::invalid_option:
        return "an option is out of range";
      case errc::closed:
        return "the database is closed";
      case errc::user_exception:
        return "code of the user's threw an exception";
      case errc::invalid_key:
        return "the key has no place among the keys";
      default:
        return "unknown fluxmap error";
    }
  }
};

inline constexpr ErrorCategory error_category_instance{};

}  // namespace detail

// The category of errc. Never destroyed.
// Thread safety: all calls.
// Complexity: O(1).
inline const boost::system::error_category& error_category() noexcept { return detail::error_category_instance; }

// Lets an errc stand where an error_code is wanted.
// Complexity: O(1).
inline boost::system::error_code make_error_code(errc code) noexcept {
  return boost::system::error_code(static_cast<int>(code), error_category());
}

// True for the errors that go away when the transaction is run again.
// Complexity: O(1).
inline bool is_retryable(const boost::system::error_code& code) noexcept {
  return code == make_error_code(errc::serialization_conflict);
}

// A serialization conflict that knows where it happened. key() is the conflicting key as text, or empty where the key
// type can be formatted neither as a string nor with operator<<.
class ConflictError : public boost::system::system_error {
 public:
  // With the key as text.
  // Complexity: O(length).
  // Exceptions: std::bad_alloc.
  explicit ConflictError(std::string key)
      : boost::system::system_error(make_error_code(errc::serialization_conflict),
                                    key.empty() ? std::string("fluxmap") : "fluxmap: key " + key),
        key_(std::move(key)) {}

  // The key as text; may be empty.
  // Complexity: O(1).
  const std::string& key() const noexcept { return key_; }

 private:
  std::string key_;
};

namespace detail {

[[noreturn]] inline void throw_error(errc code, const char* context = "fluxmap") {
  throw boost::system::system_error(make_error_code(code), context);
}

}  // namespace detail
}  // namespace fluxmap::inline FLUXMAP_ABI

template <>
struct boost::system::is_error_code_enum<fluxmap::errc> : std::true_type {};
