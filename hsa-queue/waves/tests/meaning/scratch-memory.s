// The record's memory, in scratch.
  buffer_store_dwordx4 v[20:23], off, s[40:43], 0 offset:16
