#include "test_memory.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>

size_t test_allocated_bytes(void) {
    struct mallinfo2 information = mallinfo2();
    return information.uordblks + information.hblkhd;
}
#else
size_t test_allocated_bytes(void) {
    return 0;
}
#endif
