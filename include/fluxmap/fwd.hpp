// Forward declarations of the public class templates.
#pragma once

#include <fluxmap/config.hpp>

#include <functional>

namespace fluxmap::inline FLUXMAP_ABI {

template <class Key, class Value, class Compare = std::less<>>
class Database;
template <class Key, class Value, class Compare = std::less<>>
class DatabaseBuilder;
template <class Key, class Value, class Compare = std::less<>>
class Handle;
template <class Key, class Value, class Compare = std::less<>>
class Transaction;
template <class Key, class Value, class Compare = std::less<>>
class RangeStream;
class Savepoint;

template <class T>
struct Codec;

}  // namespace fluxmap::inline FLUXMAP_ABI
