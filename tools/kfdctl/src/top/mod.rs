//! `kfdctl top`: what `ps` and `queues` list, each process with its queues below it, again and again, with packets per
//! second.
//!
//! | module | what it holds |
//! |---|---|
//! | [`sample`] | what the daemon says at one moment, and what was done since the one before |
//! | [`view`] | a refresh as a table |
//! | [`turn`] | the time until the next, and the signals that end it |
//!
//! A refresh is two questions to the daemon; between two of them this process sleeps.

mod sample;
mod turn;
mod view;

use crate::cli::{Top, run_dir};
use anyhow::Context;
use kfdd::control::Control;
use sample::{Frame, Sample};
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use turn::{Turn, Turns};

/// `kfdctl top`: until a signal asks it to end, or whoever reads its output is gone.
///
/// # Errors
/// At any refresh: no daemon answers, or it refuses.
pub fn top(asked: &Top) -> anyhow::Result<ExitCode> {
    let run = run_dir(asked.run_dir.as_ref());
    let (control, place) = (Control::of(&run), run.display().to_string());
    let mut turns = Turns::new(asked.interval).context("cannot hold signals")?;
    let redraws = io::stdout().is_terminal() && !asked.once;
    let mut before = None;
    loop {
        let now = Sample::take(&control)?;
        let frame = Frame::new(before.as_ref(), &now);
        // The first knows no rates.
        if !(asked.once && frame.seconds.is_none()) {
            let text = if asked.json {
                serde_json::to_string(&frame)? + "\n"
            } else if redraws {
                view::screen(&frame, &place, view::size())?
            } else {
                let gap = if asked.once || frame.seconds.is_none() { "" } else { "\n" };
                format!("{gap}{}", view::text(&frame, &place)?)
            };
            let turn = turns.write(&text).context("cannot write to standard output")?;
            if asked.once || turn == Turn::Over {
                return Ok(ExitCode::SUCCESS);
            }
        }
        before = Some(now);
        if turns.next().context("cannot wait")? == Turn::Over {
            return Ok(ExitCode::SUCCESS);
        }
    }
}
