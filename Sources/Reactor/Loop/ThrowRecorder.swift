import CTraceback

/// Remembers where the last few errors were thrown that came out of a reactor's callbacks, or were caught in them.
///
/// The runtime calls a hook at each `throw`; it finds the recorder of its thread there, and walks the frame pointers up
/// to where that was armed: some ten frames, in less than a microsecond. Nothing is done where nothing is thrown.
@safe final class ThrowRecorder {
    private let recorder: OpaquePointer?

    /// Whether it records at all. Also while it is armed.
    var isEnabled = true {
        didSet { if let recorder = unsafe recorder { unsafe ctraceback_set_enabled(recorder, isEnabled) } }
    }

    init() { unsafe recorder = ctraceback_make() }

    deinit {
        if let recorder = unsafe recorder { unsafe ctraceback_free(recorder) }
    }

    /// Records what is thrown on this thread, in functions that the caller calls, until what it returns is disarmed.
    @inline(__always)
    func arm() -> Armed { unsafe Armed(previous: ctraceback_arm(recorder)) }

    /// What was armed before.
    @safe struct Armed {
        fileprivate let previous: ctraceback_armed

        @inline(__always)
        func disarm() { unsafe ctraceback_disarm(previous) }
    }

    /// The return addresses from where an error was thrown, innermost first; empty where that is not known. They are
    /// given out once.
    func takeAddresses(of error: any Error) -> [UInt] {
        guard let recorder = unsafe recorder else { return [] }
        // An existential of Error is one pointer, to the box that is thrown. Without the cast it would be opened.
        let box = unsafe unsafeBitCast(error as any Error, to: UnsafeRawPointer.self)
        return unsafe [UInt](unsafeUninitializedCapacity: ctraceback_limit) { addresses, count in
            unsafe count = ctraceback_take(recorder, box, addresses.baseAddress).asInt
        }
    }
}
