/*
 * linux/kfd_ioctl.h includes <drm/drm.h>, which Debian leaves out of linux-libc-dev. All that it takes from there are
 * the integer types and the ioctl macros. Found by `-I tests/clients`.
 */
#include <linux/ioctl.h>
#include <linux/types.h>
