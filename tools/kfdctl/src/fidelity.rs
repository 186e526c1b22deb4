//! How near to hardware a kernel's results are: the mnemonics that it came to, by the engine's table of fidelity.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use waves::fidelity::{self, Fidelity};

/// The mnemonics of a kernel by their fidelity, the exact ones first.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fidelities {
    known: BTreeMap<Fidelity, Vec<String>>,
    /// What is in no table: of a daemon of another version.
    unknown: Vec<String>,
}

impl Fidelities {
    /// Those of mnemonics, with whatever is counted of them.
    pub fn of(mnemonics: &BTreeMap<String, u64>) -> Self {
        let mut all = Self::default();
        for mnemonic in mnemonics.keys() {
            let class = match fidelity::of(mnemonic) {
                Some(entry) => all.known.entry(entry.fidelity).or_default(),
                None => &mut all.unknown,
            };
            class.push(mnemonic.clone());
        }
        all
    }

    fn classes(&self) -> impl Iterator<Item = (String, &Vec<String>)> {
        let known = self.known.iter().map(|(fidelity, mnemonics)| (fidelity.to_string(), mnemonics));
        let unknown = Some(&self.unknown).filter(|unknown| !unknown.is_empty());
        known.chain(unknown.map(|unknown| ("unknown".to_owned(), unknown)))
    }
}

impl Display for Fidelities {
    /// One line: how many are exact, and all the others by name.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.known.is_empty() && self.unknown.is_empty() {
            return f.write_str("no instruction");
        }
        for (at, (class, mnemonics)) in self.classes().enumerate() {
            let between = if at == 0 { "" } else { "; " };
            if self.known.get(&Fidelity::Exact) == Some(mnemonics) {
                let plural = if mnemonics.len() == 1 { "" } else { "s" };
                write!(f, "{between}{class}: {} mnemonic{plural}", mnemonics.len())?;
            } else {
                write!(f, "{between}{class}: {}", mnemonics.join(", "))?;
            }
        }
        Ok(())
    }
}

impl Serialize for Fidelities {
    /// The mnemonics of each class.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (class, mnemonics) in self.classes() {
            map.serialize_entry(&class, mnemonics)?;
        }
        map.end()
    }
}

/// Adds to a kernel's row, as a daemon sends it, how near to hardware it is: `fidelity` by class, `summary` as a line.
pub fn tell(row: &mut Value) {
    let mnemonics = row.get("mnemonics").cloned().unwrap_or_default();
    let fidelities = Fidelities::of(&serde_json::from_value(mnemonics).unwrap_or_default());
    if let Value::Object(row) = row {
        row.insert("summary".to_owned(), fidelities.to_string().into());
        row.insert("fidelity".to_owned(), json!(fidelities));
    }
}

#[cfg(test)]
mod tests {
    use super::{Fidelities, tell};
    use serde_json::json;

    #[test]
    fn everything_that_is_not_exact_is_named() {
        let of = |names: &[&str]| Fidelities::of(&names.iter().map(|name| ((*name).to_owned(), 1)).collect());
        let names =
            ["v_sqrt_f32", "s_endpgm", "v_rcp_f32", "v_rcp_f64", "v_sin_f32", "s_quadmask_b32", "v_add_f32"];
        let all = of(&[&names[..], &["v_of_tomorrow"]].concat());
        assert_eq!(
            all.to_string(),
            "exact: 2 mnemonics; within 1 ulp: v_rcp_f32, v_sqrt_f32; within 536870912 ulp: v_rcp_f64; \
             approximate: v_sin_f32; unsupported: s_quadmask_b32; unknown: v_of_tomorrow"
        );
        assert_eq!(of(&["s_endpgm"]).to_string(), "exact: 1 mnemonic");
        assert_eq!(of(&["v_rcp_f16"]).to_string(), "within 1 ulp: v_rcp_f16");
        assert_eq!(of(&[]).to_string(), "no instruction");
    }

    #[test]
    fn a_row_has_each_mnemonic_in_its_class() {
        let mut row = json!({"kernel": "k", "mnemonics": {"v_add_f32": 3, "s_endpgm": 4, "v_cos_f16": 1}});
        tell(&mut row);
        assert_eq!(
            row["fidelity"],
            json!({"exact": ["s_endpgm", "v_add_f32"], "approximate": ["v_cos_f16"]})
        );
        assert_eq!(row["summary"], "exact: 2 mnemonics; approximate: v_cos_f16");
    }
}
