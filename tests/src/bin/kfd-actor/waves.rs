//! Verbs about kernels. Each names its queue by the index that `queue` answered and its kernel by the one that `kernel` did.

use crate::stage::{Answer, Stage, number};
use client::kernel::{Code, Kernel};
use client::memory::{Buffer, Kind, PAGE};

pub fn act(stage: &mut Stage, verb: &str, words: &[&str]) -> Option<Answer> {
    Some(match verb {
        "kernel" => kernel(stage, words),
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

/// `kernel NAME [data]`: its index; with `data` it lies where no code may.
fn kernel(stage: &mut Stage, words: &[&str]) -> Answer {
    let code = match words[0] {
        "ends" => Code::Ends,
        "counts" => Code::Counts,
        "sleeps" => Code::Sleeps,
        "stores" => Code::Stores,
        "stores-once" => Code::StoresOnce,
        "aborts" => Code::Aborts,
        "illegal" => Code::Illegal,
        "gathers" => Code::Gathers,
        name => panic!("no kernel is called {name}"),
    };
    let device = stage.device();
    let kernel = match words.get(1) {
        Some(_) => Kernel::within(device, code, Buffer::new(device, Kind::Vram, PAGE)?)?,
        None => Kernel::new(device, code)?,
    };
    stage.kernels.push(kernel);
    Ok((stage.kernels.len() - 1).to_string())
}
