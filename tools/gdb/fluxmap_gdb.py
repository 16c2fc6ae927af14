# Pretty printers of fluxmap for gdb: what is in a database, which versions its keys have, what a transaction is about to
# write. Nothing is called in the program, so they work on core files too, and on a thread that was stopped anywhere.
#
#   (gdb) source fluxmap_gdb.py
#   (gdb) print accounts
#   $1 = fluxmap::Database of 2 keys, published 3 = {[1] = {@3 = {balance = 150}, @1 = {balance = 100}}, [2] = …}
#
# A chain of versions is shown newest first: "@7" was committed at timestamp 7, "@7 not stamped yet" too, by a commit that
# has not come round to say so; "pending" belongs to a commit under way, "aborted" to one that failed and has yet to take
# it back. "removed" is a version that says that there is no value.
#
# Functions:
#   $fluxmap_store(database or handle)   all that it is made of
#   $fluxmap_lane(database or handle)    the cells of the express lane, with the keys that they hold
#
# For libstdc++ and libc++. Long databases are cut by `set print elements`.
import re

import gdb
import gdb.printing

# The inline namespace is part of the names: fluxmap::v1::Database<...>.
NAMESPACE = r"^fluxmap::(?:\w+::)?"

ACTIVE, COMMITTING, COMMITTED, ABORTED = range(4)  # CommitState
TAGGED, TOMBSTONE, INSIDE, EXPIRES, FLAGS = 1, 2, 4, 8, 15  # Stamp
FROZEN, DEAD, CELL_TAGS = 1, 2, 3  # LaneCell


def member(value, *paths):
    """What the first of these paths leads to that there is: each standard library has its own names."""
    for path in paths:
        try:
            at = value
            for name in path.split("."):
                at = at[name]
            return at
        except gdb.error:
            pass
    raise gdb.error("none of %s in %s" % (", ".join(paths), value.type))


def atomic(value):
    """What a std::atomic holds."""
    return member(value, "_M_i", "_M_b._M_p", "_M_base._M_i", "__a_.__a_value")


def shared(pointer):
    """What a std::shared_ptr points at."""
    return member(pointer, "_M_ptr", "__ptr_")


def unique(pointer):
    """What a std::unique_ptr points at."""
    head = member(pointer, "_M_t._M_t", "__ptr_.__value_", "__ptr_")
    if not any(f.name == "_M_t" for f in pointer.type.strip_typedefs().fields()):
        return head
    # libstdc++: a tuple of the pointer and the deleter, whose bases hold them
    for base in head.type.fields():
        for inner in base.type.fields():
            if inner.is_base_class and "_Head_base<0" in inner.type.name:
                return head.cast(base.type).cast(inner.type)["_M_head_impl"]
    raise gdb.error("no pointer in " + str(pointer.type))


def length(vector):
    """The number of elements of a std::vector."""
    first = member(vector, "_M_impl._M_start", "__begin_")
    return int(member(vector, "_M_impl._M_finish", "__end_") - first)


def find_type(name, like):
    """A type of fluxmap::detail that is no template, of the same inline namespace as another one."""
    inline = re.match(r"^(?:const )?fluxmap::(\w+::)?detail::", like.strip_typedefs().name).group(1) or ""
    return gdb.lookup_type("fluxmap::" + inline + "detail::" + name)


def counted(number, noun):
    return "%d %s%s" % (number, noun, "" if number == 1 else "s")


def text_of(value):
    """A value as one line."""
    return value.format_string(pretty_structs=False, pretty_arrays=False)


# Versions ------------------------------------------------------------------------------------------------------------


def stamp_text(version):
    """When a version was committed, or what became of it."""
    bits = int(atomic(version["stamp_bits"]))
    if not bits & TAGGED:
        text = "@%d" % (bits >> 4)
    else:
        record_type = find_type("CommitRecord", version.type)
        record = gdb.Value(bits & ~FLAGS).cast(record_type.pointer()).dereference()
        state, cts = int(atomic(record["state"])), int(atomic(record["cts"]))
        if state == COMMITTED:
            text = "@%d not stamped yet" % cts
        elif state == ABORTED:
            text = "aborted"
        else:
            text = "pending @%d" % cts if cts else "pending"
    if bits & EXPIRES:
        text += " until %d us" % int(deadline_of(version))
    return text


def deadline_of(version):
    """The deadline of a version that expires: in a Timer that stands behind it."""
    timer = find_type("Timer", version.type)
    alignment = timer.alignof
    offset = (version.type.sizeof + alignment - 1) // alignment * alignment
    return gdb.Value(int(version.address) + offset).cast(timer.pointer()).dereference()["at"]


def chain_from(pointer):
    """(stamp, value) of the versions from here on, newest first."""
    while int(pointer) > 1:  # 1: a closed chain
        version = pointer.dereference()
        removed = int(atomic(version["stamp_bits"])) & TOMBSTONE
        yield stamp_text(version), "removed" if removed else version["value"]
        pointer = atomic(version["older"])


class VersionPrinter:
    """A version, and those that it stands on."""

    def __init__(self, value):
        self.value = value

    def children(self):
        return chain_from(self.value.address)


class EntryPrinter:
    """A key and its chain."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        if int(atomic(self.value["head"])) == 1:
            return "fluxmap entry of a removed key"
        return "fluxmap entry, leaving" if is_leaving(self.value) else "fluxmap entry"

    def children(self):
        yield "key", self.value["key"]
        head = atomic(self.value["head"])
        yield "chain", head.dereference() if int(head) > 1 else "empty"


def is_leaving(entry):
    return bool(int(atomic(entry["next"])) & 1)


# The index -----------------------------------------------------------------------------------------------------------


def entries_of(index):
    """The entries of a SkipList that are not leaving, in order."""
    pointer = index["lane_"]["cells_"]["first"]["low"].type
    link = atomic(index["head_"]["next"])
    while int(link) & ~1:
        entry = gdb.Value(int(link) & ~1).cast(pointer).dereference()
        if not is_leaving(entry):
            yield entry
        link = atomic(entry["next"])


def map_of(index):
    """A map's children: the keys, and their chains."""
    for number, entry in enumerate(entries_of(index)):
        yield "key %d" % number, entry["key"]
        head = atomic(entry["head"])
        yield "chain %d" % number, head.dereference() if int(head) > 1 else "empty"


class SkipListPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "fluxmap index"

    def children(self):
        return map_of(self.value)

    def display_hint(self):
        return "map"


# The express lane ----------------------------------------------------------------------------------------------------


class Block:
    """What a LaneCell holds: a LaneArray, that is a count, so many prefixes, and so many pointers to entries."""

    def __init__(self, cell):
        bits = int(atomic(cell["block"]))
        self.tags = bits & CELL_TAGS
        self.address = bits & ~CELL_TAGS
        self.entry = cell["low"].type
        self.word = atomic(cell["block"]).type
        self.size = int(self.at(0, self.word)) if self.address else 0

    def at(self, number, kind):
        """The word of this number."""
        return gdb.Value(self.address + number * kind.sizeof).cast(kind.pointer()).dereference()

    def keys(self):
        for number in range(self.size):
            entry = self.at(1 + self.size + number, self.entry).dereference()
            key = entry["key"]
            yield str(number), text_of(key) + " leaving" if is_leaving(entry) else key


class LaneCellPrinter:
    """A cell of the express lane: where it begins, and the keys that it holds."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        block = Block(self.value)
        state = "dead" if block.tags & DEAD else "frozen" if block.tags & FROZEN else ""
        low = self.value["low"]
        begins = "from " + text_of(low.dereference()["key"]) if int(low) else "of the smallest keys"
        return " ".join(filter(None, [state, "lane cell", begins])) + ", " + counted(block.size, "key")

    def children(self):
        return Block(self.value).keys()

    def display_hint(self):
        return "array"


class LaneCellsPrinter:
    """All cells of the express lane, from left to right."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "fluxmap express lane"

    def children(self):
        cell, at = self.value["first"], 0
        while True:
            yield str(at), cell
            right = atomic(cell["right"])
            if not int(right):
                return
            cell, at = right.dereference(), at + 1

    def display_hint(self):
        return "array"


# Databases -----------------------------------------------------------------------------------------------------------


def store_of(value):
    """The Store of a Database, or of a Handle."""
    names = [f.name for f in value.type.strip_typedefs().fields()]
    if "session_" in names:
        value = shared(value["session_"]).dereference()
    return shared(value["store_"]).dereference()


def keys_in(store):
    """How many keys have a value: the sum of what the threads have counted."""
    total, block = 0, store["epochs"]["first_"]
    while True:
        slots = member(block["slots"], "_M_elems", "__elems_")
        for at in range(slots.type.strip_typedefs().range()[1] + 1):
            total += int(atomic(slots[at]["counters"]["keys"]["value_"]))
        following = atomic(block["next"])
        if not int(following):
            return total
        block = following.dereference()


def summary_of(store):
    ring = store["ring"]
    decided, durable = int(atomic(ring["decided_"])), int(atomic(ring["durable_"]))
    text = "of %s, published %d" % (counted(keys_in(store), "key"), min(decided, durable))
    if durable < decided:
        text += ", decided %d" % decided
    return text + (", closed" if atomic(store["closed_"]) else "")


class DatabasePrinter:
    """A Database, or the Store behind it: its keys and their versions."""

    def __init__(self, value):
        self.value = value

    def name(self):
        return "fluxmap::Database"

    def store(self):
        return store_of(self.value)

    def to_string(self):
        return self.name() + " " + summary_of(self.store())

    def children(self):
        return map_of(self.store()["index"])

    def display_hint(self):
        return "map"


class StorePrinter(DatabasePrinter):
    def name(self):
        return "fluxmap store"

    def store(self):
        return self.value


class HandlePrinter(DatabasePrinter):
    """A Handle: the database that it is of."""

    def to_string(self):
        if not int(shared(self.value["session_"])):
            return "fluxmap::Handle, moved from"
        return "fluxmap::Handle of a database " + summary_of(self.store())

    def children(self):
        return map_of(self.store()["index"]) if int(shared(self.value["session_"])) else iter(())


# Transactions --------------------------------------------------------------------------------------------------------


def tree_nodes(node):
    """The nodes of a tree of Boost.Intrusive, in order."""
    above = []
    while above or int(node):
        while int(node):
            above.append(node)
            node = node.dereference()["left_"]
        node = above.pop()
        yield node
        node = node.dereference()["right_"]


def writes_of(state):
    """The Writes of a transaction, ascending by key."""
    write = state["writes_"]["kept_"].type
    for node in tree_nodes(root_of(state["writes_"]["nodes_"])):
        yield node.cast(write).dereference()


def root_of(tree):
    """The root of a tree of Boost.Intrusive: the parent of the node that stands for its end, somewhere in its bases."""
    members = tree.type.strip_typedefs().fields()
    if any(f.name == "parent_" for f in members):
        return tree["parent_"]
    for f in members:
        if not hasattr(f, "bitpos") or f.type.strip_typedefs().code != gdb.TYPE_CODE_STRUCT:
            continue  # static, or a number
        root = root_of(tree[f])
        if root is not None:
            return root
    return None


class StatePrinter:
    """A transaction: what it stands on, and what it has written so far."""

    def __init__(self, value):
        self.value = value

    def state(self):
        return self.value

    def name(self):
        return "fluxmap transaction"

    def to_string(self):
        state = self.state()
        if state is None or not state["active_"]:
            return self.name() + ", ended"
        text = "%s, %s, snapshot %d" % (
            self.name(),
            "read-only" if state["read_only_"] else "read-write",
            int(state["snapshot_"]),
        )
        if not state["read_only_"]:
            reads = state["reads_"]
            text += ", %s read" % counted(length(reads["points"]) + length(reads["absent"]), "key")
            text += ", %s written" % counted(int(state["writes_"]["live_"]), "key")
        return text + (", cannot commit any more" if state["doomed_"] else "")

    def children(self):
        state = self.state()
        if state is None or not state["active_"]:
            return
        for number, write in enumerate(writes_of(state)):
            version = unique(write["version"])
            if not int(version):
                continue
            yield "key %d" % number, write["key"]
            version = version.dereference()
            removed = int(atomic(version["stamp_bits"])) & TOMBSTONE
            yield "value %d" % number, "removed" if removed else version["value"]

    def display_hint(self):
        return "map"


class TransactionPrinter(StatePrinter):
    def state(self):
        state = unique(self.value["lease_"]["state_"])
        return state.dereference() if int(state) else None

    def name(self):
        return "fluxmap::Transaction"


# What gdb is told ----------------------------------------------------------------------------------------------------


class StoreFunction(gdb.Function):
    """$fluxmap_store(database or handle): all that it is made of."""

    def __init__(self):
        super().__init__("fluxmap_store")

    def invoke(self, value):
        return store_of(value)


class LaneFunction(gdb.Function):
    """$fluxmap_lane(database or handle): the cells of the express lane."""

    def __init__(self):
        super().__init__("fluxmap_lane")

    def invoke(self, value):
        return store_of(value)["index"]["lane_"]["cells_"]


def build():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("fluxmap")
    for name, printer in (
        ("Database", DatabasePrinter),
        ("Handle", HandlePrinter),
        ("Transaction", TransactionPrinter),
        ("detail::Store", StorePrinter),
        ("detail::SkipList", SkipListPrinter),
        ("detail::Entry", EntryPrinter),
        ("detail::Version", VersionPrinter),
        ("detail::LaneCell", LaneCellPrinter),
        ("detail::LaneCells", LaneCellsPrinter),
        ("detail::TxnState", StatePrinter),
    ):
        printers.add_printer("fluxmap::" + name, NAMESPACE + name + "<.*>$", printer)
    return printers


gdb.printing.register_pretty_printer(gdb.current_objfile(), build(), replace=True)
StoreFunction()
LaneFunction()
