#include "libuv.h"

static long unstarted;

static void start_child(uv_process_t *child);

static void on_exit_of_child(uv_process_t *child, int64_t status, int signal) {
    (void)status, (void)signal;
    uv_close((uv_handle_t *)child, (uv_close_cb)start_child);
}

static void start_child(uv_process_t *child) {
    static char *arguments[] = {"/bin/true", NULL}, *environment[] = {NULL};
    uv_process_options_t options = {
        .file = arguments[0], .args = arguments, .env = environment, .exit_cb = on_exit_of_child
    };
    if (unstarted == 0) return;
    unstarted--;
    if (uv_spawn(loop, child, &options) != 0) abort();
}

static void bear(struct round *round) {
    uv_process_t *children = malloc((size_t)round->size * sizeof *children);
    for (long i = 0; i < round->size; i++) start_child(&children[i]);
    uv_run(loop, UV_RUN_DEFAULT);
    free(children);
}

// As many children at once as SIZE says.
void spawn(struct round *round) {
    unstarted = round->operations;
    stopwatch(round, bear);
}
