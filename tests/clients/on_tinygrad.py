"""An unmodified tinygrad on the device: copies through its SDMA queue, signals through its compute queue.

Says `<what> ok` for each thing that held; the test looks for these lines.
"""
from tinygrad.device import Device

SIZE = 5 * (1 << 20) + 12345  # more than two of its staging buffers, and not a whole number of anything

device = Device["AMD"]
print(f"opened {device.arch} ok", flush=True)

data = bytes((i * 131 + (i >> 8)) & 0xFF for i in range(SIZE))
assert device.has_sdma_queue, "copies would not go through SDMA"
buffer = device.allocator.alloc(SIZE)
device.allocator._copyin(buffer, memoryview(bytearray(data)))
back = bytearray(SIZE)
device.allocator._copyout(memoryview(back), buffer)
assert back == data
print("copy ok", flush=True)

signal = device.new_signal(value=0)
device.hw_compute_queue_t().signal(signal, 77).submit(device)
signal.wait(77, timeout=5000)
print("signal ok", flush=True)

device.hw_compute_queue_t().memory_barrier().timestamp(signal).signal(signal, 78).submit(device)
signal.wait(78, timeout=5000)
assert signal.timestamp > 0
print("timestamp ok", flush=True)

# The compute queue waits for the copy queue, both by way of memory.
device.hw_copy_queue_t().wait(signal, 79).signal(signal, 80).submit(device)
device.hw_compute_queue_t().signal(signal, 79).wait(signal, 80).signal(signal, 81).submit(device)
signal.wait(81, timeout=5000)
print("order ok", flush=True)

# The device's own timeline raises an interrupt that ends the sleep.
device.synchronize()
print("synchronize ok", flush=True)

if device.iface.count > 1:
    second = Device["AMD:1"]
    there = second.allocator.alloc(SIZE)
    device.allocator._transfer(there, buffer, SIZE, device, second)
    back = bytearray(SIZE)
    second.allocator._copyout(memoryview(back), there)
    assert back == data
    print("transfer ok", flush=True)
