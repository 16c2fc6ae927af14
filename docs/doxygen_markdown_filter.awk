# Gives headings the anchors that they have elsewhere, where a link of the page needs one: "## Bit rot" and [..](#bit-rot).
# Doxygen's are of the whole reference and begin with a letter, so the page's name goes before.
{ line[NR] = $0 }

function slug(text,    s) {
  s = tolower(text)
  gsub(/[^a-z0-9 _-]/, "", s)
  gsub(/ /, "-", s)
  return s
}

END {
  page = FILENAME
  sub(/^.*\//, "", page)
  sub(/[.]md$/, "", page)
  for (i = 1; i <= NR; ++i) {
    rest = line[i]
    while (match(rest, /\]\(#[^)]*\)/)) {
      wanted[substr(rest, RSTART + 3, RLENGTH - 4)] = 1
      rest = substr(rest, RSTART + RLENGTH)
    }
  }
  for (i = 1; i <= NR; ++i) {
    if (line[i] ~ /^```/) code = !code
    text = line[i]
    if (!code && text ~ /^##+ /) {
      sub(/^#+ /, "", text)
      if (slug(text) in wanted) line[i] = line[i] " {#" page "-" slug(text) "}"
    }
    gsub(/\]\(#/, "](#" page "-", line[i])
    print line[i]
  }
}
