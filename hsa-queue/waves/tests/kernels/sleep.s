// Sleeps for ever.
  s_sleep 1
  s_branch 65534
