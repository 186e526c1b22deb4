//! Floats in a mode, or with modifiers, that the usual loops are not for: rounding otherwise than to the nearest, denormals
//! that are zeros, results that are scaled or clamped. Each lane by itself ([`crate::lane::moded`]).

use crate::lane::exact::{Format as Float, HALF, SINGLE};
use crate::lane::half::widen;
use crate::lane::moded::{self, Env};
use crate::operand::unsupported;
use crate::stop::Stop;
use crate::wave::{LANES, Lanes, Wave};
use gcn::row::{Format, Kind, Place, Row};
use gcn::{Inst, Op, Operand};

/// Widths of floats that go in or out.
fn widths(row: &Row) -> impl Iterator<Item = u16> + '_ {
    row.operands().flat_map(|operand| match operand.ty.kind {
        Kind::Float => [operand.ty.bits, 0],
        Kind::Packed if row.mnemonic.contains("f16") => {
            [16, if row.mnemonic.contains("f32") { 32 } else { 0 }]
        }
        Kind::Mix => [16, 32],
        _ => [0, 0],
    })
}

impl Wave {
    /// Whether an instruction is for [`Wave::moded`].
    pub(super) fn is_moded(&self, inst: &Inst) -> bool {
        use Op::{
            v_cmp_class_f16, v_cmp_class_f32, v_cmp_class_f64, v_cmpx_class_f16, v_cmpx_class_f32,
            v_cmpx_class_f64,
        };
        use Op::{
            v_cndmask_b32, v_cvt_pk_u8_f32, v_cvt_pkaccum_u8_f32, v_div_scale_f32, v_div_scale_f64,
            v_pack_b32_f16, v_trig_preop_f64,
        };
        let op = inst.op();
        // Bits go through as they are.
        let is_moved = matches!(
            op,
            v_cmp_class_f16
                | v_cmp_class_f32
                | v_cmp_class_f64
                | v_cmpx_class_f16
                | v_cmpx_class_f32
                | v_cmpx_class_f64
                | v_cndmask_b32
                | v_cvt_pk_u8_f32
                | v_cvt_pkaccum_u8_f32
                | v_div_scale_f32
                | v_div_scale_f64
                | v_pack_b32_f16
                | v_trig_preop_f64
        );
        let (single, other) =
            (widths(inst.row).any(|bits| bits == 32), widths(inst.row).any(|bits| bits == 16 || bits == 64));
        if is_moved || !single && !other {
            return false;
        }
        let keeps = !self.mode.keeps_f32_denormals();
        let is_step = matches!(op, Op::v_div_fmas_f32 | Op::v_div_fixup_f32);
        let converts = inst.row.mnemonic.starts_with("v_cvt");
        let modifies = inst.modifiers.omod != 0
            || inst.modifiers.clamp && (other || converts || is_step || inst.row.format == Format::VOPC);
        let unusual = single
            && (self.mode.rounds_f32() || self.mode.mixes_f32_denormals() || keeps && is_step)
            || other
                && (self.mode.rounds_others()
                    || !self.mode.keeps_other_denormals()
                    || self.mode.stays_finite());
        modifies || unusual || Self::is_only_moded(op)
    }

    /// Operations that no loop is made for.
    fn is_only_moded(op: Op) -> bool {
        use Op::{v_cubeid_f32, v_cubema_f32, v_cubesc_f32, v_cubetc_f32};
        use Op::{
            v_cvt_norm_i16_f16, v_cvt_norm_u16_f16, v_cvt_off_f32_i4, v_cvt_pknorm_i16_f16,
            v_cvt_pknorm_u16_f16,
        };
        use Op::{v_mad_legacy_f32, v_madak_f16, v_madmk_f16};
        matches!(
            op,
            v_cubeid_f32
                | v_cubema_f32
                | v_cubesc_f32
                | v_cubetc_f32
                | v_cvt_norm_i16_f16
                | v_cvt_norm_u16_f16
                | v_cvt_off_f32_i4
                | v_cvt_pknorm_i16_f16
                | v_cvt_pknorm_u16_f16
                | v_mad_legacy_f32
                | v_madak_f16
                | v_madmk_f16
        )
    }

    /// Executes it.
    pub(super) fn moded(&mut self, inst: &Inst) -> Result<(), Stop> {
        let env = Env::of(self.mode, &inst.modifiers);
        match inst.row.format {
            Format::VOPC => return self.moded_compare(inst, &env),
            Format::VOP3P => return self.moded_packed(inst, &env),
            _ => {}
        }
        let sources = self.sources(inst)?;
        let Some(to) = inst.at(Place::Dst) else { return unsupported(inst) };
        let format = Float::of(to.row.ty.bits.into());
        let vcc = self.vcc();
        let mut out = Lanes::all(0_u64);
        for lane in 0..LANES {
            let own = [0, 1, 2].map(|number| sources[number].0[lane]);
            match moded::compute(inst.op(), format, own, vcc >> lane & 1 != 0, &env) {
                Some(bits) => out.0[lane] = bits,
                None => return unsupported(inst),
            }
        }
        if to.row.ty.bits == 64 {
            return self.set_vector(inst, &out);
        }
        self.set_vector(inst, &Lanes::from_fn(|lane| out.0[lane] as u32))
    }

    /// All sources, as bits; the third of a multiply-add may be the destination or the literal.
    fn sources(&self, inst: &Inst) -> Result<[Lanes<u64>; 3], Stop> {
        let mut all = [Lanes::all(0_u64); 3];
        for (number, lanes) in all.iter_mut().enumerate() {
            let Some(bound) = inst.src(number as u8) else { continue };
            // Of what has no halves or words to choose from, an operand of 16 bits is the low half.
            let mask = if bound.row.ty.bits == 16 { 0xffff } else { u64::MAX };
            *lanes = if bound.row.ty.bits == 64 {
                self.source::<u64>(inst, number as u8)?
            } else {
                let words = self.source::<u32>(inst, number as u8)?;
                Lanes::from_fn(|lane| u64::from(words.0[lane]) & mask)
            };
        }
        match (inst.op(), inst.at(Place::Literal).map(|bound| bound.operand), inst.at(Place::Dst)) {
            (Op::v_mac_f16 | Op::v_mac_f32, _, Some(to)) => {
                let mask = if inst.op() == Op::v_mac_f16 { 0xffff } else { u32::MAX };
                let old = self.plain::<u32>(inst, to)?;
                all[2] = Lanes::from_fn(|lane| (old.0[lane] & mask).into());
            }
            (Op::v_madak_f16 | Op::v_madak_f32, Some(Operand::Literal(word)), _) => {
                all[2] = Lanes::all(word.into());
            }
            (Op::v_madmk_f16 | Op::v_madmk_f32, Some(Operand::Literal(word)), _) => {
                all[2] = all[1];
                all[1] = Lanes::all(word.into());
            }
            _ => {}
        }
        Ok(all)
    }

    fn moded_compare(&mut self, inst: &Inst, env: &Env) -> Result<(), Stop> {
        let mut words = inst.row.mnemonic.split('_').skip(1);
        let (kind, name) = (words.next(), words.next());
        let Some(holds) = name.and_then(super::compare::relation) else { return unsupported(inst) };
        let Some(bits) = inst.src(0).map(|bound| bound.row.ty.bits) else { return unsupported(inst) };
        let format = Float::of(bits.into());
        let [a, b, _] = self.sources(inst)?;
        let mut found = 0;
        for lane in 0..LANES {
            let [a, b] = [a.0[lane], b.0[lane]].map(|bits| env.input(format, bits));
            found |= u64::from(holds(moded::order(format, a, b))) << lane;
        }
        let found = found & self.written(inst);
        self.set_mask(inst, found)?;
        if kind == Some("cmpx") {
            self.set_exec(found);
        }
        Ok(())
    }

    fn moded_packed(&mut self, inst: &Inst, env: &Env) -> Result<(), Stop> {
        if let Some(op) = moded::of_each_half(inst.op()) {
            let half = |a: u16, b: u16, c: u16| {
                moded::compute(op, HALF, [a, b, c].map(u64::from), false, env).unwrap_or_default() as u16
            };
            return self.halves(inst, half).map(|_| ());
        }
        let to = match inst.op() {
            Op::v_mad_mix_f32 => SINGLE,
            Op::v_mad_mixlo_f16 | Op::v_mad_mixhi_f16 => HALF,
            _ => return unsupported(inst),
        };
        let sources = self.mix_sources(inst, |half| widen(env.input(HALF, half.into()) as u16))?;
        let Some(place) = inst.at(Place::Dst) else { return unsupported(inst) };
        let old = self.plain::<u32>(inst, place)?;
        let out = Lanes::from_fn(|lane| {
            let own = [0, 1, 2].map(|number| u64::from(sources[number][lane].to_bits()));
            let bits = moded::mixed(own, to, env) as u32;
            match inst.op() {
                Op::v_mad_mix_f32 => bits,
                Op::v_mad_mixlo_f16 => old.0[lane] & 0xffff_0000 | bits,
                _ => old.0[lane] & 0xffff | bits << 16,
            }
        });
        self.set_vector(inst, &out)
    }
}

#[cfg(test)]
mod tests {
    use crate::lane::exact::{Format as Float, HALF};
    use crate::wave::{LANES, Mode, Wave};
    use gcn::row::{Format, Kind, Place};
    use gcn::{Inst, gfx9};

    /// Denormals kept or, of f32, flushed; IEEE and DX10_CLAMP or neither: for these the loops are made.
    const USUAL: [u32; 4] = [0x3f0, 0x3c0, 0x1f0, 0x0c0];

    /// Lines with floats as an instruction of v8, v10, v12 to v16; packed halves as compilers choose them.
    fn instructions() -> impl Iterator<Item = Inst> {
        gfx9::rows().filter_map(|row| {
            let op = u32::from(row.opcode);
            let sources = row.operands().filter(|operand| matches!(operand.place, Place::Src(_))).count();
            let kept = (1_u64 << (9 * sources)) - 1;
            let three = ((264 | 266 << 9 | 268 << 18) & kept) as u32;
            let words = match row.format {
                Format::VOP1 => [0x7e00_0000 | 16 << 17 | op << 9 | 264, 0],
                Format::VOP2 => [op << 25 | 16 << 17 | 10 << 9 | 264, 0x4010_3800],
                Format::VOPC => [0x7c00_0000 | op << 17 | 10 << 9 | 264, 0],
                Format::VOP3 => [0xd000_0000 | op << 16 | 16, three],
                Format::VOP3P => [0xd380_0000 | op << 16 | 16 | 0x4000, three | 0x1800_0000],
                _ => return None,
            };
            gfx9::decode(&words).ok()
        })
    }

    fn wave(rng: &mut fastrand::Rng, mode: u32, halves: Option<u32>) -> Wave {
        let mut wave = Wave::new(0, 20, Mode(mode));
        wave.set_exec(u64::MAX);
        for (number, register) in wave.vectors.iter_mut().enumerate() {
            register.0 = std::array::from_fn(|lane| match (halves, rng.u32(0..5)) {
                (Some(first), _) if number == 8 => first + lane as u32,
                (_, 0) => [0, 0x8000_0000, 0x3f80_0000, 0x7f80_0000, 0x7fc0_0000, 0x3c00_7c00, 0x8001]
                    [rng.usize(0..7)],
                (_, 1) => rng.u32(0x3f00_0000..0x4100_0000),
                (_, 2) => rng.u32(0..0x2000) * 7,
                _ => rng.u32(..),
            });
        }
        wave
    }

    fn same(row: &gcn::row::Row, fast: &Wave, exact: &Wave) -> Result<(), String> {
        if (fast.vcc(), fast.exec()) != (exact.vcc(), exact.exec()) {
            return Err(format!("masks {:#x}, exactly {:#x}", fast.vcc(), exact.vcc()));
        }
        let to = row.operands().find(|operand| operand.place == Place::Dst);
        let Some(ty) = to.map(|to| to.ty) else { return Ok(()) };
        let nan = |bits: u64, format: Float| format.is_nan(bits);
        for lane in 0..LANES {
            let of = |wave: &Wave| {
                let low = u64::from(wave.vectors[16].0[lane]);
                if ty.bits == 64 { low | u64::from(wave.vectors[17].0[lane]) << 32 } else { low }
            };
            let (a, b) = (of(fast), of(exact));
            let halves = |at: u32| (a >> at & 0xffff, b >> at & 0xffff);
            let is_same = match (ty.kind, row.mnemonic.starts_with("v_mad_mix")) {
                (_, true) | (Kind::Packed, _) => {
                    [0, 16].into_iter().all(|at| {
                        let (a, b) = halves(at);
                        a == b || nan(a, HALF) && nan(b, HALF)
                    }) || ty.bits == 32 && nan(a, Float::of(32)) && nan(b, Float::of(32))
                }
                (Kind::Float, _) => {
                    let format = Float::of(ty.bits.into());
                    let bits = u64::MAX >> (64 - format.bits);
                    a == b || nan(a & bits, format) && nan(b & bits, format)
                }
                _ => a == b,
            };
            if !is_same {
                // Those of 16 bits that hardware approximates are rounded to f32 on the way.
                let approximate = ["v_exp", "v_log", "v_sin", "v_cos", "v_rsq", "v_rcp"]
                    .iter()
                    .any(|start| row.mnemonic.starts_with(start) && ty.bits == 16);
                if approximate && a.abs_diff(b) <= 1 {
                    continue;
                }
                let sources = [8, 9, 10, 11, 12, 13].map(|number| fast.vectors[number].0[lane]);
                return Err(format!("{a:#x}, exactly {b:#x}, of {sources:x?}"));
            }
        }
        Ok(())
    }

    // Keeps: wave-modes
    #[test]
    fn the_loops_do_what_is_computed_exactly() {
        let mut rng = fastrand::Rng::with_seed(32);
        let (mut compared, mut wrong) = (0, Vec::new());
        for inst in instructions() {
            let has_floats = super::widths(inst.row).any(|bits| bits != 0);
            if !has_floats || Wave::is_only_moded(inst.op()) {
                continue;
            }
            // All numbers of 16 bits for what has one such source.
            let short = inst.src(1).is_none() && inst.src(0).is_some_and(|source| source.row.ty.bits == 16);
            let rounds = if short { 0x1_0000 / LANES as u32 } else { 200 };
            let mut any = false;
            for round in 0..rounds {
                let mode = USUAL[rng.usize(0..4)];
                let mut fast = wave(&mut rng, mode, short.then_some(round * LANES as u32));
                if fast.is_moded(&inst) {
                    continue;
                }
                let mut exact = fast.clone();
                fast.execute_vector(&inst).expect("a loop");
                // What is not computed here goes through as bits.
                if exact.moded(&inst).is_err() {
                    break;
                }
                any = true;
                if let Err(how) = same(inst.row, &fast, &exact) {
                    wrong.push(format!("{inst} in {mode:#x}: {how}"));
                    break;
                }
            }
            compared += usize::from(any);
        }
        assert!(wrong.is_empty(), "{} of {compared}: {wrong:#?}", wrong.len());
        assert!(compared > 200, "{compared} instructions compared");
    }
}
