# The text: tokens, and a tree of what it says. Part of values.py's module.

def tokens(text):
    text = re.sub(r"//[^\n]*", "", text)
    at, found = 0, []
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        if at >= len(text):
            return found + [("end", "")]
        match = TOKEN.match(text, at)
        if not match:
            raise Unknown(f"`{text[at:at + 20]}`")
        found.append((match.lastgroup, match.group()))
        at = match.end()


BINARY = [["||"], ["&&"], ["|"], ["^"], ["&"], ["==", "!=", "<>"], ["<", "<=", ">", ">="], ["<<", ">>"], ["+", "-"],
          ["*", "/", "%"]]


class Parser:
    def __init__(self, text):
        self.tokens, self.at = tokens(text), 0

    def peek(self):
        return self.tokens[self.at][1]

    def take(self, wanted=None):
        kind, text = self.tokens[self.at]
        if wanted is not None and text != wanted:
            raise Unknown(f"`{text}` where `{wanted}` is due")
        self.at += 1
        return kind, text

    def block(self, *ends):
        found = []
        while self.peek() not in ends:
            if self.peek() == ";":
                self.take()
            else:
                found.append(self.statement())
        return found

    def statement(self):
        word = self.peek()
        if word == "if":
            self.take()
            arms, other = [], []
            while True:
                test = self.expression()
                self.take("then")
                arms.append((test, self.block("elsif", "else", "endif")))
                if self.take()[1] != "elsif":
                    break
            if self.tokens[self.at - 1][1] == "else":
                other = self.block("endif")
                self.take()
            return ("if", arms, other)
        if word == "for":
            self.take()
            name = self.take()[1]
            self.take("in")
            low = self.expression()
            self.take(":")
            high = self.expression()
            self.take("do")
            body = self.block("endfor")
            self.take()
            return ("for", name, low, high, body)
        if word == "declare":
            self.take()
            name = self.take()[1]
            self.take(":")
            kind = self.take()[1]
            many = 0
            if self.peek() == "[":
                self.take()
                many = int(self.take()[1])
                self.take("]")
            return ("declare", name, kind, many)
        if word == "return":
            self.take()
            return ("return", self.expression())
        if word == "break":
            self.take()
            return ("break",)
        target = self.unary()
        if self.peek() == "=" and self.tokens[self.at + 1][1] == "lambda":
            self.take(), self.take(), self.take("(")
            names = []
            while self.peek() != ")":
                if self.peek() == ",":
                    self.take()
                names.append(self.take()[1])
            self.take(), self.take("(")
            body = self.block(")") if self.peek() in KEYWORDS else [("return", self.expression())]
            self.take(")")
            return ("lambda", target[1], names, body)
        targets, op = [target], self.take()[1]
        if op not in ("=", "+=", "-="):
            raise Unknown(f"`{op}` after a target")
        value = self.expression()
        while self.peek() == "=":
            self.take()
            targets.append(value)
            value = self.expression()
        return ("assign", targets, op, value)

    def expression(self):
        test = self.binary(0)
        if self.peek() != "?":
            return test
        self.take()
        yes = self.expression()
        self.take(":")
        return ("choose", test, yes, self.expression())

    def binary(self, level):
        if level == len(BINARY):
            return self.power()
        left = self.binary(level + 1)
        while self.peek() in BINARY[level]:
            op = self.take()[1]
            left = ("binary", op, left, self.binary(level + 1))
        return left

    def power(self):
        left = self.unary()
        if self.peek() == "**":
            self.take()
            return ("binary", "**", left, self.unary())
        return left

    def unary(self):
        if self.peek() in ("-", "+", "~", "!"):
            return ("unary", self.take()[1], self.unary())
        return self.postfix()

    def postfix(self):
        kind, text = self.take()
        if kind == "sized" and text[-1] in "UIFB" and text[-2] == "'":
            self.take("(")
            inner = self.expression()
            self.take(")")
            found = ("cast", text[-1].lower(), int(text[:-2]), inner)
        elif kind == "sized":
            width, value = text.split("'")
            if "." in value:
                found = ("literal", float(value), "f", int(width))
            else:
                # Without a U it may also be a float's bits: `16'0`.
                found = ("literal", int(value.rstrip("U"), 0), "u" if value.endswith("U") or "x" in value else "i", int(width))
        elif kind == "float":
            found = ("literal", float(text.rstrip("F")), "f", 32 if text.endswith("F") else 64)
        elif kind == "int":
            unsigned, long = "U" in text, text.endswith("LL")
            found = ("literal", int(text.rstrip("UL"), 0), "u" if unsigned else "i", 64 if long else 32)
        elif text == "(":
            found = self.expression()
            self.take(")")
        elif text == "{":
            parts = [self.expression()]
            while self.peek() == ",":
                self.take()
                parts.append(self.expression())
            self.take("}")
            found = ("join", parts)
        elif kind == "name":
            found = ("name", text)
        else:
            raise Unknown(f"`{text}`")
        while True:
            if self.peek() == ".":
                self.take()
                found = ("field", found, self.take()[1])
            elif self.peek() == "[":
                self.take()
                high = self.expression()
                if self.peek() == ":":
                    self.take()
                    found = ("slice", found, high, self.expression())
                elif self.peek() == "+:":
                    self.take()
                    found = ("part", found, high, self.expression()[1])
                else:
                    found = ("index", found, high)
                self.take("]")
            elif self.peek() == "(" and found[0] == "name":
                self.take()
                arguments = []
                while self.peek() != ")":
                    if self.peek() == ",":
                        self.take()
                    arguments.append(self.expression())
                self.take()
                found = ("call", found[1], arguments)
            else:
                return found
