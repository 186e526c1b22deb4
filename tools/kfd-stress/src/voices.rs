//! What clients say before they end, kept until it is known whether that is worth telling: a daemon that goes takes all of
//! them along, and each of them says so.

use kfd_core::sync::Mutex;
use std::io::{self, PipeWriter, Read};
use std::sync::Arc;

/// The most that is kept, in bytes; what comes then is not.
const ROOM: usize = 1 << 16;

/// See the module's head.
#[derive(Debug)]
pub struct Voices {
    writer: PipeWriter,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Voices {
    /// Begins to listen, on a thread that ends with the last client and this value.
    pub fn open() -> io::Result<Self> {
        let (mut reader, writer) = io::pipe()?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&said);
        std::thread::Builder::new().name("voices".to_owned()).spawn(move || {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut part) {
                let mut kept = kept.lock();
                let room = count.min(ROOM - kept.len());
                kept.extend_from_slice(&part[..room]);
            }
        })?;
        Ok(Self { writer, said })
    }

    /// The end that a client writes to.
    pub fn of_a_client(&self) -> io::Result<PipeWriter> {
        self.writer.try_clone()
    }

    /// Tells what was said since it was told last.
    pub fn tell(&self) {
        let said = std::mem::take(&mut *self.said.lock());
        eprint!("{}", String::from_utf8_lossy(&said));
    }
}
