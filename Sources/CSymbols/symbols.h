// The names of what is at an address.
//
// Implemented by the Swift module ReactorSymbols. The reactor calls it through this header and does not import it, so that
// the two are compiled side by side.
#ifndef CSYMBOLS_SYMBOLS_H
#define CSYMBOLS_SYMBOLS_H

#include <stdint.h>

// Whose code it is.
enum { csymbols_program, csymbols_reactor, csymbols_runtime };

// The strings live as long as the call to which they are given; NULL, or line 0, is what is not known.
typedef struct {
    const char *function;
    const char *path;
    const char *image;
    long line;
    int origin;
} csymbols_symbol;

typedef void (*csymbols_found)(void *context, const csymbols_symbol *symbol);

// Gives `found` the symbols of each of these return addresses, and of the functions that were inlined there, in the same order.
void csymbols_look_up(const uintptr_t *addresses, int count, void *context, csymbols_found found);

#endif
