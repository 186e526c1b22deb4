//! What is to be read at least once, whatever the words are drawn from.

use gcn::row::{Format, Place};
use gcn::{Inst, gfx9};

/// What is to be read of each line of the table: each of its forms, each kind of operand at each source that may be any, each
/// modifier that it allows.
pub fn all() -> impl Iterator<Item = (&'static str, String)> {
    gfx9::rows().flat_map(|row| {
        use Format::{VOP1, VOP2, VOP3, VOP3P, VOPC};
        let is_short = matches!(row.format, VOP1 | VOP2 | VOPC);
        let none = row.operands().next().is_none();
        let mut of = vec!["Native".to_owned()];
        let mut may = |may: bool, subject: &str| {
            if may {
                of.push(subject.to_owned());
            }
        };
        let allowed = row.allowed;
        may(is_short && !allowed.no_e64, "E64");
        may(is_short && !allowed.no_sdwa && !row.is_wide() && !none, "Sdwa");
        may(is_short && !allowed.no_dpp && !row.is_wide() && !none && row.format != VOPC, "Dpp");
        let long = matches!(row.format, VOP3 | VOP3P) || is_short && !allowed.no_e64;
        may(allowed.clamp && long, "clamp");
        may(allowed.omod && long, "omod");
        may(allowed.op_sel, "op_sel");
        let any =
            row.operands().filter(|operand| matches!(operand.place, Place::Src(0)) && operand.ty.bits <= 64);
        for _ in any {
            let vector = is_short || matches!(row.format, VOP3 | VOP3P);
            may(vector, "Vgpr");
            may(true, "Scalar");
            may(row.format != Format::SOPK, "Constant");
            may(!matches!(row.format, VOP3 | VOP3P | Format::SOPK), "Literal");
        }
        of.into_iter().map(|subject| (row.mnemonic, subject))
    })
}

/// The subjects that an instruction is an example of.
pub fn of(inst: &Inst) -> Vec<String> {
    let modifiers = &inst.modifiers;
    let mut of = vec![format!("{:?}", inst.form)];
    for (is, name) in
        [(modifiers.clamp, "clamp"), (modifiers.omod != 0, "omod"), (modifiers.op_sel != 0, "op_sel")]
    {
        if is {
            of.push(name.to_owned());
        }
    }
    if let Some(source) = inst.src(0) {
        of.extend(format!("{:?}", source.operand).split('(').next().map(str::to_owned));
    }
    of
}
