/* Loaded into a program (LD_PRELOAD) whose threads start the HSA runtime at once: starts and stops it before there are threads.
   hsa_init and hsa_shut_down are held apart by a lock that is a static of a function, and the runtime is compiled with
   -fno-threadsafe-statics (Runtime::bootstrap_lock, runtime.h): threads that come first together each make one of their own. */
int hsa_init(void);
int hsa_shut_down(void);

__attribute__((constructor)) static void make_the_lock(void) {
    if (hsa_init() == 0) hsa_shut_down();
}
