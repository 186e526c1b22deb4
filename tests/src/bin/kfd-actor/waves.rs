//! Verbs about kernels. Each names its queue by the index that `queue` answered and its kernel by the one that `kernel` did.

use crate::stage::{Answer, Stage, number};
use client::kernel::{Code, Kernel};

pub fn act(stage: &mut Stage, verb: &str, words: &[&str]) -> Option<Answer> {
    Some(match verb {
        "kernel" => kernel(stage, words.first().copied().unwrap_or_default()),
        "aim" => {
            let va = u64::from_str_radix(words[1].trim_start_matches("0x"), 16).expect("an address");
            stage.kernels[number::<usize>(words, 0)].aim(va);
            Ok(String::new())
        }
        "dispatch" => {
            let (held, kernel): (_, usize) = (stage.held(number(words, 0)), number(words, 1));
            stage.kernels[kernel].dispatch(&held.queue, number(words, 2), Some(&held.done));
            Ok(String::new())
        }
        "stored" => {
            let stored = stage.kernels[number::<usize>(words, 0)].stored(number(words, 1));
            Ok(stored.iter().map(u32::to_string).collect::<Vec<_>>().join(" "))
        }
        _ => return None,
    })
}

fn kernel(stage: &mut Stage, name: &str) -> Answer {
    let code = match name {
        "ends" => Code::Ends,
        "counts" => Code::Counts,
        "sleeps" => Code::Sleeps,
        "stores" => Code::Stores,
        "stores-once" => Code::StoresOnce,
        "aborts" => Code::Aborts,
        "illegal" => Code::Illegal,
        "gathers" => Code::Gathers,
        _ => panic!("no kernel is called {name}"),
    };
    let kernel = Kernel::new(stage.device(), code)?;
    stage.kernels.push(kernel);
    Ok((stage.kernels.len() - 1).to_string())
}
