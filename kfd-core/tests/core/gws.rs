//! Global wave sync: one queue of a process has it.

use crate::dispatch::engine::{self, dispatched, done, settle, submit};
use crate::world::{Client, World, gpu};
use kfd_core::abi::kfd as abi;
use kfd_core::limits::Limits;

const VA: u64 = 0x7f10_0000_0000;

fn gws(client: &mut Client<'_>, queue_id: u32, num_gws: u32) -> Result<u32, i32> {
    let mut arg = abi::AllocQueueGws { queue_id, num_gws, first_gws: 77, pad: 0 };
    client.ioctl(0x1e, &mut arg, vec![]).map(|_| arg.first_gws).map_err(|errno| errno.0)
}

// Keeps: ALLOC_QUEUE_GWS
#[test]
fn one_queue_of_a_process_has_the_global_wave_sync_until_it_gives_it_back_or_ends() {
    let world = World::new();
    let (mut client, mut other) = (world.client(1), world.client(2));
    let queues = [client.queue(VA).id, client.queue(VA + 0x10_0000).id];
    let foreign = other.queue(VA).id;
    assert_eq!(gws(&mut client, 9, 64), Err(libc::EINVAL), "no such queue");
    assert_eq!(gws(&mut client, queues[0], 0), Err(libc::EINVAL), "nothing to give back");
    assert_eq!(gws(&mut client, queues[0], 64), Ok(0));
    assert_eq!(gws(&mut client, queues[0], 64), Err(libc::EBUSY));
    assert_eq!(gws(&mut client, queues[1], 1), Err(libc::EBUSY), "one queue of a process");
    assert_eq!(gws(&mut client, queues[1], 0), Err(libc::EINVAL), "another one has it");
    assert_eq!(gws(&mut other, foreign, 64), Ok(0), "processes do not exclude each other");
    let has = |world: &World| world.core.queues().iter().map(|row| row.gws).collect::<Vec<_>>();
    assert_eq!(has(&world), [true, false, true]);
    assert_eq!(gws(&mut client, queues[0], 0), Ok(0));
    assert_eq!(gws(&mut client, queues[1], 1), Ok(0));
    client.destroy(queues[1]).unwrap();
    assert_eq!(gws(&mut client, queues[0], 64), Ok(0), "a queue that ends gives it back");
    world.end();
}

#[test]
fn a_device_without_global_wave_sync_says_so_and_so_does_its_topology() {
    let mut profile = gpu().2;
    profile.devices[0].compute.gws = 0;
    let world = World::of(profile, Limits::default());
    let mut client = world.client(1);
    let queue = client.queue(VA).id;
    assert_eq!(gws(&mut client, queue, 1), Err(libc::ENODEV));
    assert_eq!(gws(&mut client, queue + 1, 1), Err(libc::EINVAL), "the queue is looked for first");
    world.end();
}

// Keeps: cooperative-refused
#[test]
fn what_a_queue_dispatches_is_cooperative_while_it_has_the_global_wave_sync() {
    let world = engine::world(24);
    let mut client = world.client(1);
    let (mut queue, first) = dispatched(&world, &mut client, VA);
    done(&world, &first);
    settle(&world);
    let mut orders = vec![first];
    for num_gws in [64, 0] {
        assert_eq!(gws(&mut client, queue.id, num_gws), Ok(0));
        submit(&client, &mut queue);
        let order = settle(&world).order();
        done(&world, &order);
        settle(&world);
        orders.push(order);
    }
    assert_eq!(orders.iter().map(|order| order.cooperative).collect::<Vec<_>>(), [false, true, false]);
    world.end();
}
