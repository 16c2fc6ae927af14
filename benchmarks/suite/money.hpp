// Bodies of transactions that move money. A balance is the lower half of a value; the upper half names the key, as in
// every value. They may run more than once, and leave everything but the transaction alone.
#pragma once

#include "run.hpp"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace fluxmap_bench {

inline constexpr Value k_first_balance = 1'000'000;  // too much for any account to run dry or to overflow its half

inline Value balance_of(Value value) { return value & 0xffffffffULL; }

struct MissingKey : std::runtime_error {
  MissingKey() : std::runtime_error("a key that must be there is not") {}
};

Value balance_in(auto& tx, Key key) {
  const auto found = tx.get(key);
  if (!found) throw MissingKey();
  return balance_of(*found);
}

void set_balance(auto& tx, Key key, Value balance) { tx.put(key, make_value(key, balance)); }

// Two reads, two writes.
void transfer_in(auto& tx, const Run& run, const Operation& op) {
  const Key from = run.keys.present(op.index);
  const Key to = run.keys.present(op.other);
  const Value source = balance_in(tx, from);
  const Value target = balance_in(tx, to);
  const Value amount = std::min<Value>(op.amount, source);
  set_balance(tx, from, source - amount);
  set_balance(tx, to, target + amount);
}

// Reads 200 of the keys that everybody fights for and writes one of them back, as it was.
void long_write_in(auto& tx, const Run& run, const Operation* ring, std::size_t at) {
  Value sum = 0;
  for (std::size_t i = 1; i < k_long_reads; ++i) {
    sum += balance_in(tx, run.keys.present(ring[(at + i) & (k_ring - 1)].index));
  }
  const Key key = run.keys.present(ring[at].index);
  const Value balance = balance_in(tx, key);
  if (sum == 0) throw MissingKey();
  set_balance(tx, key, balance);
}

// SmallBank (M. Alomari et al., "The Cost of Serializability on Platforms That Use Snapshot Isolation", ICDE 2008):
// each customer has a checking and a savings account. All six transactions are equally likely. `delta` is what the bank
// has more, or less, once it has committed.
class SmallBank {
 public:
  SmallBank(const Run& run, const Operation& op) : run_(run), op_(op) {}

  bool reads_only() const { return kind() == 0; }

  // Balance; it may be nothing: the popular pay much.
  Value balance(auto& tx) const { return balance_in(tx, checking(op_.index)) + balance_in(tx, savings(op_.index)); }

  void write(auto& tx, std::int64_t& delta) const {
    const Key own = checking(op_.index);
    const Value amount = op_.amount;
    delta = 0;
    switch (kind()) {
      case 1:  // DepositChecking
        add(tx, own, amount);
        delta = op_.amount;
        return;
      case 2:  // TransactSavings
        if (balance_in(tx, savings(op_.index)) < amount) return;
        subtract(tx, savings(op_.index), amount);
        delta = -std::int64_t{op_.amount};
        return;
      case 3: {  // Amalgamate, but of half of what is there: the popular customers would soon own everything
        const Value saved = balance_in(tx, savings(op_.index)) / 2;
        const Value had = balance_in(tx, own) / 2;
        if (balance_in(tx, checking(op_.other)) + saved + had > 0xf0000000ULL) return;
        subtract(tx, savings(op_.index), saved);
        subtract(tx, own, had);
        add(tx, checking(op_.other), saved + had);
        return;
      }
      case 4: {  // WriteCheck
        const Value had = balance_in(tx, own);
        if (had + balance_in(tx, savings(op_.index)) < amount || had < amount) return;
        subtract(tx, own, amount);
        delta = -std::int64_t{op_.amount};
        return;
      }
      default:  // SendPayment
        if (balance_in(tx, own) < amount) return;
        subtract(tx, own, amount);
        add(tx, checking(op_.other), amount);
        return;
    }
  }

 private:
  unsigned kind() const { return (op_.amount * 7U + op_.index + op_.other) % 6; }
  Key checking(std::uint32_t customer) const { return run_.keys.present(2 * std::uint64_t{customer}); }
  Key savings(std::uint32_t customer) const { return run_.keys.present(2 * std::uint64_t{customer} + 1); }
  static void add(auto& tx, Key key, Value amount) { set_balance(tx, key, balance_in(tx, key) + amount); }
  static void subtract(auto& tx, Key key, Value amount) { set_balance(tx, key, balance_in(tx, key) - amount); }

  const Run& run_;
  const Operation& op_;
};

}  // namespace fluxmap_bench
