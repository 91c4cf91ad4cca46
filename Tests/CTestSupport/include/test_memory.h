// What the process holds of the C library's memory.
#ifndef TEST_MEMORY_H
#define TEST_MEMORY_H

#include <stddef.h>

// The bytes that were allocated and not freed; 0 where the allocator does not tell, as under a sanitizer.
size_t test_allocated_bytes(void);

#endif
