import CReactor

/// What a C program gave along with a callback, and what releases it: once, when the callback will not be called again
/// and is not on the stack either.
@safe final class Userdata {
    private let pointer: UnsafeMutableRawPointer?
    private var destroy: reactor_destroy_t?
    private var uses = 0
    /// Whether the callback will not be called again.
    private(set) var isOver = false
    /// Whether the pointer is not good any more.
    var isReleased: Bool { isOver && uses == 0 }

    init(_ pointer: UnsafeMutableRawPointer?, _ destroy: reactor_destroy_t?) {
        unsafe self.pointer = unsafe pointer
        unsafe self.destroy = unsafe destroy
    }

    /// Hands the pointer to `body`, and does not release it meanwhile.
    func use<Result>(_ body: (UnsafeMutableRawPointer?) throws -> Result) rethrows -> Result {
        uses += 1
        defer {
            uses -= 1
            releaseIfUnused()
        }
        return try unsafe body(pointer)
    }

    /// The callback will not be called again.
    func end() {
        isOver = true
        releaseIfUnused()
    }

    private func releaseIfUnused() {
        guard isOver, uses == 0, let destroy = unsafe destroy else { return }
        unsafe self.destroy = nil
        unsafe destroy(pointer)
    }
}
