import CLibev

/// Ends the loop's sleep from any thread.
///
/// It owns libev's loop, so that a thread which still holds a handle never writes into freed memory: the loop is
/// destroyed with the last holder, whatever became of the reactor. That and libev's promise for `ev_async_send` (any
/// thread, any time) make it Sendable.
@safe final class Wakeup: @unchecked Sendable {
    let loop: OpaquePointer
    private let async: UnsafeMutablePointer<ev_async>

    /// Takes the loop over. The async watcher starts here and not on first use: `ev_async_start` aborts the process
    /// when no descriptor is left, and so would `ev_signal_start`, which shares its event descriptor.
    init(owning loop: OpaquePointer) {
        unsafe self.loop = loop
        unsafe async = .allocate(capacity: 1)
        // The callback has nothing to do: the loop asks what there is before each sleep, so a send that merges into a
        // wake-up already under way (libev does that for one made in the same pass) is not lost.
        unsafe clibev_async_init(async, { _, _, _ in })
        unsafe ev_async_start(loop, async)
    }

    deinit {
        unsafe ev_async_stop(loop, async)
        unsafe async.deallocate()
        unsafe ev_loop_destroy(loop)
    }

    /// Makes the present sleep, or the next one, end at once. Any thread.
    func send() {
        unsafe ev_async_send(loop, async)
    }
}
