// Codec: how keys and values become the bytes that reach the disk, and values again.
//
// The format is the same on every machine. Numbers are little-endian; a "length" is a LEB128 varint (7 bits a byte,
// lowest first, the highest bit says that another follows), in its shortest form.
//
//   integers, characters      their bytes                     std::pair, std::tuple   the parts, in order
//   bool                      0 or 1                          std::array              the elements
//   enumerations              the underlying integer          std::optional           0, or 1 and the value
//   float, double             IEEE 754; every NaN stays       std::vector             length, then the elements
//   std::basic_string         length, then the characters     std::map                length, then key, value, ...,
//   std::chrono::duration     the count                                               strictly ascending by key
//   aggregates                the fields, in order            what has no parts       a zero byte
//   C arrays in aggregates    the elements
//
// An aggregate is a struct without constructors and private members, of at most 64 fields, which may be aggregates
// themselves, but neither unions nor references. Its base classes must be empty. With a C array among its fields it
// needs a default, and neither constants nor bit-fields; a bit-field is otherwise an integer like others (of which
// -Wconversion warns). Types may be recursive (a tree whose children are a vector of
// itself). An element of a vector or map whose codec writes nothing is followed by a zero byte, so that a length never
// promises more elements than there are bytes. An enumeration takes any value of its underlying type, named or not.
// Otherwise, bytes that no value is written as do not decode.
#pragma once

#include <fluxmap/coder.hpp>
#include <fluxmap/config.hpp>
#include <fluxmap/detail/codec/containers.hpp>
#include <fluxmap/detail/codec/spelling.hpp>
#include <fluxmap/detail/codec/values.hpp>

#include <cstdint>

namespace fluxmap::inline FLUXMAP_ABI {

// Codec<T> writes and reads a T. Built in for the types listed in codec.hpp; one is needed only by a database that is
// kept on disk. Specialise it for your own types, in any translation unit that uses them and before the first use:
//
//   template <>
//   struct fluxmap::Codec<Account> {
//     static constexpr std::string_view name = "bank.Account/1";  // optional, see codec_fingerprint
//     static void encode(const Account& account, Encoder& out) {
//       Codec<std::string>::encode(account.owner(), out);
//       out.write_integer<std::int64_t>(account.cents());
//     }
//     static Account decode(Decoder& in) {
//       std::string owner = Codec<std::string>::decode(in);  // one statement each: arguments have no order
//       const auto cents = in.read_integer<std::int64_t>();
//       return Account(std::move(owner), cents);
//     }
//   };
//
// decode must read exactly what encode has written, and must be ready for any bytes at all: it throws
// errc::decode_failed, through the decoder or by itself, rather than make a T that breaks its rules.
// Neither may touch bytes that are not its own. A T needs no default constructor, only a move constructor.
//
// Of the built-in ones decode does not believe a length: what it sets aside is at most 16 bytes for each byte that is
// left.
//
// Thread safety: all calls, with an encoder or decoder each. One of your own is called by several threads at once.
// Complexity: of the built-in ones linear in the value, time and space.
// Errors: of decode errc::decode_failed, for bytes that encode would not have written.
// Exceptions: of the built-in ones std::bad_alloc, and of encode std::length_error for a value that is nested more than
// 512 levels of vectors, maps and aggregates deep. What one of your own throws comes through.
template <class T>
struct Codec;

// Decodes a T from all of `bytes`.
// Complexity: that of its codec.
// Errors: errc::decode_failed where they are no T, or more than one.
// Exceptions: those of its codec.
template <class T>
T decode_all(Bytes bytes) {
  Decoder in(bytes);
  T value = Codec<T>::decode(in);
  if (in.remaining() != 0) detail::throw_decode_failed("more bytes than the value takes", in.position());
  return value;
}

// A number that stands for the type as its bytes are written: a directory records those of its keys and values, and is
// not opened as anything else. It is the FNV-1a hash (64 bits) of a text that is the same with every compiler:
//
//   i8 ... u64, f32, f64, bool      by size and sign: long and long long are one type
//   c8, c16, c32                    characters, by size: wchar_t is c16 on some platforms and c32 on others, and cannot
//                                   be exchanged between them
//   enum:u8                         the enumerators may change
//   {i32,string}                    an aggregate is its fields: it may be renamed, and so may they, but a field that is
//                                   added, removed or moved makes another type. ^1, ^2: the aggregate this many levels
//                                   further out
//   string, string<c16>, pair<A,B>, tuple<A,B>, optional<A>, vector<A>, array<3,A>, map<A,B>, duration<i64,1/1000>
//                                   comparators, traits and allocators do not count; a C array is an array
//   user:name                       a type with a specialised codec: Codec<T>::name (anything that converts to
//                                   std::string_view) where there is one
//
// Without a `name` it is the name of the C++ type. So renaming the type, or moving it to another namespace, makes the
// directories written before unreadable, and compilers may differ about the names of templates: give a name to what
// lives long. Change the name when the codec's bytes change their meaning.
//
// Complexity: linear in the text.
// Exceptions: std::bad_alloc.
template <class T>
std::uint64_t codec_fingerprint() {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char character : detail::codec_spelling<T>()) {
    hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001b3ULL;
  }
  return hash;
}

}  // namespace fluxmap::inline FLUXMAP_ABI
