# From text to Python: expressions with their types. Part of values.py's module.

class Value:
    """Python that gives a value, and its type: `u` and `i` integers, `b` bits, `f` floats. `bits` gives a float's bits."""

    def __init__(self, code, kind, width, bits=None):
        self.code, self.kind, self.width, self.bits = code, kind, width, bits


# Registers: their names in the state, and how wide they are.
REGISTERS = {"S0": 128, "S1": 128, "S2": 128, "D0": 128, "D1": 1, "VCC": 64, "EXEC": 64, "SCC": 1, "DATA": 128, "DATA2": 128,
             "VDATA": 128, "SDATA": 512, "RETURN_DATA": 128}
CONSTANTS = {"PI": Value("math.pi", "f", 64), "INF": Value("math.inf", "f", 64), "NAN": Value("math.nan", "f", 64),
             "laneId": Value("r.lane", "u", 32)}
# Numbers that a memory instruction of the driver has not.
ZEROS = {"ADDR", "ADDR_BASE", "OFFSET", "OFFSET0", "OFFSET1", "SBASE", "SOFFSET", "SADDR", "SRSRC", "VADDR", "OPSEL", "OPSEL_HI"}


class Function:
    """One text as a Python function of the state `r`, or of arguments."""

    def __init__(self, ops, mnemonic, moded):
        self.moded = moded
        self.ops, self.mnemonic, self.lines, self.vars, self.lambdas = ops, mnemonic, [], {}, {}
        self.flush = mnemonic in FLUSHING
        self.count = 0

    def emit(self, depth, line):
        self.lines.append("    " * depth + line)

    def convert(self, value, kind, width):
        """The value as another type: of numbers the value, of bits the bits."""
        if kind == "f":
            if value.kind == "f":
                if value.width <= width:
                    return Value(value.code, "f", width, value.bits if value.width == width else None)
                return Value(self.rounded(value.code, width), "f", width)
            if value.kind == "b":
                return Value(f"float_of({value.code}, {width})", "f", width, value.code)
            return Value(self.rounded(f"float({value.code})", width), "f", width)
        if value.kind == "f":
            # A float in the place of bits is its bits.
            return Value(self.bits(value), kind, value.width)
        code = f"signed({value.code}, {width})" if kind == "i" else f"({value.code} & {hex((1 << width) - 1)})"
        return Value(code, kind, width)

    def bits(self, value):
        if value.kind != "f":
            return value.code
        return value.bits or f"bits_of({value.code}, {value.width})"

    def rounded(self, code, width):
        if self.moded:
            return self.without_denormals(f"narrowed({code}, {width})", width)
        if width == 64:
            return code
        return f"flushed({code})" if self.flush and width == 32 else f"f{width}({code})"

    def without_denormals(self, code, width):
        return f"flushed({code})" if self.flush and width == 32 else code

    def typed(self, bits, kind, width):
        if kind == "f":
            code = f"float_of({bits}, {width})"
            if self.moded:
                return Value(self.without_denormals(f"taken({code}, {width})", width), "f", width, f"taken_bits({bits}, {width})")
            return Value(f"flushed({code})" if self.flush and width == 32 else code, "f", width, bits)
        code = f"signed({bits}, {width})" if kind == "i" else f"({bits} & {hex((1 << width) - 1)})"
        return Value(code, kind, width)

    # Targets and what is read from containers of bits: (code of the container, low bit, width, kind)

    def place(self, node):
        """A container's code, the code of the lowest bit, the number of bits, the kind, whether reversed; None if it is none."""
        if node[0] == "name":
            name = node[1]
            if name in self.vars:
                value = self.vars[name]
                return (value.code, "0", value.width, value.kind, False) if value.kind != "list" else None
            if name in REGISTERS:
                return (f"r.{name}", "0", REGISTERS[name], "b", False)
            return None
        if node[0] == "field":
            match = TYPE.match(node[2])
            inner = self.place(node[1])
            if not match or inner is None:
                return None
            kind, width = match[1], int(match[2])
            if node[1][0] in ("slice", "index", "part"):
                # As wide as was cut out: `S1[4 : 0].u32`.
                width = min(width, inner[2])
                kind = "u" if width < int(match[2]) else kind
            return (inner[0], inner[1], width, kind, inner[4])
        if node[0] == "slice":
            inner = self.place(node[1])
            if inner is None:
                return None
            high, low = node[2], node[3]
            if high[0] == low[0] == "literal":
                turned = high[1] < low[1]
                first, last = sorted((high[1], low[1]))
                return (inner[0], f"{inner[1]} + {first}", last - first + 1, "b", turned)
            # Widths are always constant: `i * 8 + 7 : i * 8`, `bit + 7U : bit`.
            width = {"bit + 7U": 8, "i * 8 + 7": 8}.get(show(high))
            if width is None:
                raise Unknown(f"a slice from {show(high)}")
            return (inner[0], f"{inner[1]} + {self.expression(low).code}", width, "b", False)
        if node[0] == "part":
            inner = self.place(node[1])
            return (inner[0], f"{inner[1]} + {self.expression(node[2]).code}", node[3], "b", False)
        if node[0] == "index":
            base = node[1]
            if base[0] == "name" and base[1] == "MEM":
                return ("r.MEM", f"8 * ({self.expression(node[2]).code})", 128, "b", False)
            if base[0] == "name" and base[1] in self.vars and self.vars[base[1]].kind == "list":
                value = self.vars[base[1]]
                return (f"{value.code}[{self.expression(node[2]).code}]", "0", value.width[1], value.width[0], False)
            inner = self.place(base)
            if inner is None:
                return None
            return (inner[0], f"{inner[1]} + {self.expression(node[2]).code}", 1, "b", False)
        return None

    def read(self, place, node):
        code, low, width, kind, turned = place
        holder = node
        while holder[0] in ("field", "slice", "index", "part"):
            holder = holder[1]
        own = self.vars.get(holder[1]) if holder[0] == "name" else None
        is_float = own is not None and own.kind == "f"
        if is_float and node[0] == "name":
            return Value(own.code, "f", own.width, own.bits)
        if is_float:
            if kind == "f" and low == "0":
                return self.convert(Value(own.code, "f", own.width), "f", width)
            code = f"bits_of({own.code}, {own.width})"
        elif own is not None and node[0] == "name":
            return Value(own.code, own.kind, own.width)
        if own is not None and own.kind == "list" and own.width[0] == "f" and node[0] == "index":
            return Value(code, "f", own.width[1])
        bits = code if low == "0" else f"({code} >> ({low}))"
        if turned:
            return Value(f"reverse({bits}, {width})", "b", width)
        return self.typed(bits, "u" if kind == "b" and node[0] in ("slice", "index") else kind, width)

    # Expressions

    def expression(self, node):
        kind = node[0]
        if kind == "literal":
            return Value(repr(node[1]), node[2], node[3])
        if kind == "name" and node[1] in CONSTANTS and node[1] not in self.vars:
            return CONSTANTS[node[1]]
        if kind == "name" and node[1] in ZEROS:
            return Value("0", "u", 32)
        if kind == "name" and node[1].startswith(("UNDERFLOW", "OVERFLOW")):
            width = int(node[1][-2:])
            return Value("0.0" if node[1].startswith("UNDER") else "math.inf", "f", width)
        if kind == "field":
            inner = node[1]
            if inner[0] == "name" and inner[1] in CONSTANTS and inner[1] not in self.vars:
                match = TYPE.match(node[2])
                return self.convert(CONSTANTS[inner[1]], match[1], int(match[2]))
            if inner[0] == "name" and inner[1] in ZEROS:
                # The driver's second place in the data share is one further.
                second = inner[1] == "OFFSET1" and re.match(r"ds_(read|write|wrxchg)2_", self.mnemonic)
                return Value("1" if second else "0", "u", 32)
            if inner == ("name", "WAVE_MODE") and node[2] == "IEEE":
                return Value("r.ieee", "u", 1)
        place = self.place(node)
        if place is not None:
            return self.read(place, node)
        if kind in ("field", "slice"):
            # Of an expression.
            inner = self.expression(node[1])
            if kind == "slice":
                if node[2][0] != "literal" or node[3][0] != "literal":
                    raise Unknown(f"a slice of {show(node[1])}")
                width = node[2][1] - node[3][1] + 1
                return self.typed(f"({self.bits(inner)} >> {node[3][1]})", "u", width)
            match = TYPE.match(node[2])
            if not match:
                raise Unknown(f"`.{node[2]}`")
            wanted, width = match[1], int(match[2])
            if inner.kind == "f" and wanted == "f":
                return self.convert(inner, "f", width)
            return self.typed(self.bits(inner), wanted, width)
        if kind == "index":
            inner = self.expression(node[1])
            return Value(f"({self.bits(inner)} >> {self.expression(node[2]).code} & 1)", "u", 1)
        if kind == "cast" and node[2] == 1201 and node[1] == "b":
            return Value("two_over_pi()", "b", 1201)
        if kind == "cast":
            value = self.expression(node[3])
            if value.kind == "f" and node[1] == "b":
                return Value(self.bits(value), "b", node[2])
            if value.kind == "f" and node[1] in "ui":
                raise Unknown("a float cast to an integer")
            is_pattern = node[1] == "f" and node[3][0] == "literal" and node[3][2] in "ui" and node[3][1] > 0xff
            if is_pattern:
                return Value(f"float_of({value.code}, {node[2]})", "f", node[2], value.code)
            found = self.convert(value, node[1], node[2])
            if value.kind == "f" and value.bits and found.bits is None:
                found.origin = (value.bits, value.width)
            return found
        if kind == "choose":
            test, yes, no = (self.expression(part) for part in node[1:])
            if "f" in (yes.kind, no.kind):
                width = max(value.width for value in (yes, no) if value.kind == "f")
                yes, no = self.convert(yes, "f", width), self.convert(no, "f", width)
            return Value(f"({yes.code} if {test.code} else {no.code})", yes.kind, max(yes.width, no.width))
        if kind == "join":
            parts = [self.expression(part) for part in node[1]]
            codes, low = [], 0
            for part in reversed(parts):
                codes.append(f"(({self.bits(part)} & {hex((1 << part.width) - 1)}) << {low})")
                low += part.width
            return Value("(" + " | ".join(codes) + ")", "b", low)
        if kind == "unary":
            value = self.expression(node[2])
            if node[1] == "!":
                return Value(f"(not {value.code})", "u", 1)
            if node[1] == "~":
                return Value(f"({value.code} ^ {hex((1 << value.width) - 1)})" if value.kind in "ub" else f"(~{value.code})",
                             value.kind, value.width)
            if node[1] == "+":
                return value
            bits = f"({value.bits} ^ {hex(1 << value.width - 1)})" if value.kind == "f" and value.bits else None
            return Value(f"(-{value.code})", value.kind, value.width, bits)
        if kind == "binary":
            return self.binary(*node[1:])
        if kind == "call":
            return self.call(node[1], node[2])
        raise Unknown(show(node))

    def binary(self, op, left, right):
        if op in ("==", "!=") and right[0] == "field" and right[1] == ("name", "DENORM"):
            value = self.expression(left)
            return Value(f"is_denormal({value.code}, {right[2][1:]})", "u", 1)
        if op == "*" and right[0] == "binary" and right[1] == "**":
            # The power is a factor, not a float of its own.
            value, by = self.expression(left), self.expression(right[3])
            return Value(f"ldexp({value.code}, {by.code}, {value.width})", "f", value.width)
        if op == "*" and right[0] == "cast" and right[3][0] == "binary" and right[3][1] == "**":
            return self.binary(op, left, right[3])
        a, b = self.expression(left), self.expression(right)
        if op == "**":
            return Value(f"ldexp(1.0, {b.code}, {a.width})", "f", a.width)
        if op in ("&&", "||"):
            return Value(f"({a.code} {'and' if op == '&&' else 'or'} {b.code})", "u", 1)
        python = {"<>": "!=", "/": "divide"}.get(op, op)
        if op in ("==", "!=", "<>", "<", "<=", ">", ">="):
            if op == "<>" and "f" in (a.kind, b.kind):
                # Less or greater: not of NaN.
                return Value(f"({a.code} < {b.code} or {a.code} > {b.code})", "u", 1)
            if b.kind == "f" and b.code in ("0.0", "(-0.0)") and right[0] == "unary":
                return Value(f"same_zero({a.code}, {b.code})", "u", 1)
            return Value(f"({a.code} {python} {b.code})", "u", 1)
        if "f" in (a.kind, b.kind):
            width = max(value.width for value in (a, b) if value.kind == "f")
            if a.kind != "f" or b.kind != "f":
                a, b = self.convert(a, "f", width), self.convert(b, "f", width)
            if op == "*" and self.mnemonic in FUSED:
                # Kept apart for the sum.
                found = Value(self.rounded(f"({a.code} * {b.code})", width), "f", width)
                found.factors = (a.code, b.code)
                return found
            if self.moded:
                return Value(self.without_denormals(f"exactly({a.code}, {op!r}, {b.code}, {width})", width), "f", width)
            code = f"divide({a.code}, {b.code})" if op == "/" else f"({a.code} {op} {b.code})"
            return Value(self.rounded(code, width), "f", width)
        if op in ("<<", ">>"):
            return Value(f"({a.code} {op} {b.code})", a.kind, a.width)
        kinds = a.kind if a.kind == b.kind else "u" if "u" in (a.kind, b.kind) and op in "&|^" else "i"
        return Value(f"({a.code} {op} {b.code})", kinds, max(a.width, b.width))

    def raw(self, node):
        """Bits of a float, through a widening, and how wide they are."""
        inner = node[3] if node[0] == "cast" and node[1] == "f" else node
        value = self.expression(inner)
        if value.kind != "f":
            raise Unknown(f"{show(node)} is no float")
        return self.bits(value), value.width

    def call(self, name, arguments):
        if name.startswith("Calc"):
            return Value("0", "u", 64)
        if name in self.lambdas:
            return self.call_lambda(name, arguments)
        if name in ("isNAN", "isSignalNAN", "isQuietNAN"):
            bits, width = self.raw(arguments[0])
            if name == "isNAN":
                return Value(f"(is_nan({bits}, {width}, 0) or is_nan({bits}, {width}, 1))", "u", 1)
            return Value(f"is_nan({bits}, {width}, {int(name == 'isQuietNAN')})", "u", 1)
        values = [self.expression(argument) for argument in arguments]
        first = values[0]
        if name == "cvtToQuietNAN":
            return Value("math.nan", "f", first.width)
        if name == "exponent":
            return Value(f"exponent({self.bits(first)}, {first.width})", "i", 32)
        if name == "sign":
            return Value(f"({self.bits(first)} >> {first.width - 1} & 1)", "u", 1)
        if name == "mantissa":
            return Value(f"math.frexp({first.code})[0]", "f", first.width)
        if name == "abs":
            bits = f"({first.bits} & {hex((1 << first.width - 1) - 1)})" if first.kind == "f" and first.bits else None
            return Value(f"abs({first.code})", first.kind, first.width, bits)
        if name in ("floor", "trunc"):
            return Value(f"apply(math.{name}, {first.code})" if name == "trunc" else f"floor({first.code})", "f", first.width)
        if name == "fract":
            return Value(f"({first.code} - floor({first.code}))", "f", first.width)
        if name == "isEven":
            return Value(f"(math.isfinite({first.code}) and {first.code} % 2.0 == 0.0)", "u", 1)
        if name == "sqrt":
            return Value(self.rounded(f"root({first.code})", first.width), "f", first.width)
        if name == "fma":
            return Value(f"fma({', '.join(value.code for value in values)}, {first.width})", "f", first.width)
        if name == "ldexp":
            return Value(f"ldexp({first.code}, {values[1].code}, {first.width})", "f", first.width)
        if name == "signext":
            return Value(f"signed({first.code}, {first.width})", "i", 64)
        if name == "signext_from_bit":
            return Value(f"(signed({first.code}, {values[1].code}) if {values[1].code} else 0)", "i", first.width)
        if name == "bitCount":
            return Value(f"({first.code}).bit_count()", "u", 32)
        match = re.match(r"^([uif])(\d+)_to_([uif])(\d+)$", name)
        if match:
            return self.conversion(first, match[1], int(match[2]), match[3], int(match[4]))
        match = re.match(r"^f(16|32)_to_([su])norm$", name)
        if match:
            low, most = ("-1.0", 32767) if match[2] == "s" else ("0.0", 65535)
            return Value(f"normalised({first.code}, {low}, {most})", "i" if match[2] == "s" else "u", 16)
        if name.startswith("v_"):
            last = TYPE.match(name.rsplit("_", 1)[1])
            kind, width = (last[1], int(last[2])) if name not in ("v_sad_u8", "v_msad_u8") else ("u", 32)
            sources = ", ".join(self.bits(value) for value in values)
            return self.typed(f"ops[{name!r}]({sources}, ieee=r.ieee)", kind, width)
        raise Unknown(f"{name}()")

    def conversion(self, value, source, width, target, bits):
        value = self.convert(value, source, width)
        if target == "f":
            if source == "f" and self.mnemonic == "v_cvt_pkrtz_f16_f32":
                raise Unknown("a rounding toward zero")
            return Value(self.rounded(f"float({value.code})", bits), "f", bits)
        low, high = (0, (1 << bits) - 1) if target == "u" else (-(1 << bits - 1), (1 << bits - 1) - 1)
        return Value(f"saturated({value.code}, {low}, {high})", target, bits)

    def call_lambda(self, name, arguments):
        names, body = self.lambdas[name]
        values = [self.expression(argument) for argument in arguments]
        kept, self.vars = self.vars, {}
        self.count += 1
        own = f"{name}_{self.count}"
        lines, self.lines = self.lines, []
        for parameter, value in zip(names, values):
            self.vars[parameter] = Value(parameter + "_", value.kind, value.width)
        self.returns = None
        self.emit(1, f"def {own}({', '.join(parameter + '_' for parameter in names)}):")
        self.block(body, 2)
        found, self.lines = self.lines, lines
        self.lines[:0] = found
        self.vars = kept
        kind, width = self.returns
        return Value(f"{own}({', '.join(value.code for value in values)})", kind, width)

    # Statements

    def block(self, statements, depth):
        if not statements:
            self.emit(depth, "pass")
        for statement in statements:
            self.statement(statement, depth)

    def statement(self, node, depth):
        kind = node[0]
        if kind == "if":
            for number, (test, body) in enumerate(node[1]):
                self.emit(depth, f"{'elif' if number else 'if'} {self.expression(test).code}:")
                self.block(body, depth + 1)
            if node[2]:
                self.emit(depth, "else:")
                self.block(node[2], depth + 1)
        elif kind == "for":
            low, high = self.expression(node[2]).code, self.expression(node[3]).code
            self.vars[node[1]] = Value(node[1] + "_", "i", 32)
            self.emit(depth, f"for {node[1]}_ in range({low}, {high} + 1):")
            self.block(node[4], depth + 1)
        elif kind == "declare":
            name, many = node[1], node[3]
            width, letter = node[2].split("'")
            if name == "CVT_OFF_TABLE":
                self.vars[name] = Value("TABLE", "list", ("f", 32))
            elif name == "S":
                self.vars[name] = Value("[r.S0, r.S1, r.S2]", "list", ("b", 32))
            elif many:
                self.vars[name] = Value(name + "_", "list", (letter.lower(), int(width)))
                self.emit(depth, f"{name}_ = [0] * {many}")
            elif name not in ZEROS:
                self.vars[name] = Value(name + "_", letter.lower(), int(width))
                self.emit(depth, f"{name}_ = 0")
        elif kind == "return":
            value = self.expression(node[1])
            self.returns = self.returns or (value.kind, value.width)
            self.emit(depth, f"return {value.code}")
        elif kind == "break":
            self.emit(depth, "break")
        elif kind == "lambda":
            self.lambdas[node[1]] = (node[2], node[3])
        else:
            self.assign(node[1], node[2], node[3], depth)

    def assign(self, targets, op, node, depth):
        if op != "=":
            node = ("binary", op[0], targets[0], node)
        value = self.fused(node) or self.expression(node)
        for target in targets:
            if target[0] == "join":
                self.emit(depth, f"whole = {self.bits(value)}")
                low = 0
                for part in reversed(target[1]):
                    width = self.place(part)[2]
                    self.store(part, Value(f"(whole >> {low})", "u", width), depth)
                    low += width
            else:
                self.store(target, value, depth)

    def fused(self, node):
        """A sum whose product is not rounded on its own."""
        if self.mnemonic not in FUSED or node[0] != "binary" or node[1] != "+":
            return None
        left = self.expression(node[2])
        if not hasattr(left, "factors"):
            return None
        right = self.convert(self.expression(node[3]), "f", left.width)
        return Value(f"fma({left.factors[0]}, {left.factors[1]}, {right.code}, {left.width})", "f", left.width)

    def store(self, target, value, depth):
        if target[0] == "name" and target[1] not in self.vars and target[1] not in REGISTERS:
            width = value.width if value.kind == "f" else max(32, value.width)
            self.vars[target[1]] = Value(target[1] + "_", value.kind, width)
            self.emit(depth, f"{target[1]}_ = {value.code}")
            return
        if target[0] == "name" and target[1] in self.vars:
            own = self.vars[target[1]]
            self.emit(depth, f"{own.code} = {self.convert(value, own.kind, own.width).code}")
            return
        holder = target
        while holder[0] in ("field", "slice", "index", "part"):
            holder = holder[1]
        if holder[0] == "name" and holder[1] not in self.vars and holder[1] not in REGISTERS and holder[1] != "MEM":
            self.vars[holder[1]] = Value(holder[1] + "_", "b", 128)
            self.emit(depth, f"{holder[1]}_ = 0" if f"{holder[1]}_ = 0" not in map(str.strip, self.lines) else "pass")
        place = self.place(target)
        if place is None:
            raise Unknown(f"{show(target)} as a target")
        code, low, width, kind, turned = place
        if target[0] == "index" and holder[1] in self.vars and self.vars[holder[1]].kind == "list":
            own = self.vars[holder[1]].width
            self.emit(depth, f"{code} = {self.convert(value, *own).code}")
            return
        if kind == "f":
            value = self.convert(value, "f", width)
        elif value.kind == "f" and value.width > width:
            value = self.convert(value, "f", width)
        if kind == "f" and self.moded and code == "r.D0":
            # What was only passed on is taken as a number, too.
            value = Value(f"given({value.code}, {width})", "f", width)
        bits = self.bits(value)
        if turned:
            bits = f"reverse({bits}, {width})"
        self.emit(depth, f"{code} = insert({code}, int({bits}), {low}, {width})")
        if code == "r.D0" and target[0] != "slice":
            self.emit(depth, f"r.width = {width if target[0] != 'name' else min(value.width, 128)}")


def show(node):
    """An expression's text, more or less."""
    if node[0] == "name":
        return node[1]
    if node[0] == "literal":
        return f"{node[1]}{'U' if node[2] == 'u' else ''}"
    if node[0] == "binary":
        return f"{show(node[2])} {node[1]} {show(node[3])}"
    return node[0]


def same_zero(value, zero):
    return value == 0.0 and math.copysign(1.0, value) == math.copysign(1.0, zero)
