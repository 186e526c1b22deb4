//! Verbs about the nodes themselves.

use crate::stage::{Answer, Refusal, Stage, hex, number, unhex};
use crate::sys;
use client::Device;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::sync::Arc;

pub fn act(stage: &mut Stage, verb: &str, words: &[&str]) -> Option<Answer> {
    Some(match verb {
        "open" => open(stage),
        "open-kfd" => std::fs::File::options()
            .read(true)
            .write(true)
            .open(stage.dev.join("kfd"))
            .map(|file| {
                stage.inherited = Some(file.into_raw_fd());
                String::new()
            })
            .map_err(Refusal::from),
        "close" => {
            let device = stage.device.take().expect("`open` comes first");
            assert!(Arc::into_inner(device).is_some(), "a parked thread still uses the device");
            Ok(String::new())
        }
        "version" => version(stage),
        "kfd-fd" => Ok(stage.kfd().to_string()),
        "ioctl" => ioctl(stage.kfd(), words),
        "ioctl-render" => ioctl(stage.device().render().as_raw_fd(), words),
        "mmap" => mmap(stage, words),
        "dup" => {
            stage.device().kfd().try_clone_to_owned().map(drop).map(|()| String::new()).map_err(Refusal::from)
        }
        "system" => {
            sys::system_true();
            Ok(String::new())
        }
        _ => return None,
    })
}

fn open(stage: &mut Stage) -> Answer {
    let device = Device::open(&stage.dev)?;
    let id = device.gpu_id();
    stage.device = Some(Arc::new(device));
    Ok(id.to_string())
}

fn version(stage: &Stage) -> Answer {
    let (major, minor) = stage.device().version()?;
    Ok(format!("{major} {minor}"))
}

/// CMD STRUCT: an ioctl; the struct afterwards.
pub fn ioctl(fd: RawFd, words: &[&str]) -> Answer {
    let mut bytes = unhex(words[1]);
    let result = sys::ioctl(fd, number(words, 0), &mut bytes);
    match result {
        Ok(()) => Ok(hex(&bytes)),
        Err(error) => Err(Refusal { after: hex(&bytes), ..Refusal::from(error) }),
    }
}

/// kfd|render OFFSET LENGTH: a shared mapping; its address.
fn mmap(stage: &Stage, words: &[&str]) -> Answer {
    let fd = if words[0] == "kfd" { stage.kfd() } else { stage.device().render().as_raw_fd() };
    Ok(sys::mmap(Some(fd), number(words, 1), number(words, 2))?.to_string())
}
