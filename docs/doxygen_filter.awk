# Makes Doxygen see what the public headers say to people: Doxygen runs it on each header (docs/Doxyfile.in).
#
#   // above a declaration                  documents it; // after a member, and what goes on below it, ///<
#   // above a #pragma once                 becomes the description of the file
#   lines indented in a comment             keep their form
#   Complexity: O(1)., and the like         begin a paragraph with that heading: see is_headed
#   namespace fluxmap::inline FLUXMAP_ABI   becomes namespace fluxmap
#   namespace detail, specialisations       are left out
#   friends, requires, detail's types       are left out, or spelt as a reader would
{ line[NR] = $0 }

# Text of a comment: what looks like a tag is none, outside of backquotes.
function escaped(text,    parts, n, i, out) {
  n = split(text, parts, "`")
  for (i = 1; i <= n; ++i) {
    if (i % 2 == 1) {
      gsub(/</, "\\<", parts[i])
      gsub(/>/, "\\>", parts[i])
    }
    out = out (i > 1 ? "`" : "") parts[i]
  }
  return out
}

function is_comment(i) { return i >= 1 && i <= NR && line[i] ~ /^ *\/\// }
function column(i) { match(line[i], /\/\//); return RSTART }
function text_of(i) { return substr(line[i], column(i) + 2) }

# Templates with a completion token stand without a comment below the same call as an awaitable.
function token_form(i,    head, signature) {
  if (line[i] !~ /^  template </ || line[i - 1] ~ /^ *\/\//) return ""
  head = line[i] " " line[i + 1] " " line[i + 2] " " line[i + 3]
  sub(/ auto .*/, "", head)
  if (head !~ / Token>/) return ""
  if (!match(head, /completion_token_for<.*> +Token>/)) return "The same with a completion token as the last argument."
  signature = substr(head, RSTART + 21, RLENGTH - 21)
  sub(/> +Token>$/, "", signature)
  sub(/^ +/, "", signature)
  return "The same with a completion token as the last argument, of signature `" signature "`."
}

# The headed paragraphs of a class or a member, in this order (tests/readme/check_reference.cmake).
function is_headed(text) { return text ~ /^(Thread safety|Complexity|Errors|Cancellation|Exceptions): / }
function headed(text,    at, rest) {
  at = index(text, ": ")
  rest = substr(text, at + 2)
  if (rest ~ /^[a-z][a-z]+[ ,;.]/) rest = toupper(substr(rest, 1, 1)) substr(rest, 2)  # a word, not a name
  return "@par " substr(text, 1, at - 1) "\n" escaped(rest)
}

# A comment block [from, to]: documentation of what follows, in Doxygen's spelling.
function document(from, to, lead,    i, text, verbatim, indent) {
  indent = substr(line[from], 1, column(from) - 1)
  for (i = from; i <= to; ++i) {
    text = text_of(i)
    sub(/^ /, "", text)
    if (text ~ /^  /) {
      out[i] = (verbatim ? "" : "@verbatim\n") text
      verbatim = 1
    } else if (verbatim && text == "" && i < to && text_of(i + 1) ~ /^   /) {
      out[i] = ""
    } else {
      out[i] = (verbatim ? "@endverbatim\n" : "") indent (is_headed(text) ? headed(text) : escaped(text))
      verbatim = 0
    }
  }
  out[from] = indent "/** " lead "\n" out[from]
  out[to] = out[to] (verbatim ? "\n@endverbatim" : "") " */"
}

END {
  # What is hidden: namespaces detail, and specialisations of class templates.
  for (i = 1; i <= NR; ++i) {
    if (line[i] ~ /^namespace detail \{/) {
      hidden_from[i] = 1
      end = line[i + 2] == "}" ? "^}$" : "^}  // namespace detail"  # of forward declarations alone, or of more
      while (line[i] !~ end && i < NR) hidden[i++] = 1
      hidden[i] = 1
      hidden_to[i] = 1
    } else if (line[i] ~ /^template <.*>$/ && line[i + 1] ~ /^struct [A-Za-z_:]+</) {
      hidden_from[i] = 1
      while (line[i] !~ /\};? *$/ || (line[i] !~ /^\}/ && line[i] !~ /^struct .*\{\};$/)) {
        hidden[i++] = 1
        if (i >= NR) break
      }
      hidden[i] = 1
      hidden_to[i] = 1
    }
  }

  trailing = 0  # the column of the trailing comment that may go on, or 0
  for (i = 1; i <= NR; ++i) {
    if (hidden[i]) {
      out[i] = line[i]
      trailing = 0
    } else if (is_comment(i)) {
      if (trailing && column(i) == trailing) {
        sub(/^ */, "", line[i])
        out[i] = sprintf("%" (trailing - 1) "s///<%s", "", escaped(substr(line[i], 3)))
        continue
      }
      trailing = 0
      from = i
      while (is_comment(i + 1)) ++i
      if (line[i + 1] ~ /^#pragma once/) {
        document(from, i, "@file")
      } else if (line[i + 1] == "" || hidden[i + 1] || line[i + 1] ~ /^#[^d]/) {
        for (j = from; j <= i; ++j) out[j] = line[j]
      } else {
        document(from, i, "")
      }
    } else {
      trailing = 0
      if ((same = token_form(i)) != "") {
        out[i] = "  /// " same "\n" line[i]
      } else if (line[i] ~ /^  [A-Za-z][^()"]*(\{[^}]*\})?[;,] +\/\/ / || line[i] ~ /^  [a-z]+(\{[^}]*\})?,? +\/\/ /) {
        match(line[i], / +\/\/ /)
        code = substr(line[i], 1, RSTART - 1)
        trailing = RSTART + RLENGTH - 3
        out[i] = code substr(line[i], RSTART, RLENGTH - 3) "///<" escaped(substr(line[i], trailing + 2))
      } else {
        out[i] = line[i]
      }
    }
  }

  for (i = 1; i <= NR; ++i) {
    whole = whole (hidden_from[i] ? "/// @cond\n" : "") out[i] "\n" (hidden_to[i] ? "/// @endcond\n" : "")
  }
  gsub(/namespace fluxmap::inline FLUXMAP_ABI \{/, "namespace fluxmap {", whole)
  gsub(/\n  (template <[^>]*>\n  )?friend (class|struct) [^;]*;/, "\n", whole)
  gsub(/inline namespace FLUXMAP_ABI \{\}/, "", whole)
  gsub(/typename detail::CompletionSignatures<detail::updated_t<Value>>::with_exception/,
       "void(std::exception_ptr, Value)", whole)
  gsub(/typename detail::CompletionSignatures<detail::closure_value_t<F, TransactionType>>::with_exception/,
       "void(std::exception_ptr, T)", whole)
  gsub(/using Transaction = TransactionType/, "using Transaction = fluxmap::Transaction<Key, Value, Compare>", whole)
  gsub(/detail::closure_value_t<F, TransactionType>/, "T", whole)
  gsub(/detail::updated_t<Value>/, "Value", whole)
  gsub(/detail::removed_t<Value>/, "std::optional<Value>", whole)
  gsub(/detail::CodecInteger /, "std::integral ", whole)
  printf "%s", whole
}
