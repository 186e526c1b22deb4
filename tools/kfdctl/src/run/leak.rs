//! The leak report, for a person or a program.

use super::daemon::LeakReport;
use serde_json::Value;

/// The report as JSON, or as one line for each thing that is not zero.
pub fn describe(report: &LeakReport, json: bool) -> serde_json::Result<String> {
    if json {
        return Ok(serde_json::to_string(report)? + "\n");
    }
    let mut text = String::from("kfdctl: the daemon of this command left something behind:\n");
    walk(report, &mut String::new(), &mut text);
    Ok(text)
}

fn walk(value: &Value, at: &mut String, text: &mut String) {
    let mut below = |name: &str, value: &Value| {
        let length = at.len();
        if length > 0 {
            at.push('.');
        }
        at.push_str(name);
        walk(value, at, text);
        at.truncate(length);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| below(name, value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| below(&index.to_string(), value));
        }
        Value::Null => {}
        Value::Number(number) if number.as_u64() == Some(0) => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&format!("  {at} = {value}\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_left_is_listed() {
        let report =
            json!({"totals": {"queues": 0, "bytes": 4096}, "processes": [{"tgid": 7, "cause": null}]});
        let text = describe(&report, false).unwrap();
        assert_eq!(
            text.lines().skip(1).collect::<Vec<_>>(),
            ["  processes.0.tgid = 7", "  totals.bytes = 4096"]
        );
    }
}
