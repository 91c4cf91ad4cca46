#include "traceback.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// The runtime's: called with each error when it is thrown, before anything is unwound.
extern _Atomic(void (*)(void *)) _swift_willThrow;
// The same for errors of `throws(Type)` functions, which are in no box yet. Where there is none, the runtime makes a box
// for the other one.
extern _Atomic(void (*)(void *, const void *, const void *)) _swift_willThrowTypedImpl;

// Tells, of what was thrown, where it is, of which type, and how that conforms to Error.
struct error_value {
    const void *value, *type, *conformance;
};
extern void swift_getErrorValue(const void *error, void **scratch, struct error_value *value);

#ifndef __APPLE__
extern void *swift_unownedRetain(void *object);
extern void swift_unownedRelease(void *object);
#endif

// A callback's clean-up may throw and catch errors of its own on the way out of the one that counts.
enum { records = 8 };

struct stack {
    int count;
    uintptr_t addresses[ctraceback_limit];
};

struct record {
    void *error;
    const void *type;
    struct stack stack;
};

struct ctraceback_recorder {
    bool enabled;
    // Frames from this address on are not the callback's any more.
    uintptr_t end;
    unsigned next;
    struct record records[records];
};

static _Thread_local ctraceback_recorder *current;
static _Atomic(void (*)(void *)) next_hook;
static _Atomic(void (*)(void *, const void *, const void *)) next_typed_hook;

// Every frame below `end` lies on this thread's stack, so that it can be read, whatever its frame pointer says it is;
// what is above the frames of callbacks (libev's are without frame pointers) is never looked at.
static void walk(uintptr_t frame, uintptr_t end, struct stack *stack) {
    stack->count = 0;
    while (stack->count < ctraceback_limit && frame < end && frame % sizeof(uintptr_t) == 0) {
        const uintptr_t *words = (const uintptr_t *)frame;
        if (words[1] == 0) break;
        stack->addresses[stack->count++] = words[1];
        if (words[0] <= frame) break;
        frame = words[0];
    }
}

static const void *type_of(const void *error) {
    void *scratch;
    struct error_value value;
    swift_getErrorValue(error, &scratch, &value);
    return value.type;
}

static struct record *find(ctraceback_recorder *recorder, const void *error) {
    for (int i = 0; i < records; i++)
        if (recorder->records[i].error == error) return &recorder->records[i];
    return NULL;
}

static void forget(struct record *record) {
#ifndef __APPLE__
    if (record->error) swift_unownedRelease(record->error);
#endif
    record->error = NULL;
    record->type = NULL;
}

// Whether an error, once thrown at `first`, was caught on its way by the function that now throws it at `again`. A
// callback may also throw an error that it had kept.
static bool is_thrown_again(const struct stack *first, const struct stack *again) {
    int callers = again->count - 1;
    if (callers < 0 || callers >= first->count) return false;
    return memcmp(
        first->addresses + first->count - callers, again->addresses + 1, callers * sizeof *again->addresses
    ) == 0;
}

static struct record *oldest(ctraceback_recorder *recorder) {
    struct record *record = &recorder->records[recorder->next++ % records];
    forget(record);
    return record;
}

static void record(ctraceback_recorder *recorder, void *error, uintptr_t frame) {
    struct stack stack;
    walk(frame, recorder->end, &stack);
    struct record *record = find(recorder, error);
    if (record && is_thrown_again(&record->stack, &stack)) return;
    if (!record) {
        record = oldest(recorder);
        record->error = error;
#ifndef __APPLE__
        // What was thrown is let go when its last user does, but its memory is not used for another error, which would
        // then be taken for this one.
        swift_unownedRetain(error);
#endif
    }
    record->type = type_of(error);
    record->stack = stack;
}

static void will_throw(void *error) {
    ctraceback_recorder *recorder = current;
    // The first frame is the runtime's.
    if (recorder && recorder->enabled) record(recorder, error, *(uintptr_t *)__builtin_frame_address(0));
    void (*next)(void *) = atomic_load_explicit(&next_hook, memory_order_acquire);
    if (next) next(error);
}

static void will_throw_typed(void *value, const void *type, const void *conformance) {
    ctraceback_recorder *recorder = current;
    if (recorder && recorder->enabled) {
        struct record *record = oldest(recorder);
        record->type = type;
        walk(*(uintptr_t *)__builtin_frame_address(0), recorder->end, &record->stack);
    }
    void (*next)(void *, const void *, const void *) = atomic_load_explicit(&next_typed_hook, memory_order_acquire);
    if (next) next(value, type, conformance);
}

static atomic_bool installed;
// Whether the runtime makes boxes for the errors of `throws(Type)` functions: for somebody else, who asked for the others
// alone before us, and would get none of these if we asked for them.
static atomic_bool boxes_are_made;

__attribute__((noinline)) static void install(void) {
    if (atomic_exchange(&installed, true)) return;
    atomic_store(&next_typed_hook, atomic_load(&_swift_willThrowTypedImpl));
    atomic_store(&next_hook, atomic_load(&_swift_willThrow));
    atomic_store(&_swift_willThrow, will_throw);
    atomic_store(&boxes_are_made, atomic_load(&next_hook) && !atomic_load(&next_typed_hook));
    if (!atomic_load(&boxes_are_made)) atomic_store(&_swift_willThrowTypedImpl, will_throw_typed);
}

ctraceback_recorder *ctraceback_make(void) {
    ctraceback_recorder *recorder = calloc(1, sizeof *recorder);
    if (recorder) recorder->enabled = true;
    return recorder;
}

void ctraceback_free(ctraceback_recorder *recorder) {
    for (int i = 0; i < records; i++) forget(&recorder->records[i]);
    free(recorder);
}

void ctraceback_set_enabled(ctraceback_recorder *recorder, bool enabled) {
    recorder->enabled = enabled;
}

ctraceback_armed ctraceback_arm(ctraceback_recorder *recorder) {
    if (!atomic_load_explicit(&installed, memory_order_relaxed)) install();
    ctraceback_armed previous = {current, 0};
    if (recorder) {
        previous.end = recorder->end;
        recorder->end = (uintptr_t)__builtin_frame_address(0);
    }
    current = recorder;
    return previous;
}

void ctraceback_disarm(ctraceback_armed previous) {
    if (current) current->end = previous.end;
    current = previous.recorder;
}

int ctraceback_take(ctraceback_recorder *recorder, const void *error, uintptr_t *addresses) {
    struct record *record = find(recorder, error);
    // One of a `throws(Type)` function got its box, or another one, after it was thrown. Where no boxes are made, what had
    // one was another error of that type.
    struct record *last = &recorder->records[(recorder->next - 1) % records];
    bool may_be_last = !last->error || atomic_load_explicit(&boxes_are_made, memory_order_relaxed);
    if (!record && may_be_last && last->type == type_of(error)) record = last;
    if (!record) return 0;
    memcpy(addresses, record->stack.addresses, record->stack.count * sizeof *addresses);
    forget(record);
    return record->stack.count;
}
