// The judges judged: every anomaly, written by hand, must be caught, and its harmless twin must pass.
#include "support/serialization_graph.hpp"
#include "support/catch.hpp"
#include "support/history_builder.hpp"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace fluxmap_test;

void passes(const History& history) {
  const CheckResult graph = check_serializable(history);
  INFO(graph.explanation);
  CHECK(graph.ok());
  const CheckResult order = check_commit_order(history);
  INFO(order.explanation);
  CHECK(order.ok());
}

// Both checks must object; the graph with the given anomaly, naming the given transactions.
void caught(const History& history, Anomaly anomaly, std::vector<std::uint64_t> transactions) {
  CheckResult graph = check_serializable(history);
  INFO(graph.explanation);
  CHECK(graph.anomaly == anomaly);
  CHECK_FALSE(graph.explanation.empty());
  std::sort(graph.transactions.begin(), graph.transactions.end());
  CHECK(graph.transactions == transactions);
  CHECK_FALSE(check_commit_order(history).ok());
}

bool mentions(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("empty and trivial histories pass", "[checker]") {
  passes({});
  passes({Txn::rw(1, 1).writes(1)});
  passes({Txn::ro(1, 0).absent(1).scans(0, 10, {})});
  passes({Txn::point(1).absent(1, k_unknown_absent)});
}

TEST_CASE("a serial history with every kind of read passes", "[checker]") {
  passes({
      Txn::rw(1, 1).ticks(1, 2).absent(1).writes(1).writes(2),
      Txn::rw(2, 2).ticks(3, 4).reads(1, 1).erases(2),
      Txn::ro(3, 2).ticks(5, 6).reads(1, 1).absent(2, 2).absent(2, k_unknown_absent).scans(0, 10, {{1, 1}}),
      Txn::rw(4, 4).ticks(7, 8).scans(0, 10, {{1, 1}}, {2}).writes(2),
      Txn::point(5).ticks(9, 10).reads(2, 4),
      Txn::rw(6, 5).ticks(11, 12).reads(2, 4).reads(1, 1).erases(1).erases(2),
      Txn::point(7).ticks(13, 14).absent(1, k_unknown_absent),
      Txn::ro(8, 5).ticks(15, 16).scans(-100, 100, {}),
  });
}

TEST_CASE("write skew is caught", "[checker]") {
  const Txn both = Txn::rw(1, 1).writes(1).writes(2);
  const History history{both, Txn::rw(2, 2).reads(1, 1).reads(2, 1).writes(1),
                        Txn::rw(3, 3).reads(1, 1).reads(2, 1).writes(2)};
  caught(history, Anomaly::cycle, {2, 3});
  const std::string why = check_serializable(history).explanation;
  INFO(why);
  CHECK(mentions(why, "--rw key 1: what was read became version 2-->"));
  CHECK(mentions(why, "--rw key 2: what was read became version 3-->"));
  CHECK(mentions(why, "T2 (read-write, cts 2, ticks 2.."));
  passes({both, Txn::rw(2, 2).reads(1, 1).reads(2, 1).writes(1), Txn::rw(3, 3).reads(1, 2).reads(2, 1).writes(2)});
}

TEST_CASE("a lost update is caught", "[checker]") {
  caught({Txn::rw(1, 1).writes(1), Txn::rw(2, 2).reads(1, 1).writes(1), Txn::rw(3, 3).reads(1, 1).writes(1)},
         Anomaly::cycle, {2, 3});
  passes({Txn::rw(1, 1).writes(1), Txn::rw(2, 2).reads(1, 1).writes(1), Txn::rw(3, 3).writes(1)});  // blind: fine
}

TEST_CASE("the read-only anomaly of Fekete, O'Neil and O'Neil is caught", "[checker]") {
  // T1 pays into savings; T2 saw both accounts empty, draws on checking and charges the overdraft fee; the report T3
  // shows the deposit but not the withdrawal. Without T3 it is serializable: T2 before T1.
  const Txn deposit = Txn::rw(1, 2).reads(2, 1).writes(2);
  const Txn withdraw = Txn::rw(2, 3).reads(1, 1).reads(2, 1).writes(1);
  const Txn report = Txn::ro(3, 2).reads(1, 1).reads(2, 2);
  const Txn open = Txn::rw(9, 1).writes(1).writes(2);
  caught({open, deposit, withdraw, report}, Anomaly::cycle, {1, 2, 3});
  CHECK(check_serializable({open, deposit, withdraw}).ok());
  CHECK(check_commit_order({open, deposit, withdraw}).anomaly == Anomaly::stale_read);
}

TEST_CASE("a long fork is caught", "[checker]") {
  const Txn open = Txn::rw(9, 1).writes(1).writes(2);
  const Txn left = Txn::rw(1, 2).writes(1);
  const Txn right = Txn::rw(2, 3).writes(2);
  caught({open, left, right, Txn::ro(3, 2).reads(1, 2).reads(2, 1), Txn::ro(4, 3).reads(1, 1).reads(2, 3)},
         Anomaly::cycle, {1, 2, 3, 4});
  passes({open, left, right, Txn::ro(3, 2).reads(1, 2).reads(2, 1), Txn::ro(4, 3).reads(1, 2).reads(2, 3)});
}

TEST_CASE("phantoms by insertion are caught", "[checker]") {
  SECTION("two scans of one transaction") {
    caught({Txn::rw(1, 1).writes(5), Txn::ro(2, 1).scans(0, 10, {}).scans(0, 10, {{5, 1}})}, Anomaly::cycle, {1, 2});
  }
  SECTION("each inserts into the range the other found empty") {
    caught({Txn::rw(1, 1).scans(10, 20, {}).writes(5), Txn::rw(2, 2).scans(0, 10, {}).writes(15)}, Anomaly::cycle,
           {1, 2});
  }
  SECTION("a key behind the part of the range that was walked is no phantom") {
    passes({Txn::rw(1, 1).scans(10, 20, {}).writes(5), Txn::rw(2, 2).scans(0, 5, {}).writes(15)});
    passes({Txn::rw(1, 1).scans(10, 20, {}).writes(5), Txn::rw(2, 2).scans(0, 10, {}, {5}).writes(5).writes(15)});
  }
}

TEST_CASE("phantoms by removal are caught", "[checker]") {
  const Txn open = Txn::rw(9, 1).writes(5).writes(15);
  caught({open, Txn::rw(1, 2).scans(10, 20, {{15, 1}}).erases(5), Txn::rw(2, 3).scans(0, 10, {{5, 1}}).erases(15)},
         Anomaly::cycle, {1, 2});
  caught({open, Txn::rw(1, 2).erases(5), Txn::ro(2, 2).scans(0, 20, {{5, 1}, {15, 1}}).absent(5, 2)}, Anomaly::cycle,
         {1, 2});
  caught({open, Txn::rw(1, 2).erases(5), Txn::rw(3, 3).writes(5), Txn::ro(2, 3).scans(0, 20, {{15, 1}})},
         Anomaly::missed_live_key, {2, 3});  // a tombstone came back to life, the scan missed it
  passes({open, Txn::rw(1, 2).scans(10, 20, {{15, 1}}).erases(5), Txn::rw(2, 3).scans(0, 10, {}).erases(15)});
}

TEST_CASE("dirty reads are caught", "[checker]") {
  const Txn aborted = Txn::rw(1, 1).writes(1).aborted();
  caught({aborted, Txn::ro(2, 5).reads(1, 1)}, Anomaly::uncommitted_read, {1, 2});
  caught({Txn::ro(2, 5).reads(1, 4)}, Anomaly::uncommitted_read, {2});
  caught({Txn::ro(2, 5).scans(0, 9, {{1, 4}})}, Anomaly::uncommitted_read, {2});
  caught({Txn::rw(1, 1).writes(7), Txn::ro(2, 5).reads(1, 1)}, Anomaly::uncommitted_read, {1, 2});  // of another key
  passes({aborted, Txn::ro(2, 5).absent(1), Txn::rw(3, 9).reads(1, 77).writes(1).aborted()});
}

TEST_CASE("intermediate reads are caught", "[checker]") {
  caught({Txn::rw(1, 1).writes(1, 100).writes(1, 200), Txn::ro(2, 1).reads(1, 1, 100)}, Anomaly::intermediate_read,
         {1, 2});
  caught({Txn::rw(1, 1).writes(1).erases(1), Txn::ro(2, 1).reads(1, 1)}, Anomaly::intermediate_read, {1, 2});
  caught({Txn::rw(1, 1).erases(1).writes(1), Txn::ro(2, 1).absent(1, 1)}, Anomaly::intermediate_read, {1, 2});
  passes({Txn::rw(1, 1).writes(1, 100).writes(1, 200), Txn::ro(2, 1).reads(1, 1, 200).reads(1, 1)});
}

TEST_CASE("a non-repeatable read is caught", "[checker]") {
  caught({Txn::rw(1, 1).writes(1), Txn::rw(2, 2).writes(1), Txn::ro(3, 2).reads(1, 1).reads(1, 2)}, Anomaly::cycle,
         {2, 3});
  caught({Txn::rw(1, 1).writes(1), Txn::rw(2, 2).erases(1), Txn::ro(3, 2).reads(1, 1).absent(1, k_unknown_absent)},
         Anomaly::cycle, {2, 3});
}

TEST_CASE("a stale read against real time is caught", "[checker]") {
  const Txn first = Txn::rw(1, 1).ticks(1, 2).writes(1);
  const Txn second = Txn::rw(2, 2).ticks(3, 4).reads(1, 1).writes(1);
  SECTION("by a snapshot") {
    const History history{first, second, Txn::ro(3, 1).ticks(5, 6).reads(1, 1)};
    caught(history, Anomaly::cycle, {2, 3});
    CHECK(mentions(check_serializable(history).explanation, "--real time: ended before the next began-->"));
    CHECK(check_commit_order(history).anomaly == Anomaly::real_time_order);
    passes({first, second, Txn::ro(3, 1).ticks(4, 6).reads(1, 1)});  // overlapping: allowed
  }
  SECTION("by an autocommit read") {
    caught({first, second, Txn::point(3).ticks(5, 6).reads(1, 1)}, Anomaly::cycle, {2, 3});
    caught({first, second, Txn::point(3).ticks(5, 6).absent(1, k_unknown_absent)}, Anomaly::cycle, {1, 2, 3});
    passes({first, second, Txn::point(3).ticks(3, 6).reads(1, 1)});
  }
  SECTION("time runs backwards between two readers") {
    const Txn slow = Txn::rw(2, 2).ticks(3, 20).writes(1);
    caught({first, slow, Txn::point(3).ticks(5, 6).reads(1, 2), Txn::ro(4, 1).ticks(7, 8).reads(1, 1)}, Anomaly::cycle,
           {2, 3, 4});
    passes({first, slow, Txn::point(3).ticks(5, 6).reads(1, 1), Txn::ro(4, 2).ticks(7, 8).reads(1, 2)});
  }
  SECTION("a commit without acknowledgement precedes nobody") {
    passes({first, Txn::rw(2, 2).ticks(3, k_never).writes(1), Txn::point(3).ticks(5, 6).reads(1, 1)});
  }
}

TEST_CASE("commit order must agree with real time", "[checker]") {
  // Serializable, but a writer that came later has the smaller cts.
  const History history{Txn::rw(1, 2).ticks(1, 2).writes(1), Txn::rw(2, 1).ticks(3, 4).writes(2)};
  CHECK(check_serializable(history).ok());
  CHECK(check_commit_order(history).anomaly == Anomaly::real_time_order);
  // Equal positions: a reader may follow the writer at its cts, a writer may not follow a reader of that snapshot.
  passes({Txn::rw(1, 1).ticks(1, 2).writes(1), Txn::ro(2, 1).ticks(3, 4).reads(1, 1)});
  CHECK(check_commit_order({Txn::ro(2, 1).ticks(1, 2).absent(7), Txn::rw(1, 1).ticks(3, 4).writes(1)}).anomaly ==
        Anomaly::real_time_order);
}

TEST_CASE("an upsert of an absent key beside a read of it is caught", "[checker][trap-16]") {
  SECTION("the absence known by version") {
    caught({Txn::rw(1, 1).absent(1).writes(2), Txn::rw(2, 2).absent(2).writes(1)}, Anomaly::cycle, {1, 2});
  }
  SECTION("the absence of unknown version") {
    caught({Txn::rw(1, 1).absent(1, k_unknown_absent).writes(2), Txn::rw(2, 2).absent(2, k_unknown_absent).writes(1)},
           Anomaly::cycle, {1, 2});
  }
  SECTION("behind a tombstone") {
    const Txn insert = Txn::rw(8, 1).writes(2);
    const Txn erase = Txn::rw(9, 2).erases(2);
    caught({insert, erase, Txn::rw(1, 3).absent(1).writes(2), Txn::rw(2, 4).absent(2, k_unknown_absent).writes(1)},
           Anomaly::cycle, {1, 2});
    passes({insert, erase, Txn::rw(1, 3).absent(1).writes(2), Txn::rw(2, 4).writes(1), Txn::ro(3, 2).absent(2, 2)});
  }
  SECTION("one upsert after the other's read, in order") {
    passes({Txn::rw(1, 1).absent(1).writes(2), Txn::rw(2, 2).writes(1)});
  }
}

TEST_CASE("an absent read of unknown version needs a time when the key was absent", "[checker]") {
  const Txn insert = Txn::rw(1, 1).ticks(1, 2).writes(1);
  const Txn erase = Txn::rw(2, 2).ticks(3, 20).erases(1);
  const Txn again = Txn::rw(3, 3).ticks(4, 21).writes(1);
  passes({insert, erase, again, Txn::point(4).ticks(5, 6).absent(1, k_unknown_absent)});
  // Two readers in a row, the first of which pins the second beyond the only gap.
  caught({insert, erase, again, Txn::point(4).ticks(5, 6).reads(1, 3),
          Txn::point(5).ticks(7, 8).absent(1, k_unknown_absent)},
         Anomaly::cycle, {3, 4, 5});
  // Nothing else is wrong, so only the position tells: serializable in another order, yet reported.
  caught({Txn::rw(1, 1).writes(1), Txn::rw(2, 2).absent(1, k_unknown_absent).writes(2)}, Anomaly::missed_live_key,
         {1, 2});
}

TEST_CASE("two writers with one cts are caught", "[checker]") {
  caught({Txn::rw(1, 7).writes(1), Txn::rw(2, 7).writes(2)}, Anomaly::duplicate_cts, {1, 2});
  passes({Txn::rw(1, 7).writes(1), Txn::rw(2, 7).writes(2).aborted(), Txn::ro(3, 7).reads(1, 7)});
}

TEST_CASE("records that contradict themselves are caught", "[checker]") {
  const Txn open = Txn::rw(9, 1).writes(3).writes(5).writes(15);
  const auto broken = [&](const Txn& txn) { caught({open, txn}, Anomaly::malformed_record, {1}); };
  broken(Txn::rw(1, 0).writes(1));
  broken(Txn::ro(1, 1).ticks(9, 8));
  broken(Txn::ro(1, 1).reads(3, 0));
  broken(Txn::ro(1, 1).reads(3, k_unknown_absent));
  broken(Txn::ro(1, 1).scans(0, 10, {{3, 1}, {5, 1}, {15, 1}}));  // outside
  broken(Txn::ro(1, 1).scans(0, 20, {{3, 1}, {15, 1}, {5, 1}}));  // out of order
  broken(Txn::ro(1, 1).scans(0, 10, {{3, 1}, {3, 1}, {5, 1}}));   // twice
  passes({open, Txn::ro(1, 1).scans(0, 20, {{15, 1}, {5, 1}, {3, 1}})});
}

TEST_CASE("reads of the transaction's own writes are no dependency", "[checker]") {
  passes({Txn::rw(1, 1).writes(5), Txn::rw(2, 2).reads(5, 2).scans(0, 10, {{5, 2}}).writes(5)});
}

TEST_CASE("the recorder merges lanes and its ticks order what happened", "[checker]") {
  HistoryRecorder recorder;
  Stamp cts = 0;
  for (int round = 0; round < 3; ++round) {
    std::thread([&] {
      HistoryRecorder::Lane& lane = recorder.open_lane();
      TxnRecord first = lane.begin(TxnKind::read_write);
      first.writes.push_back({round, false});
      lane.commit(std::move(first), ++cts);
      lane.abort(lane.begin(TxnKind::read_write));
    }).join();
  }
  const History history = recorder.take();
  REQUIRE(history.size() == 6);
  for (std::size_t i = 0; i + 2 < history.size(); i += 2) {
    CHECK(history[i].end_tick < history[i + 2].begin_tick);
    CHECK(history[i].id != history[i + 2].id);
    CHECK(history[i].committed);
    CHECK_FALSE(history[i + 1].committed);
  }
  passes(history);
  CHECK(recorder.take().empty());
}
