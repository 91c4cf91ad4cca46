// What tests need from C, because Swift does not import it.
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <sys/types.h>

// fork(2), which Swift marks as unavailable.
pid_t test_fork(void);

#endif
