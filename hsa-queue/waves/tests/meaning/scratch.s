// Of a kernel with scratch: its buffer goes to s[40:43], and the rest to where others have it.
  s_mov_b64 s[40:41], s[0:1]
  s_mov_b64 s[42:43], s[2:3]
  s_mov_b64 s[0:1], s[4:5]
  s_mov_b32 s2, s6
