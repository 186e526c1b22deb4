//! The table as a whole, without any tool beside it.

use gcn::row::{Format, Place};
use gcn::{Constant, DecodeError, Form, Op, Operand, gfx9};
use std::collections::{BTreeMap, BTreeSet};

/// What 20 HIP kernels at two levels of optimisation and all of librocrand's code are made of.
const USED: &str = include_str!("used-by-programs.txt");

#[test]
fn no_two_lines_have_one_opcode_or_one_name() {
    let mut opcodes = BTreeMap::new();
    let mut names = BTreeSet::new();
    for row in gfx9::rows() {
        let place = (format!("{:?}", row.format), row.opcode);
        assert_eq!(opcodes.insert(place, row.mnemonic), None, "{}", row.mnemonic);
        assert!(names.insert(row.mnemonic), "{}", row.mnemonic);
    }
}

#[test]
fn a_line_is_known_by_its_number() {
    for (at, row) in gfx9::rows().enumerate() {
        let number = gfx9::number(row).expect("a line of the table");
        assert_eq!((usize::from(number), gfx9::row(number)), (at, Some(row)));
    }
    assert_eq!(gfx9::row(gfx9::COUNT as u16), None);
    assert_eq!(gfx9::rows().count(), gfx9::COUNT);
}

#[test]
fn every_operation_is_named_by_a_line() {
    let named: BTreeSet<Op> = gfx9::rows().map(|row| row.op).collect();
    let idle: Vec<_> = Op::ALL.iter().filter(|op| !named.contains(op)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}

// Keeps: gcn-as-llvm
#[test]
fn every_mnemonic_that_programs_use_is_in_the_table() {
    let known: BTreeSet<&str> = gfx9::rows().map(|row| row.mnemonic).collect();
    let missing: Vec<_> = USED.lines().filter(|used| !known.contains(used)).collect();
    assert!(USED.lines().count() > 300 && missing.is_empty(), "{missing:?}");
}

#[test]
fn loads_and_stores_of_all_vector_memory_are_the_same_operations() {
    for (mnemonic, op) in [
        ("flat_load_dword", Op::load_b32),
        ("global_load_dword", Op::load_b32),
        ("scratch_load_dword", Op::load_b32),
        ("buffer_load_dword", Op::load_b32),
        ("global_atomic_add_x2", Op::atomic_add_u64),
        ("buffer_atomic_add_x2", Op::atomic_add_u64),
    ] {
        let row = gfx9::rows().find(|row| row.mnemonic == mnemonic);
        assert_eq!(row.map(|row| row.op), Some(op), "{mnemonic}");
    }
}

#[test]
fn a_known_word_has_its_operands_at_their_places() {
    // v_mad_u64_u32 v[0:1], s[4:5], v2, s3, v[6:7]
    let inst = gfx9::decode(&[0xd1e8_0400, 0x0418_0702]).expect("an instruction");
    assert_eq!(
        (inst.op(), inst.row.format, inst.form, inst.words),
        (Op::v_mad_u64_u32, Format::VOP3, Form::Native, 2)
    );
    assert_eq!(inst.at(Place::Dst).map(|bound| bound.operand), Some(Operand::Vgpr(0)));
    assert_eq!(
        inst.src(0).map(|bound| (bound.operand, bound.row.ty.registers())),
        Some((Operand::Vgpr(2), 1))
    );
    assert_eq!(
        inst.src(2).map(|bound| (bound.operand, bound.row.ty.registers())),
        Some((Operand::Vgpr(6), 2))
    );
    assert_eq!(inst.to_string(), "v_mad_u64_u32 v[0:1], s[4:5], v2, s3, v[6:7]");
}

#[test]
fn a_literal_is_a_word_of_the_instruction() {
    // s_mov_b32 s0, 0x12345678
    let inst = gfx9::decode(&[0xbe80_00ff, 0x1234_5678]).expect("an instruction");
    assert_eq!(
        (inst.words, inst.src(0).map(|bound| bound.operand)),
        (2, Some(Operand::Literal(0x1234_5678)))
    );
    assert_eq!(gfx9::decode(&[0xbe80_00ff]), Err(DecodeError::Truncated));
    assert_eq!(gfx9::decode(&[]), Err(DecodeError::Truncated));
}

#[test]
fn constants_have_the_bits_of_their_operand() {
    let half = Constant::of(240).expect("0.5");
    assert_eq!([half.bits(16), half.bits(32), half.bits(64)], [0x3800, 0x3f00_0000, 0x3fe0_0000_0000_0000]);
    let minus = Constant::of(193).expect("-1");
    assert_eq!([minus.bits(16), minus.bits(32), minus.bits(64)], [0xffff, 0xffff_ffff, u64::MAX]);
    assert_eq!((Constant::of(209), Constant::of(249)), (None, None));
}

// Keeps: gcn-refused
#[test]
fn what_is_not_served_says_what_it_is() {
    // image_load v0, v[0:1], s[0:7]
    assert_eq!(gfx9::decode(&[0xf000_0100, 0]), Err(DecodeError::Class("image")));
    assert_eq!(gfx9::decode(&[0xc400_0000, 0]), Err(DecodeError::Class("export")));
    let unknown = gfx9::decode(&[0x9b00_0000]);
    assert_eq!(unknown.map_err(|error| error.to_string()), Err("SOP2 has no opcode 0x36".to_owned()));
}

#[test]
fn what_an_instruction_does_not_look_at_does_not_refuse_it() {
    // V_CLREXCP and V_NOP with a source, among them those that announce SDWA and a literal; V_LDEXP_F16 with a second |source|.
    for (words, text) in [
        ([0x7e00_6ab7, 0], "v_clrexcp"),
        ([0x7e00_00f9, 0], "v_nop"),
        ([0x7e00_00ff, 0], "v_nop"),
        ([0x67bb_aefa, 0xb091_0428], "v_ldexp_f16_dpp v221, -v40, v215 row_shl:4 row_mask:0xb bank_mask:0x0"),
        ([0xd133_003c, 0x0001_e942], "v_ldexp_f16_e64 v60, v66, 2.0"),
    ] {
        assert_eq!(gfx9::decode(&words).map(|inst| inst.to_string()), Ok(text.to_owned()), "{words:08x?}");
    }
}
