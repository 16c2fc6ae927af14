# Reads the file of FLUXMAP_NATVIS as a debugger would, as far as ours goes, and has a command of gdb that prints what it
# makes of a variable: so its expressions are tried, with what g++ or clang made of the types.
#
# Members of the object that is shown are spelt without it in natvis, so they are looked up and prefixed.
import os
import re
import xml.etree.ElementTree as ElementTree

import gdb

SPACE = "{http://schemas.microsoft.com/vstudio/debugger/natvis/2010}"
MOST = 6  # of a list


class Natvis:
    def __init__(self, path):
        self.types = []
        for kind in ElementTree.parse(path).getroot().findall(SPACE + "Type"):
            pattern = re.escape(kind.get("Name")).replace(re.escape("*"), "(.*)")
            self.types.append((re.compile("^" + pattern + "$"), kind))

    def find(self, value):
        name = value.type.unqualified().strip_typedefs().name or ""
        return next((kind for pattern, kind in self.types if pattern.match(name)), None)

    def show(self, value):
        """(what stands for the value, what it expands to)."""
        kind = self.find(value)
        if kind is None:
            return value.format_string(pretty_structs=False, raw=True), []
        text = ""
        for display in kind.findall(SPACE + "DisplayString"):
            if self.holds(value, display):
                text = re.sub(r"{([^}]*)}", lambda part: self.show(evaluate(value, part[1]))[0], display.text)
                break
        expand = kind.find(SPACE + "Expand")
        return text, [] if expand is None else list(self.items(value, expand))

    def holds(self, value, node):
        return node.get("Condition") is None or bool(evaluate(value, node.get("Condition")))

    def items(self, value, expand):
        for node in expand:
            if not self.holds(value, node):
                continue
            part = {child.tag.replace(SPACE, ""): child.text for child in node}
            kind = node.tag.replace(SPACE, "")
            if kind == "ExpandedItem":
                yield from self.show(evaluate(value, node.text))[1]
            elif kind == "Item":
                yield node.get("Name") + " " + self.show(evaluate(value, node.text))[0]
            elif kind == "IndexListItems":
                for at in range(min(MOST, int(evaluate(value, part["Size"])))):
                    yield self.show(evaluate(value, part["ValueNode"].replace("$i", str(at))))[0]
            elif kind == "LinkedListItems":
                at, count = evaluate(value, part["HeadPointer"]), 0
                while int(at) and count < MOST:
                    yield self.show(evaluate(at.dereference(), part["ValueNode"], value))[0]
                    at, count = evaluate(at.dereference(), part["NextPointer"], value), count + 1
            elif kind == "TreeItems":
                yield from self.tree(value, part, evaluate(value, part["HeadPointer"]))
            else:
                raise ValueError("no such list: " + kind)

    def tree(self, value, part, node):
        if not int(node):
            return
        yield from self.tree(value, part, evaluate(node.dereference(), part["LeftPointer"], value))
        yield self.show(evaluate(node.dereference(), part["ValueNode"], value))[0]
        yield from self.tree(value, part, evaluate(node.dereference(), part["RightPointer"], value))


def members(kind):
    for field in kind.strip_typedefs().fields():
        if field.is_base_class:
            yield from members(field.type)
        elif field.name:
            yield field.name
        else:
            yield from members(field.type)  # an anonymous union


def evaluate(value, text, outer=None):
    """An expression, in the scope of `value`; $T1 and so on are of the type that the natvis entry is of."""
    of = (outer if outer is not None else value).type.unqualified().strip_typedefs()
    for number in range(3, 0, -1):
        if "$T%d" % number in text:
            text = text.replace("$T%d" % number, str(of.template_argument(number - 1)))
    while ">>" in text:  # gdb wants them apart; fluxmap.natvis shifts nothing
        text = text.replace(">>", "> >")
    gdb.set_convenience_variable("natvis_this", value.address)
    names = set(members(value.type))
    word = r"(?<![\w.:>$])([A-Za-z_]\w*)"
    text = re.sub(word, lambda m: "$natvis_this->" + m[1] if m[1] in names else m[1], text)
    return gdb.parse_and_eval(re.sub(r"\bthis\b", "$natvis_this", text))


class Show(gdb.Command):
    """natvis EXPRESSION: what stands for it, and what it expands to, a line each."""

    def __init__(self):
        super().__init__("natvis", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        text, items = Natvis(os.environ["FLUXMAP_NATVIS"]).show(gdb.parse_and_eval(argument))
        print(text, *("  " + item for item in items), sep="\n")


Show()
