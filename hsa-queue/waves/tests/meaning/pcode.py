# What is asked and answered. Part of values.py's module, whose head says how.

# gfx9's multiply-adds that are not fused flush denormals of f32, whatever the mode (LLVM, AMDGPUUsage and SIISelLowering on
# V_MAD_F32); the pseudo-code is of a generation that has them no more, and only names those of f16.
FLUSHING = {"v_mad_f32", "v_mac_f32", "v_madmk_f32", "v_madak_f32"}
OWN = {
    "v_mad_f32": "D0.f32 = S0.f32 * S1.f32 + S2.f32",
    "v_mac_f32": "D0.f32 = S0.f32 * S1.f32 + D0.f32",
    # The literal is the third source here.
    "v_madmk_f32": "D0.f32 = S0.f32 * S2.f32 + S1.f32",
    "v_madak_f32": "D0.f32 = S0.f32 * S1.f32 + S2.f32",
    "v_madmk_f16": "D0.f16 = S0.f16 * S2.f16 + S1.f16",
    "v_madak_f16": "D0.f16 = S0.f16 * S1.f16 + S2.f16",
    # The text keeps the lowest 53 of 1201 bits after its shift to the left; they are the highest ones that are meant.
    "v_trig_preop_f64": """
        shift = 32'I(S1[4 : 0].u32) * 53;
        if exponent(S0.f64) > 1077 then shift += exponent(S0.f64) - 1077 endif;
        bits = 1201'B(2.0 / PI) << shift.u32;
        result = 64'F((bits >> 1148U) & 0x1fffffffffffffULL);
        scale = -53 - shift;
        if exponent(S0.f64) >= 1968 then scale += 128 endif;
        D0.f64 = ldexp(result, scale)""",
}
# None: see the known errors of the driver.
FUSED = set()


class State:
    __slots__ = (*REGISTERS, "MEM", "lane", "ieee", "width")


def load():
    from tinygrad.runtime.autogen.amd.cdna.str_pcode import PCODE
    found = dict(OWN)
    for op, text in PCODE.items():
        name = re.sub(r"_e(32|64)$", "", op.name.lower())
        found.setdefault(name, text)
    return found


class Ops(dict):
    """Functions of mnemonics, made when they are asked for."""

    def __init__(self, texts):
        self.texts, self.whole = texts, {}

    def __missing__(self, name):
        function = self.make(name)

        def of(*sources, ieee):
            r = State()
            for register in REGISTERS:
                setattr(r, register, 0)
            for number, bits in enumerate(sources):
                setattr(r, f"S{number}", bits)
            r.ieee, r.lane, r.MEM, r.width = ieee, 0, 0, 0
            function(r)
            return r.D0
        self[name] = of
        return of

    def make(self, name):
        if (name, MODE) not in self.whole:
            if name not in self.texts:
                raise Unknown("there is no text of it")
            body = Parser(self.texts[name]).block("end", "")
            function = Function(self, name, MODE != 0xf0)
            function.block(body, 1)
            source = f"def {name}(r):\n" + "\n".join(function.lines) + "\n"
            scope = dict(globals(), ops=self)
            try:
                exec(compile(source, name, "exec"), scope)
            except SyntaxError as error:
                raise Unknown(f"{error}: {source}")
            self.whole[name, MODE] = scope[name]
        return self.whole[name, MODE]


def main():
    ops, failed, last = Ops(load()), {}, None
    out = []
    for line in sys.stdin:
        name, *numbers = line.split()
        lane, ieee, s0, s1, s2, d, vcc, execute, scc, memory = (int(number, 16) for number in numbers)
        if name in failed:
            out.append(failed[name])
            continue
        global MODE
        MODE = ieee & 0xff
        ieee = ieee >> 9 & 1
        if MODE != last:
            # Functions that others call are of one mode.
            ops.clear()
            last = MODE
        r = State()
        r.lane, r.ieee, r.S0, r.S1, r.S2, r.D0, r.VCC, r.EXEC, r.SCC, r.MEM = lane, ieee, s0, s1, s2, d, vcc, execute, scc, memory
        r.D1 = r.width = 0
        r.RETURN_DATA = d
        # Data of memory instructions are the second and third source, one behind the other; loads have their old destination.
        r.DATA = r.SDATA = s1 | s2 << 64
        if name.startswith("v_div_scale"):
            # What is not scaled is given back; the text leaves that out.
            r.D0 = s0
        r.VDATA = d if "load" in name or "atomic" in name else r.DATA
        r.DATA2 = s2
        try:
            ops.make(name)(r)
            given = r.RETURN_DATA if "RETURN_DATA" in ops.texts[name] else r.VDATA if "VDATA" in ops.texts[name] else r.D0
            given &= (1 << 128) - 1
            out.append(f"{given:x} {r.width:x} {r.D1 & 1:x} {r.VCC:x} {r.EXEC:x} {r.SCC & 1:x} {r.MEM:x}")
        except Unknown as unknown:
            failed[name] = f"? {str(unknown).splitlines()[0]}"
            out.append(failed[name])
        except Exception as error:
            out.append(f"! {type(error).__name__}: {error}")
    print("\n".join(out))


if __name__ == "__main__":
    main()
