//! Verbs about the actor's own life, and about descriptors that travel.

use crate::stage::{Answer, Refusal, Stage, number};
use crate::{act as act_line, node, say, sys};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Set for the image that an actor becomes by exec.
pub const REBORN: &str = "KFD_ACTOR_REBORN";

pub fn act(stage: &mut Stage, verb: &str, line: &str, words: &[&str]) -> Option<Answer> {
    Some(match verb {
        "fork" => fork(stage, line),
        "fork-hold" => hold(),
        "exec" => exec(stage, words[0]),
        "listen" => {
            stage.listener = Some(UnixListener::bind(words[0]).expect("a free path"));
            Ok(String::new())
        }
        "give" => give(stage, words[0]),
        "take" => take(stage),
        "ioctl-taken" => node::ioctl(stage.taken().as_raw_fd(), words),
        "handle" => {
            sys::handle_usr2(words[0] == "restart");
            Ok(String::new())
        }
        "interrupt" => {
            sys::interrupt(number(words, 0));
            Ok(String::new())
        }
        "leader-exit" => {
            sys::end_leader();
            Ok(String::new())
        }
        // The name that the mounted /proc has for this process: the host's, unless a namespace mounted its own.
        "host-pid" => Ok(std::fs::read_link("/proc/self").expect("/proc is mounted").display().to_string()),
        "quit" => std::process::exit(0),
        _ => return None,
    })
}

/// LINE: a forked child does it and says the answer; a second answer, the parent's, says that the child has ended.
fn fork(stage: &mut Stage, line: &str) -> Answer {
    let child = sys::fork()?;
    if child == 0 {
        say(&act_line(stage, line));
        sys::end();
    }
    let child = Pid::from_raw(child.cast_signed());
    waitpid(child, None).expect("it is our child");
    // The child has said what it was asked; this is the parent's own word that it is over.
    Ok("0".to_owned())
}

/// A forked child that holds all that it inherited until it is killed; its process id.
fn hold() -> Answer {
    let child = sys::fork()?;
    if child == 0 {
        loop {
            nix::unistd::pause();
        }
    }
    Ok(child.to_string())
}

/// keep|drop: becomes a fresh image of this program, kfd's descriptor inherited or closed on the way.
fn exec(stage: &Stage, how: &str) -> Answer {
    let mut command = Command::new(std::env::current_exe().expect("a program has a file"));
    command.arg(&stage.dev).env(REBORN, "1");
    if how == "keep" {
        let fd = stage.device().kfd();
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
        command.arg(fd.as_raw_fd().to_string());
    }
    Err(Refusal::from(command.exec()))
}

/// PATH: sends kfd's descriptor to whoever listens there.
fn give(stage: &Stage, path: &str) -> Answer {
    let stream = UnixStream::connect(path)?;
    let fds = [stage.kfd()];
    let message = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(b"k")], &message, MsgFlags::empty(), None)?;
    Ok(String::new())
}

/// Takes the descriptor that somebody has sent.
fn take(stage: &mut Stage) -> Answer {
    let (stream, _) = stage.listener.as_ref().expect("`listen` comes first").accept()?;
    let mut byte = [0];
    let mut into = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut into, Some(&mut space), MsgFlags::empty())?;
    let fd = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
        _ => None,
    });
    stage.taken = fd.map(sys::own);
    assert!(stage.taken.is_some(), "a descriptor came");
    Ok(String::new())
}
