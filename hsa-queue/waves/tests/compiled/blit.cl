// HIP's own fills and copies on gfx900: kernels around the functions of Debian's rocm-device-libs that it compiles at run time.
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef ulong ulong4 __attribute__((ext_vector_type(4)));

void __amd_fillBufferAligned(global uchar *, global ushort *, global uint *, global ulong *, constant uchar *, uint, ulong,
                             ulong);
void __amd_fillBufferAligned2D(global uchar *, global ushort *, global uint *, global ulong *, constant uchar *, uint, ulong,
                               ulong, ulong, ulong);
void __amd_copyBuffer(global uchar *, global uchar *, ulong, ulong, ulong, uint);
void __amd_copyBufferAligned(global uint *, global uint *, ulong, ulong, ulong, uint);
void __amd_copyBufferRect(global uchar *, global uchar *, ulong4, ulong4, ulong4);
void __amd_copyBufferRectAligned(global uint *, global uint *, ulong4, ulong4, ulong4);
void __amd_streamOpsWrite(global uint *, global ulong *, ulong, ulong);
void __amd_streamOpsWait(global uint *, global ulong *, ulong, ulong, ulong);

kernel void fill(global uchar *bytes, global ushort *shorts, global uint *words, global ulong *wide, constant uchar *pattern,
                 uint elements, ulong offset, ulong size) {
  __amd_fillBufferAligned(bytes, shorts, words, wide, pattern, elements, offset, size);
}

kernel void fill_plane(global uchar *bytes, global ushort *shorts, global uint *words, global ulong *wide,
                       constant uchar *pattern, uint elements, ulong offset, ulong width, ulong height, ulong pitch) {
  __amd_fillBufferAligned2D(bytes, shorts, words, wide, pattern, elements, offset, width, height, pitch);
}

kernel void copy(global uchar *from, global uchar *to, ulong from_offset, ulong to_offset, ulong size, uint remain) {
  __amd_copyBuffer(from, to, from_offset, to_offset, size, remain);
}

kernel void copy_aligned(global uint *from, global uint *to, ulong from_offset, ulong to_offset, ulong size,
                         uint alignment) {
  __amd_copyBufferAligned(from, to, from_offset, to_offset, size, alignment);
}

kernel void copy_box(global uchar *from, global uchar *to, ulong4 from_box, ulong4 to_box, ulong4 size) {
  __amd_copyBufferRect(from, to, from_box, to_box, size);
}

kernel void copy_box_aligned(global uint *from, global uint *to, ulong4 from_box, ulong4 to_box, ulong4 size) {
  __amd_copyBufferRectAligned(from, to, from_box, to_box, size);
}

kernel void write_value(global uint *word, global ulong *wide, ulong value, ulong size) {
  __amd_streamOpsWrite(word, wide, value, size);
}

kernel void wait_value(global uint *word, global ulong *wide, ulong value, ulong flags, ulong mask) {
  __amd_streamOpsWait(word, wide, value, flags, mask);
}
