# Random commands over a few keys, so that they meet. No times that pass: deadlines lie far ahead, or far behind.
function pick(list, parts) { return parts[1 + int(rand() * split(list, parts, "|"))] }
function key() { return pick("a|b|c|d|number|long:name:1") }
function value() { return pick("1|-5|007|text|\"\"|9223372036854775807|\"two words\"|\"\\x00\\xff\"|3.5") }
function deadline() { return pick("4000000000|4000000001|4000000002|5000|-1") }
function offset() { return pick("0|1|2|5|-1|-2|-3|10|100|abc") }
function database() { return pick("0|1|2|15|0|1|16") }
function command(kind) {
  kind = int(rand() * 50)
  if (kind == 0) return "get " key()
  if (kind == 1) return "set " key() " " value()
  if (kind == 2) return "set " key() " " value() " " pick("nx|xx|get|keepttl|nx get|xx get|xx keepttl|get keepttl|nx xx|ex")
  if (kind == 3) return "set " key() " " value() " exat " pick("4000000000|4000000001|0|-1")  # in the past: Redis still counts it
  if (kind == 4) return "getset " key() " " value()
  if (kind == 5) return "mget " key() " " key() " " key()
  if (kind == 6) return "mset " key() " " value() " " key() " " value()
  if (kind == 7) return "msetnx " key() " " value() " " key() " " value()
  if (kind == 8) return "incr " key()
  if (kind == 9) return "decr " key()
  if (kind == 10) return "incrby " key() " " value()
  if (kind == 11) return "decrby " key() " " value()
  if (kind == 12) return "append " key() " " value()
  if (kind == 13) return "strlen " key()
  if (kind == 14) return pick("del|unlink") " " key() " " key()
  if (kind == 15) return "exists " key() " " key()
  if (kind == 16) return "expireat " key() " " deadline()
  if (kind == 17) return "expireat " key() " " deadline() " " pick("nx|xx|gt|lt|gt lt|nx xx")
  if (kind == 18) return "expiretime " key()
  if (kind == 19) return "persist " key()
  if (kind == 20) return "type " key()
  if (kind == 21) return "dbsize"
  if (kind == 22) return "setnx " key() " " value()
  if (kind == 23) return "getdel " key()
  if (kind == 24) return "keys " pick("number|lon*|?number|zz*")
  if (kind == 25) return "multi"
  if (kind == 26) return pick("exec|exec|exec|discard")
  if (kind == 27) return pick("watch|unwatch|watch " key())
  if (kind == 28) return pick("ping|echo hello|select 0|select 99|nothing at all|get|set a")
  if (kind == 29) return "getrange " key() " " offset() " " offset()
  if (kind == 30) return "setrange " key() " " offset() " " value()
  if (kind == 31) return "incrbyfloat " key() " " pick("1|-1.5|0.1|1e3|inf|abc|3")
  if (kind == 32) return pick("rename|renamenx") " " key() " " key()
  if (kind == 33) return "copy " key() " " key() pick("|| replace| db " database() "| replace db " database())
  if (kind == 34) return "move " key() " " database()
  if (kind == 35) return pick("select|select|select|select|select|swapdb " database()) " " database()
  if (kind == 36) return "object encoding " key()
  if (kind == 37) return "getex " key() pick("| persist| exat 4000000000| exat 4000000001| exat 5000| ex 0| what")
  if (kind == 38) return "lcs " key() " " key() pick("| len| idx| idx withmatchlen| idx minmatchlen 2")
  if (kind == 39) return "setbit bits " offset() " " pick("0|1|1|2")
  if (kind == 40) return "getbit " pick("bits|" key()) " " offset()
  if (kind == 41) return "bitcount " key() pick("| 0 -1| 1 3 bit| " offset() " " offset() pick("| bit| byte"))
  if (kind == 42) return pick("touch|substr " key() " 0|type") " " key()
  if (kind == 43) return pick("flushdb|dbsize|exists " key() "|exists " key())
  if (kind == 44) return pick("exec 1|discard 1|exec|exec|client getname|client what|config set what 1|object what " key())
  if (kind == 45) return "get " key()
  if (kind == 46) return "pexpireat " key() " " deadline() "000"
  if (kind == 47) return "unlink " key()
  return pick("flushall|dbsize|dbsize|dbsize|dbsize|dbsize|dbsize|dbsize")
}
BEGIN {
  srand(seed)
  for (n = 0; n < 3000; ++n) print command()
  print "discard"
  print "flushall"
}
