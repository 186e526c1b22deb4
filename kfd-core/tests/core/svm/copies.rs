//! What a device's queues reach of shared virtual memory.

use super::*;

/// An SDMA queue over a buffer, whose client's own memory is a byte everywhere but what was written.
struct Copies {
    memory: crate::world::Buffer,
    doorbell: u64,
    dwords: u64,
    written: Vec<(u64, Vec<u8>)>,
    faults: Vec<u64>,
}

impl Copies {
    fn new(client: &mut Client<'_>, va: u64) -> Self {
        let memory = client.cut(va, &[PAGE, PAGE]).unwrap();
        let mut arg = abi::CreateQueue {
            ring_base_address: va + PAGE,
            write_pointer_address: va,
            read_pointer_address: va + 8,
            ring_size: 4096,
            gpu_id: gpu().0,
            queue_type: abi::QUEUE_TYPE_SDMA,
            queue_percentage: 100,
            queue_priority: 7,
            ..Default::default()
        };
        client.ok(0x02, &mut arg);
        Self { memory, doorbell: arg.doorbell_offset, dwords: 0, written: vec![], faults: vec![] }
    }

    fn copy(&mut self, client: &Client<'_>, to: u64, from: u64, bytes: u32) {
        let packet = [1, bytes - 1, 0, from as u32, (from >> 32) as u32, to as u32, (to >> 32) as u32];
        for dword in packet {
            client.poke(self.memory.offset + PAGE + self.dwords * 4, &u32::to_le_bytes(dword));
            self.dwords += 1;
        }
        client.poke(self.memory.offset, &(self.dwords * 4).to_le_bytes());
        client.store_at(self.doorbell);
        loop {
            client.world.run();
            let mut quiet = true;
            for notice in client.world.outbox.take() {
                match notice {
                    Notice::Memory(request) => {
                        quiet = false;
                        let answer = match request.access {
                            UserAccess::Read { va, len } => vec![va.0 as u8; len as usize],
                            UserAccess::Write { va, bytes } => {
                                self.written.push((va.0, bytes));
                                vec![]
                            }
                            other => panic!("{other:?}"),
                        };
                        client.core().memory_answer(request.queue, request.ticket, UserAnswer::Done(answer));
                    }
                    Notice::Rearm { process, offset, len } => {
                        client.core().rearmed(process, offset, len);
                        quiet = false;
                    }
                    Notice::MemoryException { va, .. } => self.faults.push(va.0),
                    _ => {}
                }
            }
            if quiet {
                return;
            }
        }
    }
}

// Keeps: svm-reached
#[test]
fn a_queue_reaches_registered_memory_at_the_clients_own_address_and_nothing_else() {
    let world = World::new();
    let mut client = world.client(1);
    let gpu = gpu().0;
    let (data, far) = (VA + 0x100_0000, VA + 0x200_0000);
    let buffer = client.buffer(far, 0x4000);
    set(&mut client, (data, 4 * PAGE), &[(ACCESS, gpu)]).unwrap();
    // Ranges that differ in what devices do not look at are one memory to them.
    set(&mut client, (data + 2 * PAGE, PAGE), &[(GRANULARITY, 1)]).unwrap();
    let mut copies = Copies::new(&mut client, VA);
    copies.copy(&client, far, data + PAGE + 0x21, 8192);
    assert!(copies.faults.is_empty());
    assert_eq!(client.peek(buffer.offset), u64::from_le_bytes([0x21; 8]));
    copies.copy(&client, data + 8, far, 8);
    assert_eq!(copies.written, [(data + 8, vec![0x21; 8])]);

    set(&mut client, (data, PAGE), &[(SET, abi::SVM_FLAG_GPU_RO)]).unwrap();
    copies.copy(&client, far, data, 8);
    assert!(copies.faults.is_empty(), "read-only memory can be read");
    copies.copy(&client, data + 16, far, 8);
    assert_eq!(copies.faults, [data]);

    for (number, forbidden) in [(1, data + 4 * PAGE), (2, data + 3 * PAGE)] {
        let mut copies = Copies::new(&mut client, VA + number * 0x10_000);
        set(&mut client, (data + 3 * PAGE, PAGE), &[(NO_ACCESS, gpu)]).unwrap();
        copies.copy(&client, far, forbidden, 8);
        assert_eq!(copies.faults, [forbidden]);
    }
    world.end();
}

// Keeps: svm-read-only
#[test]
fn what_the_client_may_only_read_its_queues_only_read() {
    let world = World::new();
    let mut client = world.client(1);
    let gpu = gpu().0;
    let (data, far) = (VA + 0x100_0000, VA + 0x200_0000);
    client.buffer(far, 0x4000);
    set(&mut client, (data, 64 * PAGE), &[(ACCESS, gpu)]).unwrap();
    let all = (UserVa(data), 64 * PAGE);
    let locked = |page: u64| Lack { va: UserVa(data + page * PAGE), bytes: PAGE, what: Missing::Write };
    world.core.surveyed(client.process, all, &[locked(1)]);
    let mut copies = Copies::new(&mut client, VA);
    copies.copy(&client, far, data + PAGE, 8);
    copies.copy(&client, data, far, 8);
    assert!(copies.faults.is_empty());
    copies.copy(&client, data + PAGE + 8, far, 8);
    assert_eq!(copies.faults, [data + PAGE]);
    // An answer that is full says nothing of what comes after it.
    let many: Vec<_> = (0..LACKS_MAX as u64).map(|page| locked(2 * page)).collect();
    world.core.surveyed(client.process, all, &[locked(63)]);
    world.core.surveyed(client.process, all, &many);
    let mut still = Copies::new(&mut client, VA + 0x10_000);
    still.copy(&client, data + PAGE, far, 8);
    assert!(still.faults.is_empty(), "it may be written again");
    still.copy(&client, data + 63 * PAGE, far, 8);
    assert_eq!(still.faults, [data + 63 * PAGE]);
    // Attributes that change and a range that is registered anew do not give a right that the client has not.
    set(&mut client, (data, 64 * PAGE), &[(NO_ACCESS, gpu)]).unwrap();
    set(&mut client, (data, 64 * PAGE), &[(ACCESS, gpu)]).unwrap();
    let mut last = Copies::new(&mut client, VA + 0x20_000);
    last.copy(&client, data + 2 * PAGE, far, 8);
    assert_eq!(last.faults, [data + 2 * PAGE]);
    world.end();
}

// Keeps: svm-reached
#[test]
fn where_faults_are_retried_all_memory_is_reached_but_what_is_forbidden() {
    let world = World::of(device("gfx942"), Limits::default());
    let mut client = world.client(1);
    let gpu = gpu().0;
    retry(&mut client, true);
    let (data, far) = (VA + 0x100_0000, VA + 0x200_0000);
    let buffer = client.buffer(far, 0x4000);
    let mut copies = Copies::new(&mut client, VA);
    copies.copy(&client, far, data + 0x42, 8192);
    assert_eq!(client.peek(buffer.offset), u64::from_le_bytes([0x42; 8]), "nobody registered it");
    set(&mut client, (data, PAGE), &[(NO_ACCESS, gpu)]).unwrap();
    set(&mut client, (data + 2 * PAGE, PAGE), &[(NO_ACCESS, gpu), (PREFERRED, 0)]).unwrap();
    copies.copy(&client, far, data + PAGE - 8 + 0x1008, 8);
    assert!(copies.faults.is_empty(), "a preferred location within reach is access");
    copies.copy(&client, far, data + 8, 8);
    assert_eq!(copies.faults, [data]);
    world.end();
}
