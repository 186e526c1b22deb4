// Adds one to a register for ever.
  s_add_u32 s4, s4, 1
  s_branch 65534
