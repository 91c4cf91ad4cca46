// The one instruction that the timer queue needs and Swift does not have.
#ifndef CPREFETCH_H
#define CPREFETCH_H

// Begins to load the cache line of `address`, which may be anything, for writing.
static inline void prefetch_for_writing(const void *address) {
    __builtin_prefetch(address, 1, 3);
}

#endif
