// New-Order and Payment after TPC-C (clauses 2.4 and 2.5), cut down to what a map of numbers can hold: a table is a
// range of keys, a row one number. Four warehouses with ten districts each; of 100 order lines one comes from another
// warehouse's stock. The consistency conditions 1 to 4 of clause 3.3.2 are checked afterwards.
#pragma once

#include "money.hpp"
#include "run.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace fluxmap_bench::tpcc {

inline constexpr std::uint64_t k_warehouses = 4;
inline constexpr std::uint64_t k_districts = 10;
inline constexpr std::uint64_t k_customers = 1000;  // of a district
inline constexpr std::uint64_t k_items = 10'000;

enum class Table : std::uint64_t { warehouse_ytd, district_ytd, district_next, customer, stock, order, line };

inline constexpr Key key(Table table, std::uint64_t row) { return (static_cast<Key>(table) + 1) << 56 | row; }
inline constexpr Table table_of(Key key) { return static_cast<Table>((key >> 56) - 1); }
inline constexpr std::uint64_t row_of(Key key) { return key & ((Key{1} << 56) - 1); }

// A district's orders are numbered from 0; an order has at most 15 lines.
inline constexpr std::uint64_t order_row(std::uint64_t district, std::uint64_t number) {
  return district << 36 | number;
}
inline constexpr std::uint64_t line_row(std::uint64_t order, std::uint64_t line) { return order << 4 | line; }

template <class Put>
void fill(Put put) {  // every row begins at 0: nothing sold, nothing paid
  for (std::uint64_t w = 0; w < k_warehouses; ++w) {
    put(key(Table::warehouse_ytd, w));
    for (std::uint64_t i = 0; i < k_items; ++i) put(key(Table::stock, w * k_items + i));
    for (std::uint64_t d = w * k_districts; d < (w + 1) * k_districts; ++d) {
      put(key(Table::district_ytd, d));
      put(key(Table::district_next, d));
      for (std::uint64_t c = 0; c < k_customers; ++c) put(key(Table::customer, d * k_customers + c));
    }
  }
}

inline Value read(auto& tx, Key key) {
  const auto found = tx.get(key);
  if (!found) throw MissingKey();
  return *found;
}

void new_order(auto& tx, const Operation& op) {
  Random random(op.other);
  const std::uint64_t district = op.index % (k_warehouses * k_districts);
  const std::uint64_t warehouse = district / k_districts;
  const std::uint64_t lines = 5 + random.below(11);
  read(tx, key(Table::warehouse_ytd, warehouse));  // where TPC-C reads the tax
  read(tx, key(Table::customer, district * k_customers + random.below(k_customers)));
  const Key counter = key(Table::district_next, district);
  const Value number = read(tx, counter);
  tx.put(counter, number + 1);
  const std::uint64_t order = order_row(district, number);
  tx.put(key(Table::order, order), lines);
  for (std::uint64_t i = 0; i < lines; ++i) {
    const std::uint64_t supplier = random.below(100) == 0 ? random.below(k_warehouses) : warehouse;
    const Key stock = key(Table::stock, supplier * k_items + random.below(k_items));
    const Value quantity = 1 + random.below(10);
    tx.put(stock, read(tx, stock) + quantity);
    tx.put(key(Table::line, line_row(order, i)), quantity);
  }
}

void payment(auto& tx, const Operation& op) {
  Random random(op.other);
  const std::uint64_t district = op.index % (k_warehouses * k_districts);
  const auto add = [&](Key key) { tx.put(key, read(tx, key) + op.amount); };
  add(key(Table::warehouse_ytd, district / k_districts));
  add(key(Table::district_ytd, district));
  add(key(Table::customer, district * k_customers + random.below(k_customers)));
}

// Is fed every entry, and tells how many conditions do not hold.
class Audit {
 public:
  void entry(Key key, Value value) {
    const std::uint64_t row = row_of(key);
    switch (table_of(key)) {
      case Table::warehouse_ytd:
        warehouse_paid_[row] += value;
        return;
      case Table::district_ytd:
        districts_paid_[row / k_districts] += value;
        return;
      case Table::district_next:
        numbered_ += value;
        next_[row] = value;
        return;
      case Table::customer:
        customers_paid_[row / k_customers / k_districts] += value;
        return;
      case Table::stock:
        sold_ += value;
        return;
      case Table::order:
        ++orders_;
        ++orders_of_[row >> 36];
        lines_wanted_ += value;
        return;
      case Table::line:
        ++lines_;
        delivered_ += value;
        return;
    }
    ++strange_;
  }

  std::uint64_t violations(std::uint64_t orders_committed, std::int64_t paid) const {
    std::uint64_t wrong = strange_;
    Value all = 0;
    for (std::size_t w = 0; w < k_warehouses; ++w) {
      all += warehouse_paid_[w];
      wrong += warehouse_paid_[w] != districts_paid_[w];
      wrong += warehouse_paid_[w] != customers_paid_[w];
    }
    for (std::size_t d = 0; d < next_.size(); ++d) wrong += next_[d] != orders_of_[d];
    wrong += orders_ != orders_committed;
    wrong += numbered_ != orders_committed;
    wrong += lines_ != lines_wanted_;
    wrong += delivered_ != sold_;
    wrong += all != static_cast<Value>(paid);
    return wrong;
  }

 private:
  std::array<Value, k_warehouses> warehouse_paid_{}, districts_paid_{}, customers_paid_{};
  std::array<Value, k_warehouses * k_districts> next_{}, orders_of_{};
  Value numbered_ = 0, sold_ = 0, orders_ = 0, lines_wanted_ = 0, lines_ = 0, delivered_ = 0, strange_ = 0;
};

}  // namespace fluxmap_bench::tpcc
