//! Verbs about buffer objects and the actor's own memory.

use crate::stage::{Answer, Stage, hex, number, unhex};
use crate::sys;
use client::Buffer;
use client::memory::{Kind, PAGE};
use std::fs::File;
use std::os::fd::AsRawFd;

pub fn act(stage: &mut Stage, verb: &str, words: &[&str]) -> Option<Answer> {
    Some(match verb {
        "alloc" => alloc(stage, words),
        "fill" => {
            let buffer = stage.buffers[number::<usize>(words, 0)].as_ref().expect("the buffer was not freed");
            (0..buffer.size()).step_by(4096).for_each(|offset| buffer.store_words(offset, &[1]));
            Ok(String::new())
        }
        "free" => free(stage, number(words, 0)),
        "touch" => touch(number::<usize>(words, 0) << 20),
        "anon" => address(sys::mmap(None, 0, number(words, 0))),
        "hole" => address(sys::mmap(None, 0, 4096).and_then(|at| sys::munmap(at, 4096).map(|()| at))),
        "unmap" => {
            Ok(sys::munmap(number(words, 0), number(words, 1)).map(|()| String::new()).expect("a mapping"))
        }
        "hide" => sys::hide(number(words, 0), number(words, 1)).map(|()| String::new()).map_err(Into::into),
        "map" => map(words[0]),
        "poke" => {
            sys::poke(number(words, 0), &unhex(words[1]));
            Ok(String::new())
        }
        "peek" => Ok(hex(&sys::peek(number(words, 0), number(words, 1)))),
        _ => return None,
    })
}

fn address(at: std::io::Result<u64>) -> Answer {
    Ok(at?.to_string())
}

/// vram|gtt LENGTH: index, host address, handle.
fn alloc(stage: &mut Stage, words: &[&str]) -> Answer {
    let kind = if words[0] == "vram" { Kind::Vram } else { Kind::Gtt };
    let buffer = Buffer::new(stage.device(), kind, number(words, 1))?;
    let answer = format!("{} {} {}", stage.buffers.len(), buffer.address(), buffer.handle());
    stage.buffers.push(Some(buffer));
    Ok(answer)
}

fn free(stage: &mut Stage, index: usize) -> Answer {
    let buffer = stage.buffers[index].take().expect("the buffer was not freed");
    buffer.free(stage.device())?;
    Ok(String::new())
}

fn touch(bytes: usize) -> Answer {
    let at = sys::mmap(None, 0, bytes)?;
    sys::small_pages(at, bytes);
    (at..at + bytes as u64).step_by(PAGE as usize).for_each(|page| sys::poke(page, &[1]));
    Ok(at.to_string())
}

/// The first page of a file, untouched; the file stays open through the mapping.
fn map(path: &str) -> Answer {
    let file = File::open(path)?;
    address(sys::mmap_read_only(file.as_raw_fd(), 4096))
}
