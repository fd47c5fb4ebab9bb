/* Sleeps by the kernel's clock. libfaketime 0.9.10 makes an invalid argument of Python's time.sleep where it leaves the
   monotonic clock alone; loaded before it, this one is asked. */
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left) {
    return syscall(SYS_clock_nanosleep, clock, flags, until, left) ? errno : 0;
}
